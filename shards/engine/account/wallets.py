"""Spot wallets: per account and asset, the available amount and the amount held by open orders."""

from collections import Counter

from shards.model.accounting import Balance, Settlement


class Wallets:
    """The wallets of a shard's accounts, and the totals that prove no unit was lost.

    Per asset, over all shards: Σ available + Σ held + fees = deposits − withdrawals.
    """

    def __init__(self) -> None:
        self.by_account: dict[str, dict[str, Balance]] = {}
        self.fees: Counter[str] = Counter()  # units charged, per asset
        self.deposited: Counter[str] = Counter()  # deposits less withdrawals, per asset

    def available(self, account: str, asset: str) -> int:
        """Return the units that may be spent."""
        balance = self.by_account.get(account, {}).get(asset)
        return balance.available if balance else 0

    def deposit(self, account: str, asset: str, amount: int) -> int:
        """Credit ``amount`` (negative: debit); return the available amount afterward."""
        balance = self._balance(account, asset)
        balance.available += amount
        self.deposited[asset] += amount
        assert balance.available >= 0, "a withdrawal must be checked first"
        return balance.available

    def hold(self, account: str, asset: str, amount: int) -> bool:
        """Hold ``amount`` for an order; False if it is not available."""
        if amount > self.available(account, asset):
            return False
        balance = self._balance(account, asset)
        balance.available -= amount
        balance.held += amount
        return True

    def settle(self, settlement: Settlement) -> None:
        """Apply a market's decision. It can only spend what was held before."""
        give = self._balance(settlement.account, settlement.give)
        give.held -= settlement.released
        give.available += settlement.released - settlement.paid
        assert give.held >= 0, "a market may only release what was held"
        if settlement.received:
            self._balance(settlement.account, settlement.take).available += settlement.received - settlement.fee
            self.fees[settlement.take] += settlement.fee

    def list(self, account: str) -> list[Balance]:
        """Return all wallets ever used, by asset."""
        wallets = self.by_account.get(account, {})
        return [wallets[asset] for asset in sorted(wallets)]

    def _balance(self, account: str, asset: str) -> Balance:
        wallets = self.by_account.setdefault(account, {})
        balance = wallets.get(asset)
        if balance is None:
            balance = wallets[asset] = Balance(asset, 0, 0)
        return balance
