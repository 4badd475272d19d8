"""Deposits, withdrawals and transfers of an account's two wallets, in the model."""

from typing import Any

from shards.model import accounting
from shards.model.commands import Deposit, Transfer
from shards.model.events import Event, FundsMoved
from shards.model.reasons import RejectReason
from shards.model.replies import AmountReply, Rejected, Reply, TransferReply
from tests.model.reference import Reference
from tests.sim.futures_accounts import AccountShard


class Payments(Reference):
    """Deposits, withdrawals and transfers on one shard."""

    def __init__(self, account_shard: AccountShard) -> None:
        super().__init__()
        self.accounts = account_shard
        self.sequence = 0
        self.made: list[Event] = []  # by the current input
        self.booked: dict[tuple[str, str], tuple[Any, Reply]] = {}  # (account, reference) → content and reply

    def pay(self, deposit: Deposit) -> Reply:
        """Into or out of either wallet, once per reference."""
        account, amount = deposit.account, deposit.amount
        key, content = (account, deposit.reference), (deposit.asset, amount, deposit.wallet)
        if key in self.booked:
            first, reply = self.booked[key]
            return reply if first == content else Rejected(RejectReason.REFERENCE_CONFLICT)
        if self.available(account, deposit.asset, deposit.wallet) + amount < 0:
            return Rejected(RejectReason.INSUFFICIENT_BALANCE)
        reply = AmountReply(self.book(account, deposit.asset, deposit.wallet, amount))
        cause = accounting.MoveCause.DEPOSIT if amount > 0 else accounting.MoveCause.WITHDRAWAL
        self.note_move(account, deposit.wallet, deposit.asset, amount, cause, deposit.reference)
        self.booked[key] = content, reply
        return reply

    def transfer(self, transfer: Transfer) -> Reply:
        """From one wallet to the other, once per reference."""
        account, asset, amount = transfer.account, transfer.asset, transfer.amount
        key, content = (account, f"transfer {transfer.reference}"), (asset, amount, transfer.to)
        if transfer.reference and key in self.booked:
            first, reply = self.booked[key]
            return reply if first == content else Rejected(RejectReason.REFERENCE_CONFLICT)
        back = accounting.Wallet.SPOT if transfer.to is accounting.Wallet.FUTURES else accounting.Wallet.FUTURES
        if self.available(account, asset, back) < amount:
            return Rejected(RejectReason.INSUFFICIENT_BALANCE)
        after = {
            back: self.book(account, asset, back, -amount),
            transfer.to: self.book(account, asset, transfer.to, amount),
        }
        for wallet in accounting.Wallet:
            moved = amount if wallet is transfer.to else -amount
            self.note_move(account, wallet, asset, moved, accounting.MoveCause.TRANSFER, transfer.reference)
        reply = TransferReply(after[accounting.Wallet.FUTURES], after[accounting.Wallet.SPOT])
        if transfer.reference:
            self.booked[key] = content, reply
        return reply

    def available(self, account: str, asset: str, wallet: accounting.Wallet) -> int:
        if wallet is accounting.Wallet.FUTURES:
            return max(0, self.accounts.free(account))
        found = self.wallets.get((account, asset))
        return found.available if found else 0

    def book(self, account: str, asset: str, wallet: accounting.Wallet, amount: int) -> int:
        """Returns the available balance afterwards."""
        if wallet is accounting.Wallet.FUTURES:
            self.accounts.paid_in[account] += amount
        else:
            self.wallet(account, asset).available += amount
        return self.available(account, asset, wallet)

    def note_move(
        self,
        account: str,
        wallet: accounting.Wallet,
        asset: str,
        amount: int,
        cause: accounting.MoveCause,
        reference: str,
    ) -> None:
        self.made.append(FundsMoved(self.sequence, account, wallet, asset, amount, cause, reference, self.now_ms))
