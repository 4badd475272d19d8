"""Messages between the model's shards."""

from collections import Counter
from typing import NamedTuple

from shards.model.brackets import Bracket
from shards.model.commands import FundsHold, MarginHold
from shards.model.events import MarginFilled
from shards.model.links import TriggerMarginRequest

Held = Counter[tuple[str, str]]
"""Account and "hold", "BUY" or "SELL" → units held, or units of open notional on that side."""


class FundsGrant(NamedTuple):
    """The funds of a spot order are held at its account shard."""

    requested: FundsHold
    amount: int


class Grant(NamedTuple):
    """The margin of a futures order is held at its account shard, with this leverage."""

    requested: MarginHold | TriggerMarginRequest
    amount: int
    leverage: int
    held: bool  # otherwise reduce-only, without a hold
    allowance: int = 0  # distance from the mark price allowed without a hold, in millionths


class Change(NamedTuple):
    """A market's changes of wallets kept elsewhere: (account, asset) → changes of (available, held)."""

    wallets: dict[tuple[str, str], tuple[int, int]]


class MarginChange(NamedTuple):
    """Futures markets' changes for accounts kept elsewhere: changes of holds, and fills."""

    held: dict[int, Held]  # by market
    fills: list[tuple[MarginFilled, int]]  # with the leverage of their order


class Fired(NamedTuple):
    """A request for the margin of a fired trigger."""

    requested: TriggerMarginRequest


class TriggerMarginResult(NamedTuple):
    """Whether the margin is held."""

    requested: TriggerMarginRequest
    grant: Grant


class Brackets(NamedTuple):
    """A market has new risk terms."""

    market: int
    brackets: list[Bracket]


class Mark(NamedTuple):
    """The value of one lot at the mark price."""

    market: int
    value: int


Sent = FundsGrant | Grant | Change | MarginChange | Fired | TriggerMarginResult | Brackets | Mark
