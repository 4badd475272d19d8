"""Rows to the archive: what shards report of what is over. Numbered like link messages."""

import msgspec

from shards.markets import Market
from shards.money import MarginFill, MoveCause, Wallet
from shards.orders import Order, Trade


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
    profit: int  # realised, units of USDT
    time_ms: int


class FundsMoved(msgspec.Struct, array_like=True, tag=34, gc=False, frozen=True):
    """Money came into a wallet (amount > 0) or left it; a transfer gives one row for each of the two wallets."""

    id: int  # number of the input at the account's home shard
    account: str
    wallet: Wallet
    asset: str
    amount: int
    cause: MoveCause
    reference: str
    time_ms: int


Row = OrderEnded | Traded | MarketChanged | MarginFilled | FundsMoved
