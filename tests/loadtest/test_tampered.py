"""One order, one answer or one unit is changed in the answers or the statements: the auditor finds it."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final

import pytest

from loadtest.archive_audit import audit_archive
from loadtest.auditor import Statements
from loadtest.record import Call, read_records
from loadtest.statement import JsonObject, Opening
from tests.loadtest.stage import Load, audit

UNIT: Final = Decimal("0.000001")  # of USDT


def answered(status: int, body: Any) -> Callable[[Call], None]:
    def change(call: Call) -> None:
        call.status, call.body = status, body

    return change


def forget(call: Call) -> None:
    """It stands for a call that nobody has made."""
    call.account = ""


UNASKED: Final = "nobody asked to cancel"
# of which call, how it is changed, and what is found
ANSWERS: Final[dict[str, tuple[str, Callable[[Call], object], str]]] = {
    "lose_spot_order": ("spot place", lambda call: call.body.update(id=f"{call.body['id'][:-4]}ffff"), "lost: "),
    "lose_futures_order": (
        "futures place",
        lambda call: call.body.update(orderId=call.body["orderId"] + 10**9),
        "lost: ",
    ),
    "forget_spot_order": ("spot place", forget, "never acknowledged: "),
    "forget_futures_order": ("futures place", forget, "never acknowledged: "),
    "send_other_terms": ("spot place", lambda call: call.sent.update(tif="fok"), "wanted was fok"),
    "fill_canceled_spot_order": ("spot cancel", lambda call: call.body.update(filled_qty="0.000001"), "changed: "),
    "fill_canceled_futures_order": ("futures cancel", lambda call: call.body.update(executedQty="0.1"), "changed: "),
    "forget_spot_cancel": ("spot cancel", forget, UNASKED),
    "forget_futures_cancel": ("futures cancel", forget, UNASKED),
    "cancel_though_busy": ("spot cancel_by_client_id", answered(503, {"error": "ENGINE_BUSY"}), UNASKED),
    "cancel_futures_though_busy": ("futures cancel", answered(503, {"code": -1008, "msg": "busy"}), UNASKED),
    "lose_connection": ("spot balances", answered(0, None), "and nothing was killed"),
    "answer_otherwise": ("spot cancel", answered(500, {"error": "internal error"}), "not an answer to expect"),
}


@pytest.mark.parametrize(("what", "change", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_what_is_missing_is_found(load: Load, what: str, change: Callable[[Call], object], expected: str) -> None:
    calls = list(read_records(load.plan.records))
    call = next(call for call in calls if call.what == what and call.status == 200)
    name = call.account
    change(call)
    found = audit(load, name, calls, load.openings, load.auditor.statements)
    assert len(found) <= 2 and any(expected in text for text in found), found


def give_spot(opening: Opening) -> None:
    opening.spot["USDT"] += UNIT


def give_futures(opening: Opening) -> None:
    opening.wallet += UNIT


@pytest.mark.parametrize(
    ("give", "expected"), [(give_spot, "USDT: available and frozen are"), (give_futures, "the wallet has")]
)
def test_a_missing_unit_is_found(load: Load, give: Callable[[Opening], None], expected: str) -> None:
    openings = deepcopy(load.openings)
    name, opening = next(iter(openings.items()))
    give(opening)
    found = audit(load, name, load.calls, openings, load.auditor.statements)
    assert len(found) <= 2 and any(expected in text for text in found), found


Rows = Callable[[Statements], Iterator[tuple[str, JsonObject]]]


def spot_orders(statements: Statements) -> Iterator[tuple[str, JsonObject]]:
    yield from ((name, row) for name, spot in statements.spot.items() for row in spot.orders.values())


def spot_trades(statements: Statements) -> Iterator[tuple[str, JsonObject]]:
    yield from ((name, row) for name, spot in statements.spot.items() for row in spot.trades.values())


def futures_orders(statements: Statements) -> Iterator[tuple[str, JsonObject]]:
    yield from ((name, row) for name, futures in statements.futures.items() for row in futures.orders.values())


def fills(statements: Statements) -> Iterator[tuple[str, JsonObject]]:
    yield from ((name, row) for name, futures in statements.futures.items() for row in futures.fills.values())


def children(statements: Statements) -> Iterator[tuple[str, JsonObject]]:
    yield from ((name, row) for name, row in futures_orders(statements) if "parentOrderId" in row)


def listed(statements: Statements) -> Iterator[tuple[str, JsonObject]]:
    """The orders among the open ones."""
    yield from ((name, row) for name, futures in statements.futures.items() for row in futures.open.values())


def income(statements: Statements) -> Iterator[tuple[str, JsonObject]]:
    yield from ((name, row) for name, futures in statements.futures.items() for row in futures.income)


def accounts(statements: Statements) -> Iterator[tuple[str, JsonObject]]:
    yield from ((name, futures.account) for name, futures in statements.futures.items())


def positions(statements: Statements) -> Iterator[tuple[str, JsonObject]]:
    """Of markets with open orders."""
    rows = ((name, row) for name, account in accounts(statements) for row in account["positions"])
    yield from ((name, row) for name, row in rows if Decimal(row["openOrderInitialMargin"]))


def worsen(order: JsonObject) -> None:
    """Its limit, so that its trades were worse."""
    order["price"] = str(Decimal(order["price"]) * (Decimal("0.5") if order["side"].lower() == "buy" else 2))


def add(field: str, amount: Decimal) -> Callable[[JsonObject], None]:
    return lambda row: row.update({field: str(Decimal(row[field]) + amount)})


def halve(field: str) -> Callable[[JsonObject], None]:
    return lambda row: row.update({field: str(Decimal(row[field]) / 2)})


FILLED: Final = {"status": "filled", "type": "limit"}
FUTURES_FILLED: Final = {"status": "FILLED", "origType": "LIMIT"}
CANCELED: Final = {"status": "CANCELED", "origType": "LIMIT"}
# the first such row, how it is changed, and what is found
STATEMENTS: Final[dict[str, tuple[Rows, JsonObject, Callable[[JsonObject], object], str]]] = {
    "expire_canceled_order": (
        futures_orders,
        CANCELED,
        lambda row: row.update(status="EXPIRED"),
        "no own order was in",
    ),
    "trade_spot_beyond_the_limit": (spot_orders, FILLED, worsen, "is worse than its order"),
    "trade_futures_beyond_the_limit": (futures_orders, FUTURES_FILLED, worsen, "is worse than its order"),
    "fill_spot_beyond_the_quantity": (spot_orders, FILLED, halve("quantity"), "filled beyond its quantity"),
    "fill_futures_beyond_the_quantity": (
        futures_orders,
        FUTURES_FILLED,
        halve("origQty"),
        "filled beyond its quantity",
    ),
    "fill_half_of_it": (spot_orders, FILLED, add("quantity", Decimal(1)), "it is not filled"),
    "report_another_average": (spot_orders, FILLED, add("avg_fill_price", UNIT), "its trades are worth"),
    "overcharge_spot": (spot_trades, {}, add("fee", UNIT), "the fee should be"),
    "overcharge_futures": (fills, {}, add("commission", UNIT), "the fee should be"),
    "trade_on_the_other_side": (fills, {}, lambda row: row.update(side="none"), "its order is on the other side"),
    "fill_half_of_a_futures_order": (futures_orders, FUTURES_FILLED, add("origQty", Decimal(1)), "it is not filled"),
    "report_another_futures_average": (futures_orders, FUTURES_FILLED, add("avgPrice", UNIT), "its average should be"),
    "change_a_time_in_force": (
        futures_orders,
        FUTURES_FILLED,
        lambda row: row.update(timeInForce="FOK"),
        "wanted was",
    ),
    "make_it_reduce_only": (futures_orders, CANCELED, lambda row: row.update(reduceOnly=True), "another closePosition"),
    "move_an_attached_order": (children, {}, add("stopPrice", Decimal(1)), "has attached"),
    "leave_an_order_open": (listed, {}, lambda row: row.update(executedQty="0.5"), "of all orders"),
    "lose_income": (income, {"incomeType": "COMMISSION"}, add("income", UNIT), "income beyond the fills"),
    "hold_too_little": (positions, {}, add("openOrderInitialMargin", -(10**6) * UNIT), "held should be"),
    "understate_open_orders": (positions, {}, add("askNotional", UNIT), "open should be"),
    "mark_a_position_otherwise": (positions, {}, add("notional", UNIT), "is not at the mark price"),
    "overstate_what_is_available": (accounts, {}, add("availableBalance", UNIT), "available should be"),
}


@pytest.mark.parametrize(("rows", "fits", "change", "expected"), STATEMENTS.values(), ids=STATEMENTS)
def test_a_wrong_statement_is_found(
    load: Load, rows: Rows, fits: JsonObject, change: Callable[[JsonObject], object], expected: str
) -> None:
    statements = deepcopy(load.auditor.statements)
    name, row = next((name, row) for name, row in rows(statements) if fits.items() <= row.items())
    change(row)
    found = audit(load, name, load.calls, load.openings, statements)
    assert any(expected in text for text in found), found


def test_a_lost_attached_order_is_found(load: Load) -> None:
    statements = deepcopy(load.auditor.statements)
    name, row = next((name, row) for name, row in futures_orders(statements) if "takeProfitOrderId" in row)
    del statements.futures[name].orders[row["takeProfitOrderId"]]
    assert any("lost: " in text for text in audit(load, name, load.calls, load.openings, statements))


def test_an_order_that_only_the_archive_has_is_found(load: Load) -> None:
    statements = deepcopy(load.auditor.statements)
    next(spot.orders for spot in statements.spot.values() if spot.orders).popitem()
    (found,) = audit_archive(load.exchange.folder, statements, seconds=0)
    assert "beyond, and misses {}" in found


def test_a_fill_that_only_the_archive_has_is_found(load: Load) -> None:
    statements = deepcopy(load.auditor.statements)
    next(futures.fills for futures in statements.futures.values() if futures.fills).popitem()
    (found,) = audit_archive(load.exchange.folder, statements, seconds=0)
    assert "fills of" in found and "beyond, and misses {}" in found


def test_another_client_id_in_a_row_is_found(load: Load) -> None:
    statements = deepcopy(load.auditor.statements)
    order_id = next(iter(statements.client_ids))
    statements.client_ids[order_id] = "of-another"
    (found,) = audit_archive(load.exchange.folder, statements)
    assert f"the client id was of-another: _Stored(product='spot', id='{order_id}'" in found
