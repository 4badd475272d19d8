"""Answering questions from a shard's memory: open orders and what the archive does not have yet."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice

from shards.engine.engine import Engine
from shards.engine.market.depth import list_levels
from shards.engine.market.machine import MarketMachine
from shards.engine.market.open_orders import age
from shards.model.accounting import Income
from shards.model.candles import ONE_SPAN_MS, fold, limit_candles
from shards.model.events import MarginFilled
from shards.model.ids import market_of
from shards.model.markets import Product
from shards.model.orders import Order, Side, Trade
from shards.model.queries import (
    CountOpen,
    GetBalances,
    GetCandles,
    GetDepth,
    GetMargin,
    GetMarket,
    GetOpenInterest,
    GetOrder,
    GetOrderByClientId,
    GetPrices,
    GetTickers,
    GetTrade,
    ListFills,
    ListIncome,
    ListOpen,
    ListOrders,
    ListTrades,
    MarketTrades,
    Question,
)
from shards.model.reasons import Reason
from shards.model.replies import (
    BalancesReply,
    CandlesReply,
    CountReply,
    DepthReply,
    FillsReply,
    IncomeReply,
    MarginReply,
    MarketReply,
    OpenCountReply,
    OrderReply,
    OrdersReply,
    PricesReply,
    Refused,
    Reply,
    Ticker,
    TickersReply,
    TradesReply,
)


def answer(engine: Engine, question: Question) -> Reply:
    """The reply to a question about the machines. It may show live objects: encode it at once."""
    match question:
        case GetOrder(number):
            return _order_reply(engine.cancels.find_order(number))
        case GetOrderByClientId():
            return _order_reply(_by_client_id(engine, question))
        case ListOrders():
            return OrdersReply(_list_orders(engine, question))
        case ListTrades():
            return TradesReply(_list_trades(engine, question))
        case GetTrade(number):
            found = engine.recent.trades.get(number)
            return TradesReply([found] if found else [])
        case MarketTrades():
            return TradesReply(_market_trades(engine, question))
        case GetCandles():
            return _candles(engine, question)
        case GetTickers():
            return TickersReply(list(_tickers(engine, question)))
        case GetBalances(account):
            return BalancesReply(engine.accounts.wallets.list(account))
        case GetMargin(account):
            return _margin(engine, account)
        case CountOpen(account):
            return _count_open(engine, account)
        case ListOpen():
            return OrdersReply(_list_open(engine, question))
        case ListFills():
            return FillsReply(_list_fills(engine, question))
        case ListIncome():
            return IncomeReply(_list_income(engine, question))
        case GetPrices(number):
            return _prices(engine, number)
        case GetOpenInterest(number):
            return _open_interest(engine, number)
        case GetDepth():
            return _depth(engine, question)
        case GetMarket(number):
            machine = engine.markets.get(number)
            return MarketReply(machine.market) if machine else Refused(Reason.UNKNOWN_MARKET)
        case _:
            return Refused(Reason.HISTORY_UNREADABLE)


def _order_reply(order: Order | None) -> Reply:
    return OrderReply(order) if order else Refused(Reason.UNKNOWN_ORDER)


def _by_client_id(engine: Engine, question: GetOrderByClientId) -> Order | None:
    """Open before ended, then the latest."""
    product = 0 if question.market else Product.FUTURES
    machines = _machines(engine, question.market, product)
    opened = [machine.named(question.account, question.client_id) for machine in machines]
    found = [order for order in opened if order is not None and _was_placed_so(order, question.triggers)] or [
        order
        for order in engine.recent.orders_of(question.account)
        if order.client_id == question.client_id
        and _in_market(engine, order.market, question.market, product)
        and _was_placed_so(order, question.triggers)
    ]
    return max(found, key=age, default=None)


def _was_placed_so(order: Order, triggers: bool) -> bool:
    """Whether it was placed as a trigger, where only those are wanted."""
    return order.trigger is not None or not triggers


def _machines(engine: Engine, market: int, product: int) -> Iterable[MarketMachine]:
    return (machine for number, machine in engine.markets.items() if _in_market(engine, number, market, product))


def _in_market(engine: Engine, number: int, market: int, product: int) -> bool:
    return market in (0, number) and product in (0, engine.markets[number].market.product)


def _list_orders(engine: Engine, question: ListOrders) -> list[Order]:
    found = [
        order
        for order in engine.recent.orders_of(question.account)
        if _in_market(engine, order.market, question.market, question.product) and _wants_order(question, order)
    ]
    for machine in _machines(engine, question.market, question.product):
        found += islice(
            (order for order in _open_ones(machine, question) if _wants_order(question, order)), question.limit
        )
    found.sort(key=age, reverse=not question.oldest_first)
    return found[: question.limit]


def _open_ones(machine: MarketMachine, question: ListOrders) -> Iterator[Order]:
    """A market's open orders of the account from the end that is asked for, without those outside the bounds.

    Numbers and times of a market's orders grow together, so no order beyond the first wanted ones is looked at.
    """
    own = machine.by_account.get(question.account, {})
    numbers = sorted(own)
    first = max(
        bisect_left(numbers, question.from_id),
        bisect_left(numbers, question.start_ms, key=lambda number: own[number].created_ms),
    )
    end = min(
        bisect_left(numbers, (question.before_ms, question.before_id), key=lambda number: age(own[number])),
        bisect_right(numbers, question.end_ms, key=lambda number: own[number].created_ms),
    )
    wanted = range(first, end) if question.oldest_first else range(end - 1, first - 1, -1)
    return (own[numbers[index]] for index in wanted)


def _wants_order(question: ListOrders, order: Order) -> bool:
    return (
        question.status in (0, order.status)
        and question.start_ms <= order.created_ms <= question.end_ms
        and (order.created_ms, order.id) < (question.before_ms, question.before_id)
        and order.id >= question.from_id
        and _was_placed_so(order, question.triggers)
    )


def _list_open(engine: Engine, question: ListOpen) -> list[Order]:
    machines = _machines(engine, question.market, question.product)
    orders = (order for each in machines for order in each.by_account.get(question.account, {}).values())
    return sorted((order for order in orders if _waits(order) or not question.waiting), key=age)


def _waits(order: Order) -> bool:
    """Whether an open order is a trigger that has not fired."""
    return order.trigger is not None and not order.trigger.fired_ms


def _count_open(engine: Engine, account: str) -> OpenCountReply:
    count = OpenCountReply(0, 0, 0)
    for number, machine in engine.markets.items():
        opened = len(machine.by_account.get(account, ()))
        futures = engine.futures.get(number)
        if futures is not None:
            triggers = futures.triggers.count(account)
            count.triggers += triggers
            count.futures += opened - triggers
        else:
            count.spot += opened
    return count


def _list_trades(engine: Engine, question: ListTrades) -> list[Trade]:
    found = [
        trade
        for trade in engine.recent.trades_of(question.account)
        if _in_market(engine, trade.market, question.market, question.product) and _wants_trade(question, trade)
    ]
    found.sort(key=lambda trade: (trade.time_ms, trade.id), reverse=True)
    return found[: question.limit]


def _wants_trade(question: ListTrades, trade: Trade) -> bool:
    own = trade.maker_order if trade.maker_account == question.account else trade.taker_order
    return (
        question.order in (0, own)
        and question.start_ms <= trade.time_ms <= question.end_ms
        and (trade.time_ms, trade.id) < (question.before_ms, question.before_id)
    )


# The futures wallet


def _margin(engine: Engine, account: str) -> MarginReply:
    margins = engine.accounts.margins
    margin = margins.get(account)
    marks = {market: margins.marks[market] for market in margin.markets if market in margins.marks}
    return MarginReply(margin, margins.free(account), marks)


def _list_fills(engine: Engine, question: ListFills) -> list[MarginFilled]:
    found = [filled for filled in engine.recent.fills_of(question.account) if _wants_fill(question, filled)]
    found.sort(key=lambda filled: (filled.fill.time_ms, filled.fill.trade), reverse=not question.oldest_first)
    return found[: question.limit]


def _wants_fill(question: ListFills, filled: MarginFilled) -> bool:
    fill = filled.fill
    return (
        question.market in (0, filled.market)
        and question.order in (0, fill.order)
        and fill.trade >= question.from_id
        and question.start_ms <= fill.time_ms <= question.end_ms
    )


def _list_income(engine: Engine, question: ListIncome) -> list[Income]:
    found = [
        each
        for each in engine.recent.income_of(question.account)
        if question.market in (0, each.market)
        and question.kind in (None, each.kind)
        and question.start_ms <= each.time_ms <= question.end_ms
    ]
    found.sort(key=lambda each: (each.time_ms, each.id, each.kind), reverse=not question.oldest_first)
    return found[: question.limit]


# Markets


def _prices(engine: Engine, number: int) -> Reply:
    machine = engine.futures.get(number)
    if machine is None:
        return Refused(Reason.UNKNOWN_MARKET)
    return PricesReply(machine.margin.last_price, machine.margin.mark_price)


def _open_interest(engine: Engine, number: int) -> Reply:
    machine = engine.futures.get(number)
    return CountReply(machine.margin.open_interest) if machine is not None else Refused(Reason.UNKNOWN_MARKET)


def _market_trades(engine: Engine, question: MarketTrades) -> list[Trade]:
    wanted = (
        trade
        for trade in reversed(engine.recent.trades.values())
        if market_of(trade.id) == question.market
        and trade.time_ms >= question.start_ms
        and trade.id < question.before_id
    )
    return list(islice(wanted, question.limit))


def _candles(engine: Engine, question: GetCandles) -> CandlesReply:
    trades = [trade for trade in engine.recent.trades.values() if trade.market == question.market]
    if not trades:
        return CandlesReply([])
    inside = (trade for trade in trades if question.start_ms <= trade.time_ms <= question.end_ms)
    return CandlesReply(limit_candles(fold(inside, question.interval_ms), question), trades[0].id)


def _tickers(engine: Engine, question: GetTickers) -> Iterator[Ticker]:
    trades: dict[int, list[Trade]] = {market: [] for market in question.before}
    for trade in engine.recent.trades.values():
        if trade.id < question.before.get(trade.market, 0):
            trades[trade.market].append(trade)
    for market, found in trades.items():
        if found:
            inside = fold((trade for trade in found if trade.time_ms >= question.start_ms), ONE_SPAN_MS)
            yield Ticker(market, found[-1], inside[0] if inside else None, found[0].id)


def _depth(engine: Engine, question: GetDepth) -> Reply:
    machine = engine.markets.get(question.market)
    if machine is None:
        return Refused(Reason.UNKNOWN_MARKET)
    futures = engine.futures.get(question.market)
    margin = futures.margin if futures is not None else None
    bids, asks = (list_levels(machine, margin, side, question.limit) for side in (Side.BUY, Side.SELL))
    return DepthReply(machine.matching.update_id, bids, asks)
