"""The account machine: decides what an account may spend. Pure: no clock, no I/O, no books."""

import msgspec

from shards.engine.account.margin import Margins
from shards.engine.account.wallets import Wallets
from shards.engine.effects import Effects
from shards.limits import AMOUNT_MAX
from shards.model.accounting import MarginSettlement, MoveCause, Settlement, Wallet
from shards.model.commands import Deposit, Transfer
from shards.model.events import FundsMoved, MarginFilled
from shards.model.reasons import Reason
from shards.model.replies import AmountReply, Refused, TransferReply


class Booking(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A deposit or withdrawal that was carried out, under its reference."""

    asset: str
    amount: int
    balance_after: int
    wallet: Wallet
    other_after: int = 0  # of a transfer: what the futures wallet has available then


class AccountMachine:
    """The accounts whose home is this shard."""

    def __init__(self) -> None:
        self.wallets = Wallets()  # spot
        self.margins = Margins()  # futures
        self.bookings: dict[tuple[str, str], Booking] = {}  # (account, reference)

    def deposit(self, deposit: Deposit, effects: Effects) -> AmountReply | Refused:
        """Credit or debit once per reference."""
        key = deposit.account, deposit.reference
        first = self.bookings.get(key)
        if first is not None:
            if (first.wallet, first.asset, first.amount) != (deposit.wallet, deposit.asset, deposit.amount):
                return Refused(Reason.REFERENCE_CONFLICT)
            return AmountReply(first.balance_after)
        balance_after = self._available(deposit) + deposit.amount
        if balance_after < 0:
            return Refused(Reason.INSUFFICIENT_BALANCE)
        if balance_after > AMOUNT_MAX:
            return Refused(Reason.AMOUNT_TOO_BIG)
        balance_after = self._book(deposit, effects.now_ms)  # less, where losses have eaten beyond the wallet
        cause = MoveCause.DEPOSIT if deposit.amount > 0 else MoveCause.WITHDRAWAL
        _note(deposit.account, deposit.wallet, deposit.asset, deposit.amount, cause, deposit.reference, effects)
        self.bookings[key] = Booking(deposit.asset, deposit.amount, balance_after, deposit.wallet)
        return AmountReply(balance_after)

    def _available(self, deposit: Deposit) -> int:
        if deposit.wallet is Wallet.FUTURES:
            return self.margins.available(deposit.account)
        return self.wallets.available(deposit.account, deposit.asset)

    def _book(self, deposit: Deposit, now_ms: int) -> int:
        """Returns what is available then."""
        if deposit.wallet is Wallet.FUTURES:
            return self.margins.deposit(deposit.account, deposit.amount, now_ms)
        return self.wallets.deposit(deposit.account, deposit.asset, deposit.amount)

    def hold(self, account: str, asset: str, amount: int) -> Refused | None:
        """Set money aside for an order, or say why not."""
        if self.wallets.hold(account, asset, amount):
            return None
        return Refused(Reason.INSUFFICIENT_BALANCE)

    def settle(self, settlement: Settlement) -> None:
        """Carry out what a spot market decided."""
        self.wallets.settle(settlement)

    def settle_margin(self, settlement: MarginSettlement, now_ms: int) -> list[MarginFilled]:
        """Carry out what a futures market decided; returns the rows of its fills."""
        return [
            MarginFilled(settlement.account, settlement.market, fill, profit, now_ms)
            for fill, profit in self.margins.settle(settlement, now_ms)
        ]

    def transfer(self, transfer: Transfer, effects: Effects) -> TransferReply | Refused:
        """Move money between the two purses in one step, once per reference."""
        key = transfer.account, f"transfer {transfer.reference}"  # apart from the operator's references
        first = self.bookings.get(key) if transfer.reference else None
        if first is not None:
            if (first.wallet, first.asset, first.amount) != (transfer.to, transfer.asset, transfer.amount):
                return Refused(Reason.REFERENCE_CONFLICT)
            return TransferReply(first.other_after, first.balance_after)
        sign = 1 if transfer.to is Wallet.FUTURES else -1
        account, asset, amount = transfer.account, transfer.asset, sign * transfer.amount
        if amount > self.wallets.available(account, asset) or -amount > self.margins.available(account):
            return Refused(Reason.INSUFFICIENT_BALANCE)
        spot_after = self.wallets.deposit(account, asset, -amount)
        futures_after = self.margins.deposit(account, amount, effects.now_ms)
        for wallet, moved in ((Wallet.SPOT, -amount), (Wallet.FUTURES, amount)):
            _note(account, wallet, asset, moved, MoveCause.TRANSFER, transfer.reference, effects)
        if transfer.reference:
            self.bookings[key] = Booking(asset, transfer.amount, spot_after, transfer.to, futures_after)
        return TransferReply(futures_after, spot_after)


def _note(
    account: str, wallet: Wallet, asset: str, amount: int, cause: MoveCause, reference: str, effects: Effects
) -> None:
    row = FundsMoved(effects.request, account, wallet, asset, amount, cause, reference, effects.now_ms)
    effects.rows.append(row)
