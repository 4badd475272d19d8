"""The accounts of one futures market, their open orders, and how orders end, as simply as possible."""

from collections import defaultdict

from shards.model import orders as o
from shards.model.accounting import Wallet
from shards.model.brackets import Bracket
from shards.model.commands import CancelBatch, Deposit, Transfer
from shards.model.events import MarginFilled, OrderEnded, Traded
from shards.model.markets import Market
from shards.model.reasons import RejectReason
from shards.model.replies import AmountReply, BatchReply, CountReply, OrderReply, Rejected, Reply, TransferReply
from tests.model.futures_risk import maintenance, most_at
from tests.model.futures_wallets import FuturesWallet, ceil


class FuturesState:
    def __init__(self, market: Market) -> None:
        assert market.futures is not None
        self.market, self.terms, self.unit = market, market.futures, market.tick_lot_units
        self.now_ms = self.last = self.set_mark = 0
        self.orders: dict[int, o.Order] = {}  # open, and ended but not archived yet
        self.resting: list[o.Order] = []  # oldest first
        self.waiting: list[o.Order] = []  # triggers, earliest placed first
        self.fired: list[o.Order] = []  # triggers that have fired and have no margin yet
        self.touched: list[o.Order] = []  # their price was reached in the middle of a command
        self.timers: dict[str, int] = {}
        self.wallets: defaultdict[str, FuturesWallet] = defaultdict(FuturesWallet)
        self.ended: list[OrderEnded] = []  # events not yet taken by the archive
        self.trades: list[Traded] = []
        self.fills: list[MarginFilled] = []

    # Accounts

    @property
    def mark(self) -> int:
        return self.set_mark or self.last

    @property
    def has_risk_terms(self) -> bool:
        return self.market.risk is not None

    @property
    def brackets(self) -> list[Bracket]:
        assert self.market.risk is not None
        return self.market.risk.brackets

    def leverage_of(self, account: str) -> int:
        """For new orders; capped by the current brackets."""
        return self.no_more_than_allowed(self.wallets[account].leverage or self.terms.default_leverage)

    def no_more_than_allowed(self, leverage: int) -> int:
        """Capped by the current brackets."""
        return min(leverage, self.brackets[0].max_leverage) if self.has_risk_terms else leverage

    def hold_of(self, order: o.Order) -> int:
        """The hold for the unfilled quantity: margin, and the loss against the mark price when it was granted."""
        left = (order.quantity - order.filled) * self.unit
        return (ceil(order.hold_price * left, order.leverage) if order.leverage else 0) + order.loss * left

    def open_of(self, account: str) -> list[o.Order]:
        own = [order for order in self.resting + self.waiting + self.fired if order.account == account]
        return sorted(own, key=lambda order: order.id)

    def free(self, account: str) -> int:
        free = self.wallets[account].free(self.mark * self.unit, self.open_of(account))
        return min(free, self.spare(account) - self.held(account)) if self.has_risk_terms else free

    def value_of(self, order: o.Order) -> int:
        """Its share of the position limit."""
        return order.price * (order.quantity - order.filled) * self.unit if order.leverage else 0

    def values(self, account: str, side: o.Side) -> int:
        return sum(self.value_of(order) for order in self.open_of(account) if order.side is side)

    def refuse_margin(self, new: o.NewOrder | o.Order, leverage: int, value: int, hold: int) -> RejectReason | None:
        """The rejection if so much more may not be held."""
        held = self.wallets[new.account].cost + self.values(new.account, new.side)
        most = most_at(self.brackets, leverage) if self.has_risk_terms else self.terms.max_position_notional
        if value > 0 and held + value > most and not self.only_closes(new):
            return RejectReason.POSITION_LIMIT
        return RejectReason.INSUFFICIENT_MARGIN if hold > max(0, self.free(new.account)) else None

    def only_closes(self, new: o.NewOrder | o.Order) -> bool:
        """Whether, with all other resting orders of its side, it does not exceed the position."""
        others = [order for order in self.resting if (order.account, order.side) == (new.account, new.side)]
        left = sum(order.quantity - order.filled for order in others if order.id != getattr(new, "id", 0))
        return new.quantity - getattr(new, "filled", 0) + left <= self.reducible(new)

    def equity(self, account: str) -> int:
        """Of the whole account; holds of open orders do not matter."""
        own = self.wallets[account]
        return own.wallet + own.unrealized(self.mark * self.unit)

    def maintenance(self, account: str, closed: int = 0) -> int:
        """Maintenance margin of its position, once so many lots of it are closed."""
        lots = abs(self.wallets[account].size) - closed
        return maintenance(self.brackets, lots * self.mark * self.unit)

    def surplus(self, account: str) -> int:
        """Equity beyond the maintenance margin."""
        return self.equity(account) - self.maintenance(account)

    def spare(self, account: str) -> int:
        """The largest loss that does not put the account at risk."""
        return self.surplus(account) - (self.maintenance(account) > 0)

    def held(self, account: str) -> int:
        """Of all its orders."""
        return sum(order.hold for order in self.open_of(account))

    def has_leave(self, new: o.NewOrder | o.Order, lots: int, more: int) -> bool:
        """Whether so many lots may be closed at a loss of ``more`` beyond the hold.

        Afterwards equity must cover the remaining maintenance margin, or shrink by no greater share than it does.
        """
        rest, needed = self.equity(new.account) - self.held(new.account), self.maintenance(new.account)
        left = self.maintenance(new.account, lots)
        return rest - more >= left + (left > 0) or (needed > 0 and more * needed <= rest * (needed - left))

    def move(self, message: Deposit | Transfer, account: str, amount: int) -> Reply:
        """Into one wallet; a transfer takes it out of the other."""
        own = self.wallets[account]
        other = -amount if isinstance(message, Transfer) else 0
        to = message.to if isinstance(message, Transfer) else message.wallet
        futures, spot = (amount, other) if to is Wallet.FUTURES else (other, amount)
        if futures < -max(0, self.free(account)) or spot < -own.spot:
            return Rejected(RejectReason.INSUFFICIENT_BALANCE)
        own.wallet, own.spot = own.wallet + futures, own.spot + spot
        after = max(0, self.free(account))
        if isinstance(message, Transfer):
            return TransferReply(after, own.spot)
        return AmountReply(after if to is Wallet.FUTURES else own.spot)

    def reducible(self, order: o.Order | o.NewOrder) -> int:
        size = self.wallets[order.account].size
        return max(0, -size if order.side is o.Side.BUY else size)

    # Canceling

    def by_client_id(self, account: str, client_id: str) -> o.Order | None:
        return next((order for order in self.open_of(account) if order.client_id == client_id), None)

    def is_open(self, order: o.Order) -> bool:
        return order.status in (o.Status.OPEN, o.Status.PARTIALLY_FILLED)

    def cancel_one(self, order: o.Order | None, account: str) -> Reply:
        if order is None:
            return Rejected(RejectReason.UNKNOWN_ORDER)
        if order.account != account:
            return Rejected(RejectReason.NOT_OWNER, order)
        if not self.is_open(order):
            return Rejected(RejectReason.TERMINAL_ORDER, order)
        self.end(order, o.Status.CANCELED, o.EndReason.USER)
        return OrderReply(order)

    def cancel_all(self, account: str, reason: o.EndReason, triggers_only: bool = False) -> list[o.Order]:
        own = [order for order in self.open_of(account) if order in self.waiting or not triggers_only]
        for order in own:
            if self.is_open(order):
                self.end(order, o.Status.CANCELED, reason)
        return own

    def cancel_batch(self, batch: CancelBatch) -> Reply:
        named = [order for order in self.orders.values() if order.account == batch.account]
        found = [self.orders.get(number) for number in batch.ids]
        for client_id in batch.client_ids:
            same = [order for order in named if order.client_id == client_id]
            latest = max(same, key=lambda order: (order.created_ms, order.id), default=None)
            found.append(self.by_client_id(batch.account, client_id) or latest)
        told: list[o.Order | RejectReason] = []
        for order in found:
            if order is None or (order.account != batch.account and order.trigger is None):
                told.append(RejectReason.UNKNOWN_ORDER)
            elif order.account != batch.account:
                told.append(RejectReason.NOT_OWNER)
            else:
                told.append(order)
                if self.is_open(order):
                    self.end(order, o.Status.CANCELED, o.EndReason.BATCH)
        return BatchReply(told)

    def end(self, order: o.Order, status: o.Status, reason: o.EndReason) -> None:
        """If canceled, or without a fill, its attached triggers end too; otherwise they stay for what is filled."""
        for orders in (self.resting, self.waiting, self.fired):
            orders[:] = [other for other in orders if other.id != order.id]
        order.hold, order.status, order.end_reason, order.updated_ms = 0, status, reason, self.now_ms
        self.ended.append(OrderEnded(order))
        for child in [other for other in self.waiting if other.trigger and other.trigger.parent == order.id]:
            if status is o.Status.CANCELED or not order.filled:
                self.end(child, o.Status.CANCELED, o.EndReason.CASCADE)
            else:
                child.quantity = min(child.quantity, order.filled)
                if not self.wallets[child.account].size:
                    self.end(child, o.Status.EXPIRED, o.EndReason.POSITION_CLOSED)

    def set_timer(self, account: str, after_ms: int) -> Reply:
        self.timers.pop(account, None)
        if after_ms:
            self.timers[account] = self.now_ms + after_ms
        return CountReply(after_ms)

    def run_out(self) -> None:
        for account in sorted(name for name, due_ms in self.timers.items() if due_ms <= self.now_ms):
            del self.timers[account]
            self.cancel_all(account, o.EndReason.COUNTDOWN)
