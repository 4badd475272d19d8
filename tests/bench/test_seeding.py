"""The books that memory and recovery are measured with: orders as callers place them."""

from loadtest.bench.seeding import OWNER, full_book
from shards.model.commands import Place


def test_each_order_has_a_client_id_of_its_own() -> None:
    orders = [command.order for command in full_book(3_000, 300) if isinstance(command, Place)]
    assert len(orders) == 3_300 and sum(order.account == OWNER for order in orders) == 300
    assert all(len(order.client_id) > 5 for order in orders)
    assert len({(order.account, order.client_id) for order in orders}) == 3_300
