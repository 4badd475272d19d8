"""What a full disk keeps from being taken up: whose money cannot be told as long as link messages stay unwritten."""

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
    """The accounts that callers elsewhere may have been told more of than is known here."""

    def __init__(self) -> None:
        self._accounts: frozenset[str] = frozenset()
        self._everybody = False

    def update(self, messages: Iterable[LinkMessage]) -> None:
        """These are the messages that wait, and no others."""
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
                case MarkChanged():  # every position is worth something else
                    self._everybody = True
        self._accounts = frozenset(accounts)

    def covers(self, account: str) -> bool:
        """Whether what is known here of an account may be behind; "" is nobody's."""
        return bool(account) and (self._everybody or account in self._accounts)
