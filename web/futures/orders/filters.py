"""Decimals of a new order in ticks and lots, and the market's filters. Raises FuturesProblem -1013."""

from shards.model.decimals import Decimal, count_steps
from shards.model.markets import Market
from web.exchange.limits import PRICE_MAX
from web.futures.call.errors import LOT_SIZE, MAX_NOTIONAL, MIN_NOTIONAL, PRICE_FILTER, FuturesProblem, Refusal
from web.futures.limits import QUANTITY_MAX


def count_ticks(price: Decimal, market: Market) -> int:
    """A price in ticks, at least one; raises PRICE_FILTER if it is zero, off the tick size, or too large."""
    return _count(price, market.tick, PRICE_MAX, PRICE_FILTER)


def count_lots(quantity: Decimal, market: Market, *, clamped: bool = False) -> int:
    """A quantity in lots, at least one.

    Raises LOT_SIZE if it is zero, not a multiple of the step or, unless ``clamped``, too large.
    """
    if not clamped:
        return _count(quantity, market.lot, QUANTITY_MAX, LOT_SIZE)
    lots_max = QUANTITY_MAX * int(10**market.lot.decimals) // market.lot.digits
    return min(_count(quantity, market.lot, None, LOT_SIZE), lots_max)


def check_notional(ticks: int, lots: int, market: Market, reduce_only: bool) -> None:
    """Raises MIN_NOTIONAL (not for reduce-only orders), MAX_NOTIONAL."""
    assert market.futures is not None, "a futures market has its terms"
    notional = ticks * lots * market.tick_lot_units
    if notional < market.min_notional and not reduce_only:
        raise FuturesProblem(*MIN_NOTIONAL)
    if notional > market.futures.max_notional:
        raise FuturesProblem(*MAX_NOTIONAL)


def _count(value: Decimal, step: Decimal, value_max: int | None, refusal: Refusal) -> int:
    steps = count_steps(value, step)
    if not steps or (value_max is not None and value.digits > value_max * 10**value.decimals):
        raise FuturesProblem(*refusal)
    return steps
