"""Whether an account's futures orders are exactly those in its responses."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from loadtest.outcome import Outcome
from tests.crash.calls import Call
from tests.crash.futures_placed import Placed, children_of
from tests.crash.futures_statement import Row, Statement
from tests.crash.futures_trader import OPEN

_SAME: Final = ("symbol", "side", "positionSide", "origType", "time", "parentOrderId")
_SENT_AS: Final = {
    "symbol": "symbol",
    "side": "side",
    "type": "origType",
    "timeInForce": "timeInForce",
    "newClientOrderId": "clientOrderId",
    "clientAlgoId": "clientOrderId",
    "workingType": "workingType",
    "parentOrderId": "parentOrderId",
    "stopPrice": "stopPrice",
    "callbackRate": "priceRate",
}
_CHILD_TERMS: Final = {
    "takeProfitPrice": ("takeProfitOrderId", "TAKE_PROFIT_MARKET"),
    "stopLossPrice": ("stopLossOrderId", "STOP_MARKET"),
}


def check_orders(known: Mapping[int, Placed], said: Statement, calls: Sequence[Call]) -> Iterator[str]:
    """No order is lost, none is unknown to the account, and each is as it was sent."""
    placed = (said.orders[number] for number in known.keys() & said.orders.keys())
    children = {child for order in placed for child in children_of(order).values()}
    for number in (known.keys() | children) - said.orders.keys():
        yield f"order {number} is lost; {known.get(number)}"
    for number in said.orders.keys() - known.keys() - children:
        yield f"nobody was told of {said.orders[number]}: placed twice, or after 'not executed'"
    for number in known.keys() & said.orders.keys():
        yield from _check_content(said.orders[number], known[number], _changes_of(number, calls))
        yield from _check_children(said.orders[number], known[number], said)
    listed = {number: order for number, order in said.orders.items() if order["status"] in OPEN}
    if listed != said.open:
        yield f"open are {list(said.open)}, of all orders {list(listed)} are"


def same(told: Any, wanted: Any) -> bool:
    """Compared as numbers, if both are."""
    try:
        return Decimal(str(told)) == Decimal(str(wanted))
    except ArithmeticError:
        return str(told) == str(wanted)


def _check_content(order: Row, placed: Placed, changes: Sequence[Call]) -> Iterator[str]:
    number = order["orderId"]
    for name, field in _SENT_AS.items():
        if name in placed.sent and not same(order.get(field), placed.sent[name]):
            yield f"order {number} has {field} {order.get(field)}, wanted was {placed.sent[name]}"
    if "orderId" in placed.told:
        for field in _SAME:
            if order.get(field) != placed.told.get(field):
                yield f"order {number} has {field} {order.get(field)}, told was {placed.told.get(field)}"
    closes = "closePosition" in placed.sent
    only_reduces = closes or "parentOrderId" in placed.sent or placed.sent.get("reduceOnly") == "true"
    if (order["closePosition"], order["reduceOnly"]) != (closes, only_reduces):
        yield f"order {number} has another closePosition or reduceOnly than {placed.sent}: {order}"
    for name, field in (("price", "price"), ("quantity", "origQty")):
        wanted = [placed.sent[name]] if name in placed.sent else []
        for change in changes:
            if not wanted or name not in change.sent:
                continue  # not applicable, or unchanged
            if change.status == 200:
                if not _fits(change.body, field, change.sent[name]):
                    yield f"{change} to {change.sent} was told {change.body}"
                wanted = [change.body[field]]
            elif change.outcome is Outcome.UNKNOWN:
                wanted.append(change.sent[name])
        if wanted and not any(_fits(order, field, value) for value in wanted):
            yield f"order {number} has {field} {order[field]}, wanted was one of {wanted}"


def _fits(order: Row, field: str, wanted: str) -> bool:
    """A reduce-only order may have become smaller."""
    smaller = field == "origQty" and order["reduceOnly"] and Decimal(order[field]) <= Decimal(wanted)
    return smaller or same(order[field], wanted)


def _changes_of(number: int, calls: Sequence[Call]) -> list[Call]:
    found = [call for call in calls if call.what == "modify" and call.name == str(number)]
    return sorted(found, key=lambda call: call.started)


def _check_children(order: Row, placed: Placed, said: Statement) -> Iterator[str]:
    """All attached orders exist; those of a parent that was canceled, or ended without a fill, have ended with it."""
    if "orderId" in placed.told and children_of(placed.told) != children_of(order):
        yield f"told were the children {children_of(placed.told)}, now {order}"
    for name, (field, kind) in _CHILD_TERMS.items():
        child = said.orders.get(order.get(field, 0))
        if (name in placed.sent) != (field in order):
            yield f"{placed.sent} has made {order}"
        elif child is not None and (
            (child["origType"], child["reduceOnly"], child.get("parentOrderId")) != (kind, True, order["orderId"])
            or child["side"] == order["side"]
            or not same(child["stopPrice"], placed.sent[name])
        ):
            yield f"order {order} has the child {child}, wanted was {placed.sent}"
    took_along = order["status"] == "CANCELED" or (order["status"] == "EXPIRED" and same(order["executedQty"], 0))
    if took_along:
        for child in said.children_of(order["orderId"]):
            if child["status"] != "CANCELED" or child["updateTime"] > order["updateTime"]:
                yield f"{order['status']} is {order}, and its child is {child}"
