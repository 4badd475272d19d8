"""The risk rules as simply as possible: brackets, bands around the mark price, losses against it."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from shards.model.brackets import Bracket
from shards.model.orders import Side

MILLION = 1_000_000


class Funds(NamedTuple):
    """What a new order holds per lot, and the price limit that follows. Prices in ticks."""

    limit: int
    hold_price: int
    leverage: int  # 0: reduce-only
    loss: int


def maintenance(brackets: Sequence[Bracket], notional: int) -> int:
    """The maintenance margin of a position: each part at the ratio of its bracket, rounded up."""
    total, floor = Fraction(0), 0
    for number, bracket in enumerate(brackets):
        last = number == len(brackets) - 1
        part = max(0, (notional if last else min(notional, bracket.cap)) - floor)
        total += Fraction(part * bracket.ratio, MILLION)
        floor = bracket.cap
    return ceil(total)


def most_at(brackets: Sequence[Bracket], leverage: int) -> int:
    """Maximum entry notional of a position; leverage above the first bracket's maximum counts as that maximum."""
    leverage = min(leverage, brackets[0].max_leverage)
    return max(bracket.cap for bracket in brackets if bracket.max_leverage >= leverage)


def is_within(side: Side, price: int, mark: int, ratio: int) -> bool:
    """Whether ``price`` is worse than the mark price by at most ``ratio`` millionths, or there is no mark price."""
    return worse_by(side, price, mark) * MILLION <= mark * ratio if mark else True


def worst_within(side: Side, mark: int, ratio: int) -> int:
    """The worst price for which :func:`is_within` holds."""
    exact = Fraction(mark * (MILLION + ratio if side is Side.BUY else MILLION - ratio), MILLION)
    return int(exact) if side is Side.BUY else ceil(exact)


def nearest(side: Side, limit: int, mark: int, ratio: int) -> int:
    """The limit, or the worst price within ``ratio`` of the mark price if the limit is worse."""
    return limit if is_within(side, limit, mark, ratio) else worst_within(side, mark, ratio)


def worse_by(side: Side, price: int, mark: int) -> int:
    """Ticks that a lot loses immediately if it trades at ``price``."""
    if not mark:
        return 0
    return max(0, price - mark if side is Side.BUY else mark - price)
