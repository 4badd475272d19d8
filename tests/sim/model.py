"""The expected result of every input: a naive exchange, fed each shard's inputs in the order of its journal.

Per shard there are reference markets and wallets (tests/model). What a shard decides for an account kept elsewhere is
stored under the expected number of its link message, and takes effect when that message is in the other journal.
Nothing is taken from a link message except its number.
"""

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from shards.engine.outbox import ARCHIVE
from shards.model import accounting
from shards.model import orders as o
from shards.model.codec import decode_input, encode
from shards.model.commands import (
    AddMarket,
    CancelAll,
    CancelAllAfter,
    CancelBatch,
    Deposit,
    FundsHold,
    MarginHold,
    Modify,
    Place,
    SetLeverage,
    SetMarketStatus,
    SetMarkPrice,
    SetRisk,
    SetRules,
    TimerFired,
    Transfer,
)
from shards.model.events import MarketChanged, OrderEnded, Traded
from shards.model.markets import Market, Product
from shards.model.queries import GetDepth, GetMargin, GetOrderByClientId, ListOrders, Query
from shards.model.reasons import RejectReason
from shards.model.replies import AmountReply, MarketReply, OrderReply, OrdersReply, Rejected, Reply
from storage.journal import Record
from tests.sim.futures_shard import FuturesShard, market_in
from tests.sim.refusals import refused_rows
from tests.sim.sent import Change, FundsGrant, Grant, Sent
from tests.sim.story import Violation


class Predicted(NamedTuple):
    """The expected results of one input."""

    reply: bytes | None
    rows: list[bytes]  # for the archive
    sent: dict[int, int]  # receiver → number of the newest message to it


class Model:
    """All shards."""

    def __init__(self, shard_count: int) -> None:
        self.sent: defaultdict[tuple[int, int], list[Sent]] = defaultdict(list)  # by sender and receiver
        self.shards = [ShardModel(self, shard, shard_count) for shard in range(shard_count)]
        self.placed: Counter[bytes] = Counter()  # Place → how many orders it has created

    def apply(self, shard: int, record: Record, archived: int, sent: dict[int, int]) -> Predicted:
        """Apply a record on disk; ``archived``: how many of the shard's rows it knows to be archived.

        ``sent``: receiver → newest link message. Whether a futures order without a hold is reported is up to the shard:
        only that is taken from it.
        """
        return self.shards[shard].take(record, archived, sent)


class ShardModel(FuturesShard):
    """One shard: its spot markets, and the wallets kept on it."""

    def __init__(self, model: Model, shard: int, shard_count: int) -> None:
        super().__init__(model, shard, shard_count)
        self.rows: list[bytes] = []  # all rows ever made
        self.row_order: dict[bytes, int] = {}  # row of the current input → the order that ended
        self.taken: Counter[int] = Counter()  # sender → link messages taken

    # One input

    def take(self, record: Record, archived: int, sent_so_far: dict[int, int]) -> Predicted:
        self.sequence, self.now_ms, self.archived = record.sequence, record.stamp_ms, archived
        brought = None
        if record.source >= 0:
            self.taken[record.source] += 1
            if record.number != self.taken[record.source]:
                raise Violation(f"shard {self.shard} took message {record.number} of shard {record.source} out of turn")
            sent = self.model.sent[record.source, self.shard]
            if record.number > len(sent):
                raise Violation(f"shard {record.source} sent message {record.number}, and has not on disk what made it")
            brought = sent[record.number - 1]
        held = self.begin_futures(brought)
        reply = self.take_up(brought) if brought else self.apply(decode_input(record.body), record.stamp_ms)
        self.post_changes()
        self.end_futures(held, sent_so_far)
        if reply is not None:
            self.made += refused_rows(decode_input(record.body), reply, self)
        rows = [encode(row) for row in self.made]
        self.row_order = {
            row: each.order.id for row, each in zip(rows, self.made, strict=True) if isinstance(each, OrderEnded)
        }
        self.made.clear()
        newest = {other: len(self.model.sent[self.shard, other]) for other in range(self.shard_count)}
        del newest[self.shard]
        return Predicted(None if reply is None else encode(reply), rows, newest | {ARCHIVE: len(self.rows) + len(rows)})

    def number_rows(self, rows: list[bytes]) -> None:
        """The rows of one input leave in this order."""
        for number, row in enumerate(rows, len(self.rows) + 1):
            if row in self.row_order:
                self.row_of[self.row_order[row]] = number
        self.rows += rows

    def answer(self, query: Query, archived: int) -> Reply | None:
        self.archived = archived
        self.begin_futures(None)
        return self.apply(query, self.now_ms)

    def post_changes(self) -> None:
        """Wallets kept elsewhere are temporary: their state after one input is sent there."""
        away: defaultdict[int, dict[tuple[str, str], tuple[int, int]]] = defaultdict(dict)
        for key in [key for key in self.wallets if self.is_away(key[0])]:
            scratch = self.wallets.pop(key)
            change = scratch.available, scratch.held
            if any(change):
                away[self.account_shard(key[0])][key] = change
        for account_shard, changes in away.items():
            self.model.sent[self.shard, account_shard].append(Change(changes))

    def take_up(self, sent: Sent) -> Reply | None:
        if isinstance(sent, FundsGrant):
            return self.granted(sent)
        if isinstance(sent, Grant):
            return self.take_grant(sent)
        if not isinstance(sent, Change):
            return self.take_up_margin(sent)
        for (account, asset), (available, held) in sent.wallets.items():
            wallet = self.wallet(account, asset)
            wallet.available, wallet.held = wallet.available + available, wallet.held + held
        return None

    # What the reference does not cover

    def apply(self, message: object, now_ms: int) -> Reply | None:  # type: ignore[override]
        match message:
            case MarginHold():
                return self.hold_margin(message)
            case FundsHold():
                return self.hold_on_account_shard(message)
            case Deposit():
                return self.deposit(message)
            case SetRules():
                return None
            case TimerFired() | SetLeverage():
                return self.apply_to_futures(message)
            case _ if market_in(message) in self.futures:
                return self.apply_to_futures(message)
            case AddMarket(market) if market.product is Product.FUTURES:
                return self.add_futures(market)
            case Modify() | SetMarkPrice() | SetRisk() | CancelBatch() | CancelAllAfter():
                return Rejected(
                    RejectReason.UNKNOWN_ORDER if isinstance(message, Modify) else RejectReason.UNKNOWN_MARKET
                )
            case AddMarket(market):
                if market.number not in self.markets:
                    self.made.append(MarketChanged(market, now_ms))
            case CancelAll(account, 0):
                found = [
                    super(ShardModel, self).apply(CancelAll(account, each), now_ms) for each in sorted(self.markets)
                ]
                return OrdersReply([order for reply in found for order in reply.orders])  # type: ignore[union-attr]
            case Transfer():
                return self.transfer(message)
            case Place(new) if new.market not in self.markets:
                return Rejected(RejectReason.UNKNOWN_MARKET)
            case Place(new) if self.is_away(new.account):  # it was rejected before asking for funds
                found = self.rejection_of(new, self.archived)
                return found or Rejected(RejectReason.BUSY)
            case SetMarketStatus(number) if number not in self.markets:
                return Rejected(RejectReason.UNKNOWN_MARKET)
            case GetMargin(account):
                return AmountReply(self.accounts.free(account))
            case GetOrderByClientId(market, account, client_id):
                return self.latest(market, account, client_id)
            case ListOrders(account, limit):
                return OrdersReply(self.orders_of(account)[:limit])
            case GetDepth(market) if market not in self.markets:
                return Rejected(RejectReason.UNKNOWN_MARKET)
        return super().apply(message, now_ms)

    def find(self, number: int) -> o.Order | None:
        """Archived orders are no longer available."""
        order = super().find(number)
        return order if order and self.row_of.get(number, self.archived + 1) > self.archived else None

    def latest(self, market: int, account: str, client_id: str) -> Reply:
        opened = self.by_client_id(market, account, client_id)
        named = [each for each in self.orders_of(account) if each.client_id == client_id and each.market == market]
        found = opened or (named[0] if named else None)
        return OrderReply(found) if found else Rejected(RejectReason.UNKNOWN_ORDER)

    def orders_of(self, account: str) -> list[o.Order]:
        """Newest first."""
        known = [order for orders in self.open.values() for order in orders] + [*self.ended.values()]
        known = [order for order in known if self.row_of.get(order.id, self.archived + 1) > self.archived]
        own = (order for order in known if order.account == account)
        return sorted(own, key=lambda order: (order.created_ms, order.id), reverse=True)

    def amount_of(self, new: o.NewOrder, market: Market) -> int:
        if new.side == o.Side.SELL:
            return new.quantity * market.lot_units
        return new.quote_quantity or new.price * new.quantity * market.tick_lot_units

    def hold_on_account_shard(self, hold: FundsHold) -> Reply | None:
        market = self.model.shards[hold.market_shard].markets[hold.order.market]
        amount = self.amount_of(hold.order, market)
        found = self.wallets.get((hold.order.account, market.quote if hold.order.side == o.Side.BUY else market.base))
        if not found or found.available < amount:
            return Rejected(RejectReason.INSUFFICIENT_BALANCE)
        found.available, found.held = found.available - amount, found.held + amount
        self.model.sent[self.shard, hold.market_shard].append(FundsGrant(hold, amount))
        return None

    def granted(self, grant: FundsGrant) -> Reply:
        """Place it as if its account had exactly these funds; what is then not held is returned."""
        new = grant.requested.order
        key = new.account, self.held_asset(new)
        self.wallets[key] = accounting.Balance(key[1], grant.amount, 0)
        late = self.now_ms > grant.requested.deadline_ms
        reply = Rejected(RejectReason.TIMEOUT) if late else self.place(new)
        self.wallets[key].held -= grant.amount
        return reply

    def place(self, new: o.NewOrder) -> Reply:
        placed = self.placed[new.market]
        reply = super().place(new)
        if self.placed[new.market] > placed:
            self.model.placed[encode(Place(new))] += 1
        return reply

    def rejection_of(self, new: o.NewOrder, archived: int) -> Reply | None:
        """The reply before funds are requested elsewhere: an account without funds gets no further."""
        self.archived = archived
        if new.market in self.futures:
            market = self.futures[new.market]
            market.begin(self.now_ms, archived)
            return market.check(new)
        if new.market not in self.markets:
            return Rejected(RejectReason.UNKNOWN_MARKET)
        reply = self.place(new)
        return None if isinstance(reply, Rejected) and reply.reason is RejectReason.INSUFFICIENT_BALANCE else reply

    def deposit(self, deposit: Deposit) -> Reply:
        return self.pay(deposit)

    # Rows

    def end(self, order: o.Order, status: o.Status, reason: o.EndReason) -> None:
        super().end(order, status, reason)
        order.request = self.sequence
        self.made.append(OrderEnded(order))

    def trade(self, taker: o.Order, maker: o.Order, quantity: int, market: Market) -> o.Trade:
        place = len(self.made)
        trade = super().trade(taker, maker, quantity, market)
        self.made.insert(place, Traded(trade))  # before the end of its maker
        return trade

    def set_status(self, number: int, status: Any) -> Reply:
        reply = super().set_status(number, status)
        if isinstance(reply, MarketReply):
            self.made.append(MarketChanged(reply.market, self.now_ms))
        return reply
