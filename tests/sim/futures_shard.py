"""The futures side of one shard of the model: its markets, the wallets kept on it, and its messages to other shards."""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from shards.model import accounting
from shards.model import orders as o
from shards.model.codec import encode
from shards.model.commands import (
    AddMarket,
    MarginHold,
    Modify,
    Place,
    SetLeverage,
    SetMarketStatus,
    SetRisk,
    TimerFired,
)
from shards.model.events import MarketChanged, OrderEnded, Traded
from shards.model.links import TriggerMarginRequest
from shards.model.markets import Market, shard_of_account
from shards.model.queries import GetOrder
from shards.model.reasons import RejectReason
from shards.model.replies import CountReply, MarketReply, OrderReply, Rejected, Reply
from tests.sim.futures_accounts import AccountShard
from tests.sim.futures_market import SimFuturesMarket
from tests.sim.payments import Payments
from tests.sim.sent import Brackets, Fired, Grant, Held, MarginChange, Mark, Sent, TriggerMarginResult

if TYPE_CHECKING:
    from tests.sim.model import Model


class FuturesShard(Payments):
    """A shard's state beyond spot markets and wallets."""

    def __init__(self, model: "Model", shard: int, shard_count: int) -> None:
        super().__init__(AccountShard(self))
        self.model, self.shard, self.shard_count = model, shard, shard_count
        self.row_of: dict[int, int] = {}  # ended order → number of its row
        self.archived = 0  # rows that the shard knows to be archived
        self.futures: dict[int, SimFuturesMarket] = {}
        self.touched = False  # the current input concerns them

    def is_away(self, account: str) -> bool:
        return self.account_shard(account) != self.shard

    def account_shard(self, account: str) -> int:
        return shard_of_account(account, self.shard_count)

    def send(self, receiver: int, sent: Sent) -> None:
        self.model.sent[self.shard, receiver].append(sent)

    def tell_all(self, sent: Mark | Brackets) -> None:
        for other in range(self.shard_count):
            if other != self.shard:
                self.send(other, sent)

    # One input

    def begin_futures(self, brought: Sent | None) -> dict[int, Held]:
        """What is held elsewhere for orders here, by market, including the input's grant."""
        held = {}
        self.touched = isinstance(brought, Grant | TriggerMarginResult)
        for number, market in self.futures.items():
            market.begin(self.now_ms, self.archived)
            held[number] = market.held_away()
        if isinstance(brought, Grant) and isinstance(brought.requested, MarginHold):
            new = brought.requested.order
            _add(held[new.market], new.account, new.side, brought.amount, brought.requested.terms.order_value)
        elif isinstance(brought, TriggerMarginResult) and brought.grant.held:
            requested = brought.requested
            _add(
                held[requested.id >> 40],
                requested.account,
                requested.side,
                brought.grant.amount,
                requested.terms.order_value,
            )
        return held

    def end_futures(self, before: dict[int, Held], sent_so_far: dict[int, int]) -> None:
        """Book local fills, send the others."""
        held: defaultdict[int, dict[int, Held]] = defaultdict(lambda: defaultdict(Counter))
        fills: defaultdict[int, list[Any]] = defaultdict(list)
        for number, market in self.futures.items():
            market.tell_mark()
            after = market.held_away()
            for key in before.get(number, Counter()).keys() | after.keys():
                more = after[key] - before.get(number, Counter())[key]
                if more:
                    held[self.account_shard(key[0])][number][key] += more
            for filled in market.take_fills():
                if self.is_away(filled.account):
                    leverage = (market.known | market.orders)[filled.fill.order].leverage
                    fills[self.account_shard(filled.account)].append((filled, leverage))
                else:
                    self.made.append(filled)
        for market in self.futures.values():
            market.again = [order for order in market.again if market.is_open(order)]
        for other in range(self.shard_count):
            requested = [
                order
                for each in self.futures.values()
                for order in each.again
                if self.account_shard(order.account) == other
            ]
            newest = len(self.model.sent[self.shard, other]) + len(requested)
            mentioned = self.touched and sent_so_far.get(other, 0) == newest + 1
            if other != self.shard and (held[other] or fills[other] or mentioned):
                self.send(other, MarginChange(dict(held[other]), fills[other]))
        for market in self.futures.values():  # only now: their account shards have what was returned
            again, market.again = market.again, []
            for order in again:
                self.request_trigger_margin(market, order)

    def take_up_margin(self, sent: Sent) -> Reply | None:
        """A decision or request of another shard."""
        match sent:
            case Mark(market, value):
                self.accounts.marks[market] = value
            case MarginChange(held, fills):
                for market, changes in held.items():
                    for key, more in changes.items():
                        self.accounts.held[key[0], market][key] += more
                self.made += [self.accounts.fill(filled, leverage) for filled, leverage in fills]
            case Fired(requested):
                decided = self.accounts.hold_away(
                    requested.account, requested.id >> 40, requested.side, requested.terms
                )
                rejected = isinstance(decided, Rejected)
                allowance = (
                    self.accounts.allowance(requested.account, requested.id >> 40) if requested.terms.reduces else 0
                )
                without = Grant(requested, 0, 0, False, allowance)
                grant = without if rejected else Grant(requested, decided[1], decided[0], True, decided[2])  # type: ignore[index]
                self.send(requested.market_shard, TriggerMarginResult(requested, grant))
            case Brackets(market, brackets):
                self.accounts.brackets[market] = brackets
            case TriggerMarginResult(requested):
                self.futures[requested.id >> 40].apply_trigger_margin(sent)
        return None

    def request_trigger_margin(self, market: SimFuturesMarket, order: o.Order) -> None:
        limit = market.limit(order, order.quantity)
        terms = market.terms.default_leverage, market.terms.max_position_notional
        price, loss = (0 if order.reduce_only else market.hold_price(order, limit)), market.loss(order, limit)
        if order.reduce_only:
            size = min(order.quantity, market.reducible(order))
            value = loss * size * market.unit
            requested = accounting.MarginTerms(
                0, 0, *terms, loss_value=value, reduces=size, mark=market.mark * market.unit
            )
        else:
            lots = order.quantity * market.unit
            values = price * lots, (order.price or price) * lots
            more = {"closes": market.only_closes(order), "entry_value": price * lots}
            requested = accounting.MarginTerms(*values, *terms, loss_value=loss * lots, **more)
        if order.side is o.Side.SELL and order.kind is not o.Kind.LIMIT and not market.has_risk_terms:
            limit = 0  # no limit has been requested
        fired = TriggerMarginRequest(order.id, order.account, order.side, price, requested, self.shard, limit, loss)
        self.send(self.account_shard(order.account), Fired(fired))

    # Inputs

    def add_futures(self, market: Market) -> Reply:
        if market.number not in self.futures:
            opened = self.futures[market.number] = SimFuturesMarket(self, market)
            for (account, number), leverage in self.accounts.leverages.items():  # set before the market was added
                if number == market.number:
                    opened.wallets[account].leverage = leverage
            self.made.append(MarketChanged(market, self.now_ms))
            self._tell_brackets(market)
        return MarketReply(self.futures[market.number].market)

    def _tell_brackets(self, market: Market) -> None:
        if market.risk is not None:
            self.accounts.brackets[market.number] = market.risk.brackets
            self.tell_all(Brackets(market.number, market.risk.brackets))

    def apply_to_futures(self, message: Any) -> Reply | None:
        self.touched = True
        match message:
            case TimerFired():
                for number in sorted(self.futures):
                    self.futures[number].run_out()
                return None
            case SetLeverage(account, number, leverage, default):
                reply = self.accounts.set_leverage(account, number, leverage, default)
                if number in self.futures and isinstance(reply, CountReply):
                    self.futures[number].wallets[account].leverage = leverage
                return reply
        market = self.futures[market_in(message)]
        match message:
            case Place(new):
                return self.place_futures(market, new)
            case Modify(number, account) if any(
                order.id == number and order.account == account for order in market.asked_for
            ):
                return Rejected(RejectReason.NOT_MODIFIABLE)  # it has fired, and awaits its margin
            case Modify() if market.change_needs_account_shard(message):
                found = market.check_change(message)  # it has come to hold or need funds since the command arrived
                return found if isinstance(found, Rejected) else Rejected(RejectReason.BUSY)
            case AddMarket():
                return MarketReply(market.market)
            case GetOrder(number):
                found = market.orders.get(number)
                return OrderReply(found) if found else Rejected(RejectReason.UNKNOWN_ORDER)
        reply = market.apply(message, self.now_ms)
        if isinstance(message, SetMarketStatus | SetRisk) and isinstance(reply, MarketReply):
            self.made.append(MarketChanged(reply.market, self.now_ms))
        if isinstance(message, SetRisk) and isinstance(reply, MarketReply):
            self._tell_brackets(reply.market)
        return reply

    def place_futures(self, market: SimFuturesMarket, new: o.NewOrder) -> Reply:
        placed = market.placed
        reply = market.place(new)
        if market.placed > placed:
            self.model.placed[encode(Place(new))] += 1
        return reply

    def hold_margin(self, hold: MarginHold) -> Reply | None:
        new = hold.order
        held = self.accounts.hold_away(new.account, new.market, new.side, hold.terms)
        if isinstance(held, Rejected):
            if held.reason is RejectReason.NO_LEAVE and new.kind is o.Kind.MARKET:
                self.send(hold.market_shard, Grant(hold, 0, 0, False, self.accounts.allowance(new.account, new.market)))
                return None
            return held
        self.send(hold.market_shard, Grant(hold, held[1], held[0], True, held[2]))
        return None

    def take_grant(self, grant: Grant) -> Reply:
        assert isinstance(grant.requested, MarginHold)
        market = self.futures[grant.requested.order.market]
        placed = market.placed
        reply = market.take_grant(grant)
        if market.placed > placed:
            self.model.placed[encode(Place(grant.requested.order))] += 1
        return reply

    # Rows

    def note_end(self, order: o.Order) -> None:
        self.made.append(OrderEnded(order))

    def note_trade(self, trade: o.Trade) -> None:
        self.made.append(Traded(trade))


def market_in(message: Any) -> int:
    """The number of the market in a message; 0: none."""
    order = getattr(message, "order", message)
    number = getattr(order, "market", 0) or getattr(message, "id", 0) >> 40
    return number if isinstance(number, int) else number.number


def _add(held: Held, account: str, side: o.Side, amount: int, value: int) -> None:
    held[account, "hold"] += amount
    held[account, side.name] += value
