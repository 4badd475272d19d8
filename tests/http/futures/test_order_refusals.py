"""Every refusal of a call that changes orders, with its status and code, in the order of checks; nothing changes."""

import pytest

from tests.http.futures.order_stage import OrderStage
from tests.http.futures.order_trader import wait_archived
from tests.http.table import TableRow, parameters, read_table
from tests.http.venue import Venue


@pytest.fixture(scope="session")
def order_stage(venue: Venue) -> OrderStage:
    return OrderStage(venue)


def check(order_stage: OrderStage, row: TableRow) -> None:
    status, code, *text = row["answer"].split(" ", 2)
    answer = order_stage.send(row["who"], row["request"])
    assert answer.brief() == f"{status} {code}", (row, answer.body)
    assert not text or answer.json["msg"] == text[0]


@pytest.mark.parametrize("row", parameters("futures_place", "futures_modify", "futures_cancel"))
def test_refusal(order_stage: OrderStage, row: TableRow) -> None:
    check(order_stage, row)
    order_stage.check_unchanged()


def test_a_cancel_looks_into_the_archive_too(order_stage: OrderStage) -> None:
    """What has ended gets the same answers as long as there is a record of it."""
    wait_archived(order_stage.venue)
    for row in read_table("futures_cancel"):
        if row["request"].startswith("DELETE /order?"):
            check(order_stage, row)
    order_stage.check_unchanged()


def test_no_such_market(order_stage: OrderStage, venue: Venue) -> None:
    """A spot market of that name is none."""
    symbol = venue.pair().symbol
    for request in (
        f"POST /order?symbol={symbol}",
        f"PUT /order?symbol={symbol}",
        f"DELETE /order?symbol={symbol}",
        f"DELETE /batchOrders?symbol={symbol}",
        f"DELETE /allOpenOrders?symbol={symbol}",
        f"POST /countdownCancelAll?symbol={symbol}",
    ):
        assert order_stage.send("own", request).brief() == "400 -1121"
