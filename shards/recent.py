"""What has happened but is not in the archive yet: ended orders and trades, at hand for questions.

Not part of the machines' state: nothing is decided from it. Replay and snapshots fill it again from the rows that the
archive has not confirmed.
"""

from collections import deque
from collections.abc import Iterable
from typing import TypeVar

from shards.messages import Order, OrderEnded, Row, Trade, Traded

T = TypeVar("T")


class Recent:
    """Ended orders and trades by id and account, until the archive confirms their row."""

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.trades: dict[int, Trade] = {}
        self._orders_of: dict[str, dict[int, Order]] = {}
        self._trades_of: dict[str, dict[int, Trade]] = {}
        self._rows: deque[tuple[int, Row]] = deque()

    def add(self, number: int, row: Row) -> None:
        """Keep the row that left under ``number``."""
        self._rows.append((number, row))
        if isinstance(row, OrderEnded):
            order = row.order
            self.orders[order.id] = order
            self._orders_of.setdefault(order.account, {})[order.id] = order
        elif isinstance(row, Traded):
            trade = row.trade
            self.trades[trade.id] = trade
            for account in (trade.maker_account, trade.taker_account):
                self._trades_of.setdefault(account, {})[trade.id] = trade

    def confirm(self, number: int) -> None:
        """The archive has everything up to ``number``."""
        while self._rows and self._rows[0][0] <= number:
            _, row = self._rows.popleft()
            if isinstance(row, OrderEnded):
                del self.orders[row.order.id]
                _drop(self._orders_of, row.order.account, row.order.id)
            elif isinstance(row, Traded):
                trade = row.trade
                del self.trades[trade.id]
                for account in {trade.maker_account, trade.taker_account}:
                    _drop(self._trades_of, account, trade.id)

    def orders_of(self, account: str) -> Iterable[Order]:
        """The account's ended orders."""
        return self._orders_of.get(account, {}).values()

    def find_client_id(self, market: int, account: str, client_id: str) -> Order | None:
        """The latest ended order of that client id."""
        named = (order for order in self.orders_of(account) if order.market == market and order.client_id == client_id)
        return max(named, key=lambda order: (order.created_ms, order.id), default=None)

    def trades_of(self, account: str) -> Iterable[Trade]:
        """The account's trades."""
        return self._trades_of.get(account, {}).values()


def _drop(index: dict[str, dict[int, T]], account: str, number: int) -> None:
    own = index[account]
    del own[number]
    if not own:
        del index[account]
