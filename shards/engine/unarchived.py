"""Ended orders, trades, fills and transfers that are not in the archive yet, for queries.

Not part of the machines' state: no decision depends on it. Replay and snapshots rebuild it from the events that the
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
    """Values by number, and by number per account."""

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
    """Recent history by number and account, until the archive confirms its events."""

    def __init__(self) -> None:
        self._orders: _Kept[Order] = _Kept()
        self._trades: _Kept[Trade] = _Kept()
        self._fills: _Kept[MarginFilled] = _Kept()  # by event number, like the moves
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
        """Keep the event sent with ``number``."""
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
        """Drop the events up to ``number``: the archive has them."""
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
        """Return the account's ended orders."""
        return self._orders.of(account)

    def find_client_id(self, market: int, account: str, client_id: str) -> Order | None:
        """Return the latest ended order with that client id."""
        named = (order for order in self.orders_of(account) if order.market == market and order.client_id == client_id)
        return max(named, key=lambda order: (order.created_ms, order.id), default=None)

    def trades_of(self, account: str) -> Iterable[Trade]:
        """Return the account's trades."""
        return self._trades.of(account)

    def fills_of(self, account: str) -> Iterable[MarginFilled]:
        """Return the account's futures fills as booked."""
        return self._fills.of(account)

    def income_of(self, account: str) -> Iterable[Income]:
        """Yield the changes of the account's futures wallet."""
        for filled in self._fills.of(account):
            yield from income_of_fill(filled)
        for moved in self._moves.of(account):
            if moved.wallet is Wallet.FUTURES:
                yield Income(moved.id, IncomeKind.TRANSFER, moved.amount, moved.time_ms, reference=moved.reference)


def income_of_fill(filled: MarginFilled) -> Iterator[Income]:
    """Yield the changes of the account's wallet by a fill: none, one or two."""
    fill = filled.fill
    for kind, amount in ((IncomeKind.REALIZED_PNL, filled.profit), (IncomeKind.COMMISSION, -fill.fee)):
        if amount:
            yield Income(fill.trade, kind, amount, fill.time_ms, filled.market, fill.trade)
