"""Checks of every order, on either product: against earlier responses, and against the trades that filled it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, NamedTuple

Fields = Mapping[str, Any]
_AVERAGE_DECIMALS: Final = 8
OPEN: Final = ("open", "partially_filled", "NEW", "PARTIALLY_FILLED")


class Names(NamedTuple):
    """A product's field names."""

    filled: str
    quantity: str
    lasting: tuple[str, ...]  # fields of an order that never change


def is_open(order: Fields) -> bool:
    """Whether the order may still fill."""
    return order["status"] in OPEN


def is_same(value: Any, wanted: Any) -> bool:
    """Compared as numbers, if both are."""
    try:
        return Decimal(str(value)) == Decimal(str(wanted))
    except ArithmeticError:
        return str(value) == str(wanted)


def is_average(average: str, value: Decimal, quantity: Decimal, tick: Decimal) -> bool:
    """Whether it is that of trades of this value and quantity: exact, or rounded to eight decimals below the tick."""
    exact = value / quantity
    return Decimal(average) in (exact, exact.quantize(tick.scaleb(-_AVERAGE_DECIMALS), ROUND_HALF_EVEN))


def check_reported(names: Names, row: Fields, now: Fields | None) -> Iterator[str]:
    """Compare an order's earlier state with its current one: an end is final, and fills are never undone."""
    if now is None:
        yield f"lost: {dict(row)}"
        return
    if is_open(row):
        fields = [name for name in names.lasting if name in row]
        if Decimal(now[names.filled]) < Decimal(row[names.filled]):
            yield f"unfilled: was {dict(row)}, now {dict(now)}"
    else:
        fields = list(row)
    if any(row[name] != now.get(name) for name in fields):
        yield f"changed: was {dict(row)}, now {dict(now)}"


def check_ended(when: str, now: Fields | None) -> Iterator[str]:
    """The order must not be open: a response said that it had ended."""
    if now is not None and is_open(now):
        yield f"{when}, but it is open: {dict(now)}"


def check_fills(orders: Mapping[Any, Fields], fills: Iterable[tuple[Any, Decimal]], filled: str) -> Iterator[str]:
    """The quantities of each order's trades must add up to its filled quantity."""
    done: defaultdict[Any, Decimal] = defaultdict(Decimal)
    for order_id, quantity in fills:
        done[order_id] += quantity
    for order_id, order in orders.items():
        if Decimal(order[filled]) != done[order_id]:
            yield f"its trades fill {done[order_id]} of {dict(order)}"
    for order_id in done.keys() - orders.keys():
        yield f"a trade of order {order_id}, which is not in the list"


def check_limits(
    names: Names,
    orders: Mapping[Any, Fields],
    prices: Iterable[tuple[Any, Decimal]],
    limits: Mapping[Any, Sequence[Decimal]],
) -> Iterator[str]:
    """No order is filled beyond its quantity; ``prices``, by order, of its trades are within one of its limits."""
    for order in orders.values():
        if 0 < Decimal(order[names.quantity] or 0) < Decimal(order[names.filled]):
            yield f"filled beyond its quantity: {dict(order)}"
    for order_id, price in prices:
        own = limits.get(order_id)
        if own and (price > max(own) if orders[order_id]["side"].lower() == "buy" else price < min(own)):
            yield f"a trade at {price} is worse than its order: {dict(orders[order_id])}"
