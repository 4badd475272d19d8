"""The account machine: decides what an account may spend. Pure: no clock, no I/O, no books.

Markets request holds for their orders, which are granted or rejected here, and send the resulting settlements.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from shards.engine.account.margin import Held, Margins
from shards.engine.account.wallets import Wallets
from shards.engine.effects import Effects
from shards.limits import AMOUNT_MAX
from shards.model.accounting import MarginSettlement, MoveCause, Settlement, Wallet
from shards.model.commands import Deposit, FundsHold, MarginHold, SetLeverage, Transfer
from shards.model.events import FundsMoved, MarginFilled
from shards.model.ids import market_of
from shards.model.links import (
    BracketsChanged,
    Granted,
    MarkChanged,
    Settle,
    SettleMargin,
    TriggerMarginRequest,
    TriggerMarginResult,
)
from shards.model.orders import MARKET
from shards.model.reasons import RejectReason
from shards.model.replies import AmountReply, CountReply, Rejected, TransferReply


class Booking(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """An executed deposit, withdrawal or transfer, kept by its reference."""

    asset: str
    amount: int
    balance_after: int
    wallet: Wallet
    other_after: int = 0  # of a transfer: the futures wallet's available amount after it


class AccountMachine:
    """The accounts kept on this shard."""

    def __init__(self) -> None:
        self.wallets = Wallets()  # spot
        self.margins = Margins()  # futures
        self.bookings: dict[tuple[str, str], Booking] = {}  # (account, reference)
        self.grants: dict[type, Callable[[Any], Granted | Rejected]] = {
            FundsHold: self.grant_funds,
            MarginHold: self.grant_margin,
        }

    # Holds

    def grant_funds(self, hold: FundsHold) -> Granted | Rejected:
        """Hold funds for a spot order, or return the rejection."""
        if not self.wallets.hold(hold.order.account, hold.asset, hold.amount):
            return Rejected(RejectReason.INSUFFICIENT_BALANCE)
        return Granted(hold.order, hold.amount, hold.ticket, hold.deadline_ms)

    def grant_margin(self, hold: MarginHold) -> Granted | Rejected:
        """Hold margin for a futures order, or return the rejection."""
        new, terms = hold.order, hold.terms
        held = self.margins.hold(new.account, new.market, new.side, terms)
        if isinstance(held, Rejected):
            if held.reason is not RejectReason.NO_LEAVE or new.kind is not MARKET:
                return held
            held = self._without_leave(new.account, new.market)
        return Granted(
            new,
            held.amount,
            hold.ticket,
            hold.deadline_ms,
            hold.hold_price,
            held.leverage,
            hold.modifies,
            terms.order_value if hold.modifies else 0,
            hold.limit,
            hold.loss,
            terms.closes,
            terms.reduces,
            held.allowance,
        )

    def grant_trigger_margin(self, request: TriggerMarginRequest) -> TriggerMarginResult:
        """Hold the margin of a fired trigger if it is available."""
        market, terms = market_of(request.id), request.terms
        held = self.margins.hold(request.account, market, request.side, terms)
        leave = terms.reduces > 0 and isinstance(held, Held) and not held.allowance
        if isinstance(held, Rejected):
            held = self._without_leave(request.account, market) if terms.reduces else Held(0, 0)
        shown = request.id, request.account, request.side, request.hold_price
        return TriggerMarginResult(*shown, held.leverage, terms, request.limit, request.loss, leave, held.allowance)

    def _without_leave(self, account: str, market: int) -> Held:
        """Return a hold of nothing, for a reduce-only order at any price: limited by the account's allowance."""
        return Held(0, 0, self.margins.allowance(account, market))

    # Settlements

    def settle(self, settlement: Settlement) -> None:
        """Apply a spot market's settlement."""
        self.wallets.settle(settlement)

    def settle_margin(self, settlement: MarginSettlement, now_ms: int) -> list[MarginFilled]:
        """Apply a futures market's settlement; return the events of its fills."""
        return [
            MarginFilled(settlement.account, settlement.market, fill, profit, now_ms)
            for fill, profit in self.margins.settle(settlement, now_ms)
        ]

    # Link messages of other shards

    def take_settlements(self, message: Settle, effects: Effects) -> None:
        """Apply the settlements of spot markets."""
        for settlement in message.settlements:
            self.settle(settlement)

    def take_margin_settlements(self, message: SettleMargin, effects: Effects) -> None:
        """Apply the settlements of futures markets."""
        for settlement in message.settlements:
            effects.events += self.settle_margin(settlement, effects.now_ms)

    def take_marks(self, message: MarkChanged, effects: Effects) -> None:
        """Update mark prices."""
        self.margins.marks.update(message.lot_values)

    def take_brackets(self, message: BracketsChanged, effects: Effects) -> None:
        """Update a market's leverage brackets."""
        self.margins.brackets[message.market] = message.brackets

    # Callers

    def deposit(self, deposit: Deposit, effects: Effects) -> AmountReply | Rejected:
        """Credit or debit a wallet, once per reference."""
        key = deposit.account, deposit.reference
        first = self.bookings.get(key)
        if first is not None:
            if (first.wallet, first.asset, first.amount) != (deposit.wallet, deposit.asset, deposit.amount):
                return Rejected(RejectReason.REFERENCE_CONFLICT)
            return AmountReply(first.balance_after)
        balance_after = self._available(deposit) + deposit.amount
        if balance_after < 0:
            return Rejected(RejectReason.INSUFFICIENT_BALANCE)
        if balance_after > AMOUNT_MAX:
            return Rejected(RejectReason.AMOUNT_TOO_BIG)
        balance_after = self._book(deposit, effects.now_ms)  # less, if losses exceeded the wallet before
        cause = MoveCause.DEPOSIT if deposit.amount > 0 else MoveCause.WITHDRAWAL
        _note(deposit.account, deposit.wallet, deposit.asset, deposit.amount, cause, deposit.reference, effects)
        self.bookings[key] = Booking(deposit.asset, deposit.amount, balance_after, deposit.wallet)
        return AmountReply(balance_after)

    def _available(self, deposit: Deposit) -> int:
        if deposit.wallet is Wallet.FUTURES:
            return self.margins.available(deposit.account)
        return self.wallets.available(deposit.account, deposit.asset)

    def _book(self, deposit: Deposit, now_ms: int) -> int:
        """Return the available amount afterward."""
        if deposit.wallet is Wallet.FUTURES:
            return self.margins.deposit(deposit.account, deposit.amount, now_ms)
        return self.wallets.deposit(deposit.account, deposit.asset, deposit.amount)

    def transfer(self, transfer: Transfer, effects: Effects) -> TransferReply | Rejected:
        """Move funds between the two wallets atomically, once per reference."""
        key = transfer.account, f"transfer {transfer.reference}"  # in a namespace apart from the operator's references
        first = self.bookings.get(key) if transfer.reference else None
        if first is not None:
            if (first.wallet, first.asset, first.amount) != (transfer.to, transfer.asset, transfer.amount):
                return Rejected(RejectReason.REFERENCE_CONFLICT)
            return TransferReply(first.other_after, first.balance_after)
        sign = 1 if transfer.to is Wallet.FUTURES else -1
        account, asset, amount = transfer.account, transfer.asset, sign * transfer.amount
        if amount > self.wallets.available(account, asset) or -amount > self.margins.available(account):
            return Rejected(RejectReason.INSUFFICIENT_BALANCE)
        spot_after = self.wallets.deposit(account, asset, -amount)
        futures_after = self.margins.deposit(account, amount, effects.now_ms)
        for wallet, moved in ((Wallet.SPOT, -amount), (Wallet.FUTURES, amount)):
            _note(account, wallet, asset, moved, MoveCause.TRANSFER, transfer.reference, effects)
        if transfer.reference:
            self.bookings[key] = Booking(asset, transfer.amount, spot_after, transfer.to, futures_after)
        return TransferReply(futures_after, spot_after)

    def set_leverage(self, command: SetLeverage, effects: Effects) -> CountReply | Rejected:
        """Set the leverage of new orders."""
        account, market, leverage = command.account, command.market, command.leverage
        refused = self.margins.set_leverage(account, market, leverage, command.default, effects.now_ms)
        return refused or CountReply(leverage)


def _note(
    account: str, wallet: Wallet, asset: str, amount: int, cause: MoveCause, reference: str, effects: Effects
) -> None:
    event = FundsMoved(effects.request, account, wallet, asset, amount, cause, reference, effects.now_ms)
    effects.events.append(event)
