"""What has happened but is not in the archive yet: ended orders and trades, at hand for queries.

Not part of the machines' state: nothing is decided from it. Replay and snapshots fill it again from the rows that the
archive has not confirmed.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from shards.model.accounting import Income, IncomeKind, Wallet
from shards.model.events import Event, FundsMoved, MarginFilled, OrderEnded, Traded
from shards.model.orders import Order, Trade

T = TypeVar("T")


class _Kept(Generic[T]):
    """Values by number, and by number for each account."""

    def __init__(self) -> None:
        self.by_number: dict[int, T] = {}
        self._of: dict[str, dict[int, T]] = {}

    def add(self, number: int, value: T, *accounts: str) -> None:
        self.by_number[number] = value
        for account in accounts:
            self._of.setdefault(account, {})[number] = value

    def drop(self, number: int, *accounts: str) -> None:
        del self.by_number[number]
        for account in accounts:
            own = self._of[account]
            del own[number]
            if not own:
                del self._of[account]

    def of(self, account: str) -> Iterable[T]:
        return self._of.get(account, {}).values()


class Unarchived:
    """What has happened, by number and account, until the archive confirms its row."""

    def __init__(self) -> None:
        self._orders: _Kept[Order] = _Kept()
        self._trades: _Kept[Trade] = _Kept()
        self._fills: _Kept[MarginFilled] = _Kept()  # by the number of their row, as the movements
        self._moves: _Kept[FundsMoved] = _Kept()
        self._events: deque[tuple[int, Event]] = deque()

    @property
    def orders(self) -> dict[int, Order]:
        """Ended orders by id."""
        return self._orders.by_number

    @property
    def trades(self) -> dict[int, Trade]:
        """Trades by id, oldest first."""
        return self._trades.by_number

    def add(self, number: int, event: Event) -> None:
        """Keep the row that left under ``number``."""
        self._events.append((number, event))
        match event:
            case OrderEnded(order):
                self._orders.add(order.id, order, order.account)
            case Traded(trade):
                self._trades.add(trade.id, trade, trade.maker_account, trade.taker_account)
            case MarginFilled(account):
                self._fills.add(number, event, account)
            case FundsMoved(_, account):
                self._moves.add(number, event, account)

    def confirm(self, number: int) -> None:
        """The archive has everything up to ``number``."""
        while self._events and self._events[0][0] <= number:
            first, event = self._events.popleft()
            match event:
                case OrderEnded(order):
                    self._orders.drop(order.id, order.account)
                case Traded(trade):
                    self._trades.drop(trade.id, *{trade.maker_account, trade.taker_account})
                case MarginFilled(account):
                    self._fills.drop(first, account)
                case FundsMoved(_, account):
                    self._moves.drop(first, account)

    def orders_of(self, account: str) -> Iterable[Order]:
        """The account's ended orders."""
        return self._orders.of(account)

    def find_client_id(self, market: int, account: str, client_id: str) -> Order | None:
        """The latest ended order of that client id."""
        named = (order for order in self.orders_of(account) if order.market == market and order.client_id == client_id)
        return max(named, key=lambda order: (order.created_ms, order.id), default=None)

    def trades_of(self, account: str) -> Iterable[Trade]:
        """The account's trades."""
        return self._trades.of(account)

    def fills_of(self, account: str) -> Iterable[MarginFilled]:
        """The account's futures fills, as they were booked."""
        return self._fills.of(account)

    def income_of(self, account: str) -> Iterable[Income]:
        """What has changed the account's futures wallet."""
        for filled in self._fills.of(account):
            yield from income_of_fill(filled)
        for moved in self._moves.of(account):
            if moved.wallet is Wallet.FUTURES:
                yield Income(moved.id, IncomeKind.TRANSFER, moved.amount, moved.time_ms, reference=moved.reference)


def income_of_fill(filled: MarginFilled) -> Iterator[Income]:
    """What a fill did to its account's wallet: nothing, one change or two."""
    fill = filled.fill
    for kind, amount in ((IncomeKind.REALIZED_PNL, filled.profit), (IncomeKind.COMMISSION, -fill.fee)):
        if amount:
            yield Income(fill.trade, kind, amount, fill.time_ms, filled.market, fill.trade)
