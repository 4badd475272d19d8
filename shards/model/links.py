"""Messages from one shard to another. Journaled inputs, numbered, delivered exactly once."""

import msgspec

from shards.model.accounting import MarginSettlement, MarginTerms, Settlement
from shards.model.brackets import Bracket
from shards.model.orders import NewOrder, Side


class Granted(msgspec.Struct, array_like=True, tag=20, gc=False, frozen=True):
    """Account shard → market shard: this order's funds are held; place it, or release them past its deadline."""

    order: NewOrder
    amount: int
    ticket: int
    deadline_ms: int
    hold_price: int = 0  # futures, as all below
    leverage: int = 0
    modifies: int = 0  # the order to be modified
    order_value: int = 0  # modification: the additional value counted toward the position limit
    limit: int = 0
    loss: int = 0
    closes: bool = False  # as in the request
    reduces: int = 0  # as in the request: lots of a reduce-only order
    allowance: int = 0  # the distance from the mark within which a reduce-only order needs no hold, in millionths


class Settle(msgspec.Struct, array_like=True, tag=21, gc=False, frozen=True):
    """Market shard → account shard: the settlements of one input for that shard's accounts."""

    settlements: list[Settlement]


class SettleMargin(msgspec.Struct, array_like=True, tag=22, gc=False, frozen=True):
    """Market shard → account shard: the futures settlements of one input for that shard's accounts."""

    settlements: list[MarginSettlement]


class MarkChanged(msgspec.Struct, array_like=True, tag=23, gc=False, frozen=True):
    """Market shard → every other shard: per market, the value of one lot at the mark price in units of USDT."""

    lot_values: dict[int, int]


class TriggerMarginRequest(msgspec.Struct, array_like=True, tag=24, gc=False, frozen=True):
    """Market shard → account shard: a trigger has fired; hold its margin or reject it."""

    id: int
    account: str
    side: Side
    hold_price: int
    terms: MarginTerms
    market_shard: int
    limit: int = 0
    loss: int = 0


class TriggerMarginResult(msgspec.Struct, array_like=True, tag=25, gc=False, frozen=True):
    """Account shard → market shard: a fired trigger's margin is held; leverage 0: it is not."""

    id: int
    account: str
    side: Side
    hold_price: int
    leverage: int
    terms: MarginTerms
    limit: int = 0
    loss: int = 0
    leave: bool = False  # reduce-only, without leverage: the requested amount is held
    allowance: int = 0  # as in a grant


class BracketsChanged(msgspec.Struct, array_like=True, tag=26, gc=False, frozen=True):
    """Market shard → every other shard: a market's leverage brackets."""

    market: int
    brackets: list[Bracket]


LinkMessage = (
    Granted | Settle | SettleMargin | MarkChanged | TriggerMarginRequest | TriggerMarginResult | BracketsChanged
)
