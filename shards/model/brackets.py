"""Risk terms of a futures market: how much a position of some size may be levered, and what must be left behind it.

A bracket reaches from the cap of the one before to its own. Integers only: notionals in units of the quote asset,
ratios in millionths.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

import msgspec

MILLION: Final = 1_000_000
LIQUIDATION_FEE: Final = 12_500  # where an operator has said none


class Bracket(msgspec.Struct, array_like=True, frozen=True):
    """The terms of positions up to a notional."""

    cap: int  # units
    max_leverage: int
    ratio: int  # maintenance, millionths of the notional
    cum: int = 0  # units: makes the maintenance of one bracket go on where that of the one before ends


class RiskTerms(msgspec.Struct, array_like=True, frozen=True):
    """What a futures market asks of whoever holds a position in it."""

    brackets: list[Bracket]  # caps and ratios rise, leverages fall
    liquidation_fee: int = LIQUIDATION_FEE  # millionths of what is traded in a liquidation


class RiskChange(msgspec.Struct, array_like=True, frozen=True):
    """What is to change in risk terms; None: it stays as it is."""

    brackets: list[Bracket] | None = None
    liquidation_fee: int | None = None

    def apply(self, terms: RiskTerms) -> RiskTerms:
        """The terms with what has changed."""
        brackets = terms.brackets if self.brackets is None else self.brackets
        fee = terms.liquidation_fee if self.liquidation_fee is None else self.liquidation_fee
        return RiskTerms(brackets, fee)


def make_brackets(rows: Iterable[tuple[int, int, int]]) -> list[Bracket]:
    """The brackets of (cap, most leverage, ratio), lowest cap first.

    Raises ValueError if they do not rise and fall as they must, or a ``cum`` would not be a whole unit.
    """
    made: list[Bracket] = []
    for cap, leverage, ratio in rows:
        cum = 0
        if made:
            before = made[-1]
            step, rest = divmod(before.cap * (ratio - before.ratio), MILLION)
            if rest or cap <= before.cap or ratio <= before.ratio or leverage >= before.max_leverage:
                raise ValueError("brackets do not follow each other")
            cum = before.cum + step
        if cap < 1 or leverage < 1 or not 0 <= ratio * leverage < MILLION:
            raise ValueError("a bracket that its own leverage does not fit")
        made.append(Bracket(cap, leverage, ratio, cum))
    if not made:
        raise ValueError("no bracket")
    return made


def bracket_of(brackets: Sequence[Bracket], notional: int) -> Bracket:
    """The first whose cap is not exceeded; beyond all caps the last."""
    return next((bracket for bracket in brackets if notional <= bracket.cap), brackets[-1])


def maintenance(brackets: Sequence[Bracket], notional: int) -> int:
    """What a scope must be worth for a position of this notional, rounded up; none needs nothing."""
    if not notional:
        return 0
    first = brackets[0]  # which most positions lie in
    bracket = first if notional <= first.cap else bracket_of(brackets, notional)
    return -(-notional * bracket.ratio // MILLION) - bracket.cum


def most_at(brackets: Sequence[Bracket], leverage: int) -> int:
    """The most that a position with its open orders may be worth at entry, at a leverage."""
    most = brackets[0].cap
    for bracket in brackets:
        if bracket.max_leverage < leverage:
            break
        most = bracket.cap
    return most


def liquidation_notional(brackets: Sequence[Bracket], sign: int, cost: int, rest: int) -> Fraction | None:
    """The notional at which what a scope is worth comes down to its maintenance; None if there is none above zero.

    ``sign`` is 1 for a long and -1 for a short position, ``cost`` what was paid to enter it, ``rest`` what the scope is
    worth without it, less the maintenance of its other positions.
    """
    floor = 0
    for bracket in brackets:
        found = Fraction((rest + bracket.cum - sign * cost) * MILLION, bracket.ratio - sign * MILLION)
        if found > floor and (found <= bracket.cap or bracket is brackets[-1]):
            return found
        floor = bracket.cap
    return None
