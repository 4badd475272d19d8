"""One order, one answer or one unit is changed in what was told or said: the auditor finds it."""

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Final

import pytest

from loadtest.archive_audit import audit_archive
from loadtest.auditor import Openings, Statements
from loadtest.record import Call, read_records
from loadtest.statement import Row
from tests.loadtest.stage import Load, audit

UNIT: Final = Decimal("0.000001")  # of USDT


def lose_spot_order(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot place")
    call.body["id"] = f"{call.body['id'][:-4]}ffff"
    return call.account, "lost: "


def lose_futures_order(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "futures place")
    call.body["orderId"] += 10**9
    return call.account, "lost: "


def forget_spot_order(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot place")
    calls.remove(call)
    return call.account, "nobody was told of"


def forget_futures_order(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "futures place")
    calls.remove(call)
    return call.account, "nobody was told of"


def fill_canceled_spot_order(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot cancel")
    call.body["filled_qty"] = "0.000001"
    return call.account, "changed: "


def fill_canceled_futures_order(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "futures cancel")
    call.body["executedQty"] = "0.000001"
    return call.account, "changed: "


def forget_spot_cancel(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot cancel")
    calls.remove(call)
    return call.account, "nobody asked to cancel"


def forget_futures_cancel(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "futures cancel")
    calls.remove(call)
    return call.account, "nobody asked to cancel"


def cancel_though_busy(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot cancel_by_client_id")
    call.status, call.body = 503, {"error": "ENGINE_BUSY"}
    return call.account, "nobody asked to cancel"


def cancel_futures_though_busy(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "futures cancel")
    call.status, call.body = 503, {"code": -1008, "msg": "busy"}
    return call.account, "nobody asked to cancel"


def lose_connection(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot balances")
    call.status, call.body = 0, None
    return call.account, "and nothing was killed"


def answer_otherwise(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot cancel")
    call.status, call.body = 500, {"error": "internal error"}
    return call.account, "not an answer to expect"


def take_one_unit(calls: list[Call], openings: Openings) -> tuple[str, str]:
    account = next(iter(openings))
    openings[account].spot["USDT"] += UNIT
    return account, "USDT: available and frozen are"


def take_one_unit_of_a_wallet(calls: list[Call], openings: Openings) -> tuple[str, str]:
    account = next(iter(openings))
    openings[account].wallet += UNIT
    return account, "the wallet has"


def _answered(calls: list[Call], what: str) -> Call:
    return next(call for call in calls if call.what == what and call.status == 200)


@pytest.mark.parametrize(
    "tamper",
    [
        lose_spot_order,
        lose_futures_order,
        forget_spot_order,
        forget_futures_order,
        fill_canceled_spot_order,
        fill_canceled_futures_order,
        forget_spot_cancel,
        forget_futures_cancel,
        cancel_though_busy,
        cancel_futures_though_busy,
        lose_connection,
        answer_otherwise,
        take_one_unit,
        take_one_unit_of_a_wallet,
    ],
)
def test_what_is_missing_is_found(load: Load, tamper: Callable[[list[Call], Openings], tuple[str, str]]) -> None:
    calls, openings = list(read_records(load.plan.records)), deepcopy(load.openings)
    name, expected = tamper(calls, openings)
    found = audit(load, name, calls, openings, load.auditor.statements)
    assert len(found) <= 2 and any(expected in text for text in found), found


def lose_attached_order(said: Statements) -> tuple[str, str]:
    name, futures = next(
        (name, futures.orders)
        for name, futures in said.futures.items()
        if any("takeProfitOrderId" in row for row in futures.orders.values())
    )
    futures.pop(next(row["takeProfitOrderId"] for row in futures.values() if "takeProfitOrderId" in row))
    return name, "lost: "


def expire_canceled_order(said: Statements) -> tuple[str, str]:
    rows = ((name, row) for name, futures in said.futures.items() for row in futures.orders.values())
    name, order = next((name, row) for name, row in rows if (row["status"], row["origType"]) == ("CANCELED", "LIMIT"))
    order["status"] = "EXPIRED"
    return name, "no own order was in the way"


def trade_spot_beyond_the_limit(said: Statements) -> tuple[str, str]:
    name, order = _filled_spot(said)
    order["price"] = str(Decimal(order["price"]) * (Decimal("0.5") if order["side"] == "buy" else 2))
    return name, "is worse than its order"


def trade_futures_beyond_the_limit(said: Statements) -> tuple[str, str]:
    name, order = _filled_futures(said)
    order["price"] = str(Decimal(order["price"]) * (Decimal("0.5") if order["side"] == "BUY" else 2))
    return name, "is worse than its order"


def fill_spot_beyond_the_quantity(said: Statements) -> tuple[str, str]:
    name, order = _filled_spot(said)
    order["quantity"] = str(Decimal(order["quantity"]) / 2)
    return name, "filled beyond its quantity"


def fill_futures_beyond_the_quantity(said: Statements) -> tuple[str, str]:
    name, order = _filled_futures(said)
    order["origQty"] = str(Decimal(order["origQty"]) / 2)
    return name, "filled beyond its quantity"


def overcharge_spot(said: Statements) -> tuple[str, str]:
    name, trade = next((name, trade) for name, spot in said.spot.items() for trade in spot.trades.values())
    trade["fee"] = str(Decimal(trade["fee"]) + UNIT)
    return name, "the fee should be"


def overcharge_futures(said: Statements) -> tuple[str, str]:
    name, fill = next((name, fill) for name, futures in said.futures.items() for fill in futures.fills.values())
    fill["commission"] = str(Decimal(fill["commission"]) + UNIT)
    return name, "the fee should be"


def _filled_spot(said: Statements) -> tuple[str, Row]:
    rows = ((name, row) for name, spot in said.spot.items() for row in spot.orders.values())
    return next((name, row) for name, row in rows if row["status"] == "filled" and row["type"] == "limit")


def _filled_futures(said: Statements) -> tuple[str, Row]:
    rows = ((name, row) for name, futures in said.futures.items() for row in futures.orders.values())
    return next((name, row) for name, row in rows if row["status"] == "FILLED" and row["origType"] == "LIMIT")


@pytest.mark.parametrize(
    "tamper",
    [
        lose_attached_order,
        expire_canceled_order,
        trade_spot_beyond_the_limit,
        trade_futures_beyond_the_limit,
        fill_spot_beyond_the_quantity,
        fill_futures_beyond_the_quantity,
        overcharge_spot,
        overcharge_futures,
    ],
)
def test_what_is_said_wrongly_is_found(load: Load, tamper: Callable[[Statements], tuple[str, str]]) -> None:
    said = deepcopy(load.auditor.statements)
    name, expected = tamper(said)
    found = audit(load, name, load.calls, load.openings, said)
    assert any(expected in text for text in found), found


def test_a_row_that_nobody_was_told_of_is_found(load: Load) -> None:
    said = deepcopy(load.auditor.statements)
    next(spot.orders for spot in said.spot.values() if spot.orders).popitem()
    (found,) = audit_archive(load.exchange.folder, said, seconds=0)
    assert "beyond, and misses {}" in found


def test_another_client_id_in_a_row_is_found(load: Load) -> None:
    said = deepcopy(load.auditor.statements)
    order_id = next(iter(said.client_ids))
    said.client_ids[order_id] = "of-another"
    (found,) = audit_archive(load.exchange.folder, said)
    assert f"the client id was of-another: _Stored(product='spot', id='{order_id}'" in found
