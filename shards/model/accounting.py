"""Money as values: wallets, balances, and what markets tell the account machine to do with them.

All amounts are integers in the smallest unit of their asset.
"""

from enum import IntEnum, StrEnum

import msgspec

from shards.model.orders import Side


class Wallet(IntEnum):
    """Which of an account's two purses: one wallet per asset for spot, one of USDT for futures."""

    SPOT = 1
    FUTURES = 2


class MoveCause(StrEnum):
    """Why money came into a wallet or left it, other than by trading."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"


class IncomeKind(StrEnum):
    """Why a futures wallet changed."""

    TRANSFER = "transfer"  # deposits and withdrawals too
    REALIZED_PNL = "realized_pnl"
    COMMISSION = "commission"


class Balance(msgspec.Struct, array_like=True, gc=False):
    """One wallet: what may be spent and what open orders hold, in the asset's smallest unit."""

    asset: str
    available: int
    held: int


class Settlement(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What one order's fills and end do to its account's money.

    ``released`` leaves the hold; of it ``paid`` leaves the account and the rest becomes available again.
    ``received`` less ``fee`` comes in. Units of ``give`` and of ``take``.
    """

    account: str
    give: str  # asset
    take: str  # asset
    released: int
    paid: int
    received: int
    fee: int


class MarginTerms(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What the account machine must know to hold the margin of a futures order. Values in units of USDT."""

    hold_value: int  # hold price × quantity: ÷ leverage it is the hold
    order_value: int  # price × quantity: counts toward the position limit
    default_leverage: int  # if the account has set none; of a modified order, what it was placed with
    max_position_value: int
    leverage: int = 0  # 1 for a modified order, whose values are those of its margin; 0: as the account has set it
    loss_value: int = 0  # what it would lose against the mark: held beside the margin
    reduces: int = 0  # lots, of an order that only reduces: what it would lose must be left of what there is
    closes: bool = False  # with all open orders of its side it is no larger than the position: within any limit
    held: int = 0  # of what a modified order that only reduces would lose: it holds so much already
    mark: int = 0  # of one that only reduces: what a lot is worth at the mark against which it would lose
    entry_value: int = 0  # what it may come to have cost, at its hold price: must be within its leverage's bracket


class MarginFill(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One side of a futures match."""

    trade: int
    order: int
    side: Side
    price: int  # ticks
    quantity: int  # lots
    lot_value: int  # units of USDT that one lot costs at this price
    fee: int
    maker: bool
    time_ms: int = 0


class MarginSettlement(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What one futures order's fills and end do to its account's margin."""

    account: str
    market: int
    side: Side
    leverage: int  # 0: of an order that only reduces
    released: int  # leaves the hold
    released_exposure: int  # leaves the value of the open orders on that side
    fills: list[MarginFill] = []


class Income(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One change of a futures wallet, in units of USDT."""

    id: int  # of the trade, or of the movement
    kind: IncomeKind
    amount: int  # negative: paid
    time_ms: int
    market: int = 0  # none
    trade: int = 0  # none
    reference: str = ""  # of a deposit, withdrawal or transfer
