"""Risk terms of a futures market: maximum leverage and maintenance margin by position size.

A bracket covers the notionals above the previous bracket's cap, up to its own. Integers only: notionals in units of the
quote asset, ratios in millionths.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

import msgspec

MILLION: Final = 1_000_000
LIQUIDATION_FEE: Final = 12_500  # unless the operator sets one


class Bracket(msgspec.Struct, array_like=True, frozen=True):
    """The terms that apply to positions up to a notional."""

    cap: int  # units
    max_leverage: int
    ratio: int  # maintenance margin, millionths of the notional
    cum: int = 0  # units: makes the maintenance margin continuous from one bracket to the next


class RiskTerms(msgspec.Struct, array_like=True, frozen=True):
    """What a futures market requires of an account with a position in it."""

    brackets: list[Bracket]  # caps and ratios rise, leverages fall
    liquidation_fee: int = LIQUIDATION_FEE  # millionths of the notional traded in a liquidation


class RiskChange(msgspec.Struct, array_like=True, frozen=True):
    """A change of risk terms; None leaves a term as it is."""

    brackets: list[Bracket] | None = None
    liquidation_fee: int | None = None

    def apply(self, terms: RiskTerms) -> RiskTerms:
        """Return the terms after the change."""
        brackets = terms.brackets if self.brackets is None else self.brackets
        fee = terms.liquidation_fee if self.liquidation_fee is None else self.liquidation_fee
        return RiskTerms(brackets, fee)


def make_brackets(rows: Iterable[tuple[int, int, int]]) -> list[Bracket]:
    """Return the brackets of (cap, maximum leverage, ratio), lowest cap first.

    Raises ValueError unless caps and ratios rise and leverages fall, or if a ``cum`` would not be a whole unit.
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
    """Return the first bracket whose cap is not exceeded; beyond all caps, the last."""
    return next((bracket for bracket in brackets if notional <= bracket.cap), brackets[-1])


def maintenance(brackets: Sequence[Bracket], notional: int) -> int:
    """Return the maintenance margin of a position of this notional in units, rounded up; 0 for none."""
    if not notional:
        return 0
    first = brackets[0]  # that of most positions
    bracket = first if notional <= first.cap else bracket_of(brackets, notional)
    return -(-notional * bracket.ratio // MILLION) - bracket.cum


def most_at(brackets: Sequence[Bracket], leverage: int) -> int:
    """Return the maximum entry value of a position and its open orders at a leverage."""
    most = brackets[0].cap
    for bracket in brackets:
        if bracket.max_leverage < leverage:
            break
        most = bracket.cap
    return most


def liquidation_notional(brackets: Sequence[Bracket], sign: int, cost: int, rest: int) -> Fraction | None:
    """Return the notional at which the margin balance equals the maintenance margin; None if none is above zero.

    ``sign`` is 1 for a long and -1 for a short position, ``cost`` its entry cost, ``rest`` the margin balance without
    it, less the maintenance margin of the other positions.
    """
    floor = 0
    for bracket in brackets:
        found = Fraction((rest + bracket.cum - sign * cost) * MILLION, bracket.ratio - sign * MILLION)
        if found > floor and (found <= bracket.cap or bracket is brackets[-1]):
            return found
        floor = bracket.cap
    return None
