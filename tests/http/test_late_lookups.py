"""Ended orders that many callers ask the archive of a running exchange for at the same time."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random

from loadtest.bench.large_archive import LateOrder, fill_archive, late_order
from shards.folder import Folder
from shards.model.queries import FindEnded, GetOrder, GetOrderByClientId, Query
from shards.model.reasons import RejectReason
from shards.model.replies import BatchReply, OrderReply, Rejected
from tests.exchange import Exchange
from web.cli.access import open_client

COUNT = 20_000
CALLERS = 16
CALLS = 20  # of each


def test_each_caller_gets_his_own() -> None:
    with closing(Exchange(1)) as exchange:
        folder = Folder.open(exchange.data, 1)
        fill_archive(folder, COUNT)
        exchange.start()
        with open_client(folder) as client, ThreadPoolExecutor(CALLERS) as pool:

            def call(caller: int) -> None:
                chance = Random(caller)
                for _ in range(CALLS):
                    late = late_order(chance.randrange(COUNT))
                    query, expected = ask_for(late, chance.randrange(4))
                    reply = client.ask_archive(query)
                    match reply:
                        case OrderReply(order):
                            assert order.id == expected, query
                        case BatchReply(found):
                            assert [each if isinstance(each, RejectReason) else each.id for each in found] == expected
                        case Rejected(reason):
                            assert reason == expected, query

            list(pool.map(call, range(CALLERS)))


def ask_for(late: LateOrder, kind: int) -> tuple[Query, object]:
    """A query, and whom or what it is answered with."""
    match kind:
        case 0:
            return GetOrder(late.id), late.id
        case 1:
            return GetOrderByClientId(late.market, late.account, late.client_id), late.id
        case 2:
            return GetOrderByClientId(late.market, "nobody", late.client_id), RejectReason.UNKNOWN_ORDER
        case _:
            query = FindEnded(late.market, late.account, [late.id, 7], [late.client_id, "c"])
            return query, [late.id, RejectReason.UNKNOWN_ORDER, late.id, RejectReason.UNKNOWN_ORDER]
