"""Rows to the archive: what shards report of what is over. Numbered like link messages."""

from enum import StrEnum

import msgspec

from shards.model.accounting import MarginFill, MoveCause, Wallet
from shards.model.markets import Market
from shards.model.orders import NewOrder, Order, Trade


class OrderEnded(msgspec.Struct, array_like=True, tag=30, gc=False, frozen=True):
    """An order became terminal."""

    order: Order


class Traded(msgspec.Struct, array_like=True, tag=31, gc=False, frozen=True):
    """A match happened."""

    trade: Trade


class MarketChanged(msgspec.Struct, array_like=True, tag=32, gc=False, frozen=True):
    """A market was added or changed its status."""

    market: Market
    time_ms: int


class MarginFilled(msgspec.Struct, array_like=True, tag=33, gc=False, frozen=True):
    """One side of a futures match has been booked in its account's wallet."""

    account: str
    market: int
    fill: MarginFill
    profit: int  # realized, units of USDT
    time_ms: int


class FundsMoved(msgspec.Struct, array_like=True, tag=34, gc=False, frozen=True):
    """Money came into a wallet (amount > 0) or left it; a transfer gives one row for each of the two wallets."""

    id: int  # number of the input at the account's shard
    account: str
    wallet: Wallet
    asset: str
    amount: int
    cause: MoveCause
    reference: str
    time_ms: int


class Attempt(StrEnum):
    """What a refused command was to do."""

    PLACE = "place"
    MODIFY = "modify"
    CANCEL = "cancel"


class CommandRejected(msgspec.Struct, array_like=True, tag=35, gc=False, frozen=True):
    """An account's command came to nothing; of a batch of cancels, one of them."""

    sequence: int  # number of the input at its shard
    position: int  # among the refusals of the input
    attempt: Attempt
    account: str
    market: int
    reason: str  # the value of a Reason
    time_ms: int
    order: int = 0  # that was to be canceled or modified
    client_id: str = ""  # by which it was to be canceled
    new: NewOrder | None = None  # that was to be placed
    price: int = 0  # that a modified order was to have, as the two below
    quantity: int = 0
    stop_price: int = 0


Event = OrderEnded | Traded | MarketChanged | MarginFilled | FundsMoved | CommandRejected
