"""Link messages: from one shard to another. Journaled inputs, numbered, exactly once."""

import msgspec

from shards.model.accounting import MarginSettlement, MarginTerms, Settlement
from shards.model.brackets import Bracket
from shards.model.orders import NewOrder, Side


class Granted(msgspec.Struct, array_like=True, tag=20, gc=False, frozen=True):
    """Home shard → market shard: the money of this order is held; place it, or release past its deadline."""

    order: NewOrder
    amount: int
    ticket: int
    deadline_ms: int
    hold_price: int = 0  # futures, as all below
    leverage: int = 0
    modifies: int = 0  # the order that shall become like this one
    order_value: int = 0  # of a modification: what counts more toward the position limit
    limit: int = 0
    loss: int = 0
    closes: bool = False  # as it was asked for
    reduces: int = 0  # likewise: lots, of an order that only reduces
    allowance: int = 0  # so far such an order goes from the mark with nothing held for it, in millionths


class Settle(msgspec.Struct, array_like=True, tag=21, gc=False, frozen=True):
    """Market shard → account shard: the settlements of one input for that shard's accounts."""

    settlements: list[Settlement]


class SettleMargin(msgspec.Struct, array_like=True, tag=22, gc=False, frozen=True):
    """Market shard → account shard: the futures settlements of one input for that shard's accounts."""

    settlements: list[MarginSettlement]


class MarkChanged(msgspec.Struct, array_like=True, tag=23, gc=False, frozen=True):
    """Market shard → every other: units of USDT that one lot is worth at the mark price, per market."""

    lot_values: dict[int, int]


class TriggerMarginRequest(msgspec.Struct, array_like=True, tag=24, gc=False, frozen=True):
    """Market shard → account shard: a trigger has fired; hold its margin or say no."""

    id: int
    account: str
    side: Side
    hold_price: int
    terms: MarginTerms
    market_shard: int
    limit: int = 0
    loss: int = 0


class TriggerMarginResult(msgspec.Struct, array_like=True, tag=25, gc=False, frozen=True):
    """Home shard → market shard: the margin of a fired trigger is held; leverage 0: it is not."""

    id: int
    account: str
    side: Side
    hold_price: int
    leverage: int
    terms: MarginTerms
    limit: int = 0
    loss: int = 0
    leave: bool = False  # of one that only reduces, and has no leverage: what was asked for is held
    allowance: int = 0  # as of a grant


class BracketsChanged(msgspec.Struct, array_like=True, tag=26, gc=False, frozen=True):
    """Market shard → every other: how much a position in a market may be levered."""

    market: int
    brackets: list[Bracket]


LinkMessage = (
    Granted | Settle | SettleMargin | MarkChanged | TriggerMarginRequest | TriggerMarginResult | BracketsChanged
)
