"""Whether an account's futures orders are exactly those that were acknowledged, with the terms that were sent."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from loadtest.findings import Names, check_reported, is_open, is_same
from loadtest.outcome import Outcome, error_of
from loadtest.placements import CHILDREN, Placed, attached_to, attempts_in
from loadtest.record import Call
from loadtest.statement import FuturesStatement, JsonObject

FILLED: Final = "executedQty"
QUANTITY: Final = "origQty"
_LASTING: Final = tuple(
    "clientOrderId orderId origQty origType price reduceOnly side positionSide symbol timeInForce time"
    " parentOrderId takeProfitOrderId stopLossOrderId".split()
)
_LINKS: Final = ("parentOrderId", *CHILDREN)
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


class OrderAudit:
    """The orders of one account."""

    def __init__(self, calls: Sequence[Call], known: Mapping[int, Placed], statement: FuturesStatement) -> None:
        """``calls`` by time; ``known``: every order that was acknowledged or found, by id."""
        self._calls = calls
        self._known = known
        self._statement = statement
        self._orders = statement.orders
        self._attached: defaultdict[int, list[JsonObject]] = defaultdict(list)  # by the order they are attached to
        for order in statement.orders.values():
            self._attached[order.get("parentOrderId", 0)].append(order)
        self._changes: defaultdict[int, list[Call]] = defaultdict(list)  # that were or may have been executed
        for call in calls:
            if call.verb == "modify" and (call.status == 200 or call.outcome is Outcome.UNKNOWN):
                self._changes[call.sent["orderId"]].append(call)

    def findings(self, start_s: int) -> Iterator[str]:
        """All findings as texts; lists of orders may contain some from before ``start_s``, which do not count."""
        yield from self._check_known()
        for number in self._known.keys() & self._orders.keys():
            yield from self._check_content(self._orders[number], self._known[number])
            yield from self._check_attached(self._orders[number], self._known[number])
        for call in self._calls:
            for row in _orders_in(call):
                if call.verb != "orders" or row["time"] >= start_s * 1_000:
                    yield from self._check_reported(row)
        listed = {number: order for number, order in self._orders.items() if is_open(order)}
        if listed != self._statement.open:
            yield f"open are {list(self._statement.open)}, of all orders {list(listed)} are"

    def limits(self) -> dict[int, list[Decimal]]:
        """The prices that each order has or may have had, by id; none for an order without a price."""
        prices = {
            number: [order["price"], *(self._values(number, "price") if number in self._changes else ())]
            for number, order in self._orders.items()
        }
        return {number: [Decimal(price) for price in each if Decimal(price)] for number, each in prices.items()}

    def _check_known(self) -> Iterator[str]:
        """No order is lost, and none is unknown to the account."""
        attached = {child for number in self._known for child in attached_to(self._orders.get(number, {}))}
        for number in (self._known.keys() | attached) - self._orders.keys():
            yield f"lost: {number} {self._known.get(number, 'is attached to another')}"
        for number in self._orders.keys() - self._known.keys() - attached:
            yield f"never acknowledged: {self._orders[number]}: placed twice, or after 'not executed'"

    def _check_reported(self, row: JsonObject) -> Iterator[str]:
        """An order as it was at some time, against what it is now."""
        number = row["orderId"]
        order = self._orders.get(number)
        if order is None and number in self._known:
            return  # lost, as reported above
        changing: set[str] = set()
        if number in self._changes:
            changing = {"price", QUANTITY}
        elif row["reduceOnly"]:
            changing = {QUANTITY}
        names = Names(FILLED, QUANTITY, tuple(name for name in _LASTING if name not in changing))
        yield from check_reported(names, row, order)
        for child in set(attached_to(row)) - self._orders.keys():
            yield f"lost: {child}, attached to {row}"

    def _check_content(self, order: JsonObject, placed: Placed) -> Iterator[str]:
        """Each order is as it was sent, and since modified."""
        number, sent = order["orderId"], placed.sent
        for name, field in _SENT_AS.items():
            if name in sent and not is_same(order.get(field), sent[name]):
                yield f"order {number} has {field} {order.get(field)}, wanted was {sent[name]}"
        closes = "closePosition" in sent
        only_reduces = closes or "parentOrderId" in sent or sent.get("reduceOnly") == "true"
        if (order["closePosition"], order["reduceOnly"]) != (closes, only_reduces):
            yield f"order {number} has another closePosition or reduceOnly than {sent}: {order}"
        for change in self._changes.get(number, ()):
            for name, field in (("price", "price"), ("quantity", QUANTITY)):
                if change.status == 200 and name in change.sent and not _fits(change.body, field, change.sent[name]):
                    yield f"{change} was answered {change.body}"
        for name, field in (("price", "price"), ("quantity", QUANTITY)):
            wanted = self._last_values(number, name, field)
            if wanted and not any(_fits(order, field, value) for value in wanted):
                yield f"order {number} has {field} {order[field]}, wanted was one of {wanted}"

    def _values(self, number: int, name: str) -> list[str]:
        """Every value that was sent for an order, oldest first; none if none was sent when it was placed."""
        placed = self._known.get(number)
        if placed is None or name not in placed.sent:
            return []
        return [placed.sent[name], *(each.sent[name] for each in self._changes.get(number, ()) if name in each.sent)]

    def _last_values(self, number: int, name: str, field: str) -> list[str]:
        """What it may be now: as the last change that was answered has left it, or one of unknown outcome since."""
        wanted = self._values(number, name)[:1]
        for change in self._changes.get(number, ()) if wanted else ():
            if name in change.sent:
                wanted = [change.body[field]] if change.status == 200 else [*wanted, change.sent[name]]
        return wanted

    def _check_attached(self, order: JsonObject, placed: Placed) -> Iterator[str]:
        """Attached orders are as sent; those of an order that was canceled, or ended without a fill, ended with it."""
        if "orderId" in placed.answer and _links(placed.answer) != _links(order):
            yield f"linked were {_links(placed.answer)}, now {order}"
        for name, (field, kind) in _CHILD_TERMS.items():
            child = self._orders.get(order.get(field, 0))
            if (name in placed.sent) != (field in order):
                yield f"{placed.sent} has made {order}"
            elif child is not None and (
                (child["origType"], child["reduceOnly"], child.get("parentOrderId")) != (kind, True, order["orderId"])
                or child["side"] == order["side"]
                or not is_same(child["stopPrice"], placed.sent[name])
            ):
                yield f"order {order} has attached {child}, wanted was {placed.sent}"
        if order["status"] == "CANCELED" or (order["status"] == "EXPIRED" and not Decimal(order[FILLED])):
            for child in self._attached[order["orderId"]]:
                if not _ended_with(child, order):
                    yield f"{order['status']} is {order}, and attached to it {child}"


def _orders_in(call: Call) -> Iterator[JsonObject]:
    """The orders in a response, as they were then."""
    if call.status != 200:
        return
    if call.verb in ("cancel_batch", "orders"):
        rows = call.body
    elif call.verb in ("cancel", "cancel_by_client_id", "modify"):
        rows = [call.body]
    else:
        rows = [attempt.answer for attempt in attempts_in(call)]
    yield from (row for row in rows if "orderId" in row and not error_of(row))


def _links(order: JsonObject) -> dict[str, int]:
    return {name: order[name] for name in _LINKS if name in order}


def _ended_with(child: JsonObject, order: JsonObject) -> bool:
    is_later: bool = child["updateTime"] > order["updateTime"]
    return child["status"] == "CANCELED" and not is_later


def _fits(order: JsonObject, field: str, wanted: str) -> bool:
    """A reduce-only order may have become smaller."""
    is_smaller = field == QUANTITY and order["reduceOnly"] and Decimal(order[field]) <= Decimal(wanted)
    return is_smaller or is_same(order[field], wanted)
