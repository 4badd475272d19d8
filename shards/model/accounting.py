"""Wallets, balances, and the settlements that markets send to the account machine.

All amounts are integers in the smallest unit of their asset.
"""

from enum import IntEnum, StrEnum

import msgspec

from shards.model.orders import Side


class Wallet(IntEnum):
    """One of an account's two wallets: per asset for spot, USDT only for futures."""

    SPOT = 1
    FUTURES = 2


class MoveCause(StrEnum):
    """Why a wallet changed other than by trading."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"


class IncomeKind(StrEnum):
    """Why a futures wallet changed."""

    TRANSFER = "transfer"  # deposits and withdrawals too
    REALIZED_PNL = "realized_pnl"
    COMMISSION = "commission"


class Balance(msgspec.Struct, array_like=True, gc=False):
    """One wallet: the available amount and the amount held by open orders."""

    asset: str
    available: int
    held: int


class Settlement(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """The effect of one order's fills and end on its account's balances.

    ``released`` is taken out of the hold: ``paid`` of it leaves the account, the rest becomes available again.
    ``received`` less ``fee`` is credited. The first two are in units of ``give``, the last two in units of ``take``.
    """

    account: str
    give: str  # asset
    take: str  # asset
    released: int
    paid: int
    received: int
    fee: int


class MarginTerms(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Everything the account machine needs to hold the margin of a futures order. Values in units of USDT."""

    hold_value: int  # hold price × quantity; divided by the leverage it is the hold
    order_value: int  # price × quantity: counts toward the position limit
    default_leverage: int  # used if the account has set none; for a modified order, the leverage it was placed with
    max_position_value: int
    leverage: int = 0  # 1 for a modified order, whose values already are margin; 0: as set by the account
    loss_value: int = 0  # its loss against the mark price: held in addition to the margin
    reduces: int = 0  # reduce-only, lots: its loss must be covered by the remaining equity
    closes: bool = False  # with all open orders of its side it is no larger than the position: exempt from limits
    held: int = 0  # modified reduce-only: the part of its loss that is already held
    mark: int = 0  # reduce-only: value of one lot at the mark price from which its loss is measured
    entry_value: int = 0  # its maximum entry cost, at its hold price: must be within its leverage's bracket


class MarginFill(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One side of a futures match."""

    trade: int
    order: int
    side: Side
    price: int  # ticks
    quantity: int  # lots
    lot_value: int  # cost of one lot at this price, in units of USDT
    fee: int
    maker: bool
    time_ms: int = 0


class MarginSettlement(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """The effect of one futures order's fills and end on its account's margin."""

    account: str
    market: int
    side: Side
    leverage: int  # 0: a reduce-only order
    released: int  # taken out of the hold
    released_exposure: int  # subtracted from the value of the open orders on that side
    fills: list[MarginFill] = []


class Income(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One change of a futures wallet, in units of USDT."""

    id: int  # of the trade or of the transfer
    kind: IncomeKind
    amount: int  # negative if paid
    time_ms: int
    market: int = 0  # 0: none
    trade: int = 0  # 0: none
    reference: str = ""  # of a deposit, withdrawal or transfer
