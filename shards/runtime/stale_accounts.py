"""The accounts whose balance may be stale while a full disk keeps link messages from being written."""

from collections.abc import Iterable

from shards.model.links import (
    Granted,
    LinkMessage,
    MarkChanged,
    Settle,
    SettleMargin,
    TriggerMarginRequest,
    TriggerMarginResult,
)


class StaleAccounts:
    """The accounts whose callers may have seen, elsewhere, changes that are not applied here."""

    def __init__(self) -> None:
        self._accounts: frozenset[str] = frozenset()
        self._everybody = False

    def update(self, messages: Iterable[LinkMessage]) -> None:
        """Replace the set by the accounts of ``messages``, which are all that wait."""
        accounts: set[str] = set()
        self._everybody = False
        for message in messages:
            match message:
                case Settle(settlements) | SettleMargin(settlements):
                    accounts.update(each.account for each in settlements)
                case Granted(order):
                    accounts.add(order.account)
                case TriggerMarginRequest() | TriggerMarginResult():
                    accounts.add(message.account)
                case MarkChanged():  # the value of every position changes
                    self._everybody = True
        self._accounts = frozenset(accounts)

    def covers(self, account: str) -> bool:
        """Whether the account's state here may be stale; never for "", which is no account."""
        return bool(account) and (self._everybody or account in self._accounts)
