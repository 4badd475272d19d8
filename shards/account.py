"""The account machine: decides what an account may spend. Pure: no clock, no I/O, no books."""

import msgspec

from shards.limits import AMOUNT_MAX
from shards.margin import Margins
from shards.messages import AmountReply, Deposit, Reason, Refused, Settlement, Wallet
from shards.wallets import Wallets


class Booking(msgspec.Struct, array_like=True, frozen=True):
    """A deposit or withdrawal that was carried out, under its reference."""

    asset: str
    amount: int
    balance_after: int
    wallet: Wallet


class AccountMachine:
    """The accounts whose home is this shard."""

    def __init__(self) -> None:
        self.wallets = Wallets()  # spot
        self.margins = Margins()  # futures
        self.bookings: dict[tuple[str, str], Booking] = {}  # (account, reference)

    def deposit(self, deposit: Deposit) -> AmountReply | Refused:
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
        self._book(deposit)
        self.bookings[key] = Booking(deposit.asset, deposit.amount, balance_after, deposit.wallet)
        return AmountReply(balance_after)

    def _available(self, deposit: Deposit) -> int:
        if deposit.wallet is Wallet.FUTURES:
            return self.margins.available(deposit.account)
        return self.wallets.available(deposit.account, deposit.asset)

    def _book(self, deposit: Deposit) -> None:
        if deposit.wallet is Wallet.FUTURES:
            self.margins.deposit(deposit.account, deposit.amount)
        else:
            self.wallets.deposit(deposit.account, deposit.asset, deposit.amount)

    def hold(self, account: str, asset: str, amount: int) -> Refused | None:
        """Set money aside for an order, or say why not."""
        if self.wallets.hold(account, asset, amount):
            return None
        return Refused(Reason.INSUFFICIENT_BALANCE)

    def settle(self, settlement: Settlement) -> None:
        """Carry out what a market decided."""
        self.wallets.settle(settlement)
