"""Futures wallets: one of USDT per account.

Over all shards: Σ wallet = deposits − withdrawals.
"""


class Margins:
    """The futures wallets of a shard's accounts, in USDT's smallest unit."""

    def __init__(self) -> None:
        self.by_account: dict[str, int] = {}
        self.deposited = 0  # deposits less withdrawals

    def available(self, account: str) -> int:
        """Units that may be taken out."""
        return self.by_account.get(account, 0)

    def deposit(self, account: str, amount: int) -> int:
        """Credit ``amount`` (negative: debit, checked before); returns what is available then."""
        balance = self.by_account[account] = self.available(account) + amount
        self.deposited += amount
        assert balance >= 0, "a withdrawal must be checked first"
        return balance
