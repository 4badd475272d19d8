"""Events: what shards report to the archive. Numbered like link messages."""

from enum import StrEnum

import msgspec

from shards.model.accounting import MarginFill, MoveCause, Wallet
from shards.model.markets import Market
from shards.model.orders import NewOrder, Order, Trade


class OrderEnded(msgspec.Struct, array_like=True, tag=30, gc=False, frozen=True):
    """An order reached a terminal status."""

    order: Order


class Traded(msgspec.Struct, array_like=True, tag=31, gc=False, frozen=True):
    """A match happened."""

    trade: Trade


class MarketChanged(msgspec.Struct, array_like=True, tag=32, gc=False, frozen=True):
    """A market was added or changed its status."""

    market: Market
    time_ms: int


class MarginFilled(msgspec.Struct, array_like=True, tag=33, gc=False, frozen=True):
    """One side of a futures match was booked in its account's wallet."""

    account: str
    market: int
    fill: MarginFill
    profit: int  # realized, units of USDT
    time_ms: int


class FundsMoved(msgspec.Struct, array_like=True, tag=34, gc=False, frozen=True):
    """A wallet was credited (amount > 0) or debited; a transfer gives one event for each of the two wallets."""

    id: int  # sequence of the input at the account's shard
    account: str
    wallet: Wallet
    asset: str
    amount: int
    cause: MoveCause
    reference: str
    time_ms: int


class Attempt(StrEnum):
    """What a rejected command was meant to do."""

    PLACE = "place"
    MODIFY = "modify"
    CANCEL = "cancel"


class CommandRejected(msgspec.Struct, array_like=True, tag=35, gc=False, frozen=True):
    """An account's command was rejected; for a batch of cancels, one of them."""

    sequence: int  # of the input at its shard
    position: int  # among the rejections of the input
    attempt: Attempt
    account: str
    market: int
    reason: str  # a RejectReason value
    time_ms: int
    order: int = 0  # the order to be canceled or modified
    client_id: str = ""  # the client id of a cancel by client id
    new: NewOrder | None = None  # the order to be placed
    price: int = 0  # new price of a modification, as the two below
    quantity: int = 0
    stop_price: int = 0


Event = OrderEnded | Traded | MarketChanged | MarginFilled | FundsMoved | CommandRejected
