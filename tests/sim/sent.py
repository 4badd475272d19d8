"""What the model's shards send each other."""

from collections import Counter
from typing import NamedTuple

from shards.model.brackets import Bracket
from shards.model.commands import FundsHold, MarginHold
from shards.model.events import MarginFilled
from shards.model.links import TriggerMarginRequest

Held = Counter[tuple[str, str]]
"""Account and "hold", "BUY" or "SELL" → units held, or units of open value on that side."""


class FundsGrant(NamedTuple):
    """At home the money of a spot order is held."""

    requested: FundsHold
    amount: int


class Grant(NamedTuple):
    """At home the margin of a futures order is held, with this leverage."""

    requested: MarginHold | TriggerMarginRequest
    amount: int
    leverage: int
    held: bool  # else it only reduces, and goes without
    allowance: int = 0  # nothing is held, and so far it may go from the mark, in millionths


class Change(NamedTuple):
    """What a market decided for wallets kept elsewhere: (account, asset) → (available, held), by so much."""

    wallets: dict[tuple[str, str], tuple[int, int]]


class MarginChange(NamedTuple):
    """What futures markets decided for accounts kept elsewhere: what is held by so much more, and fills."""

    held: dict[int, Held]  # by market
    fills: list[tuple[MarginFilled, int]]  # with the leverage of their order


class Fired(NamedTuple):
    """Margin for a fired trigger is asked for."""

    requested: TriggerMarginRequest


class TriggerMarginResult(NamedTuple):
    """It is held, or it is not."""

    requested: TriggerMarginRequest
    grant: Grant


class Brackets(NamedTuple):
    """A market has other risk terms."""

    market: int
    brackets: list[Bracket]


class Mark(NamedTuple):
    """What one lot is worth."""

    market: int
    value: int


Sent = FundsGrant | Grant | Change | MarginChange | Fired | TriggerMarginResult | Brackets | Mark
