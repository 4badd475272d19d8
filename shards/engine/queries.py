"""Answers queries from a shard's memory: open orders and what is not archived yet."""

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
    Query,
)
from shards.model.reasons import RejectReason
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
    Rejected,
    Reply,
    Ticker,
    TickersReply,
    TradesReply,
)
from shards.model.span import Span


def answer(engine: Engine, query: Query) -> Reply:
    """Return the reply to a query about the machines. It may show live objects: encode it immediately."""
    match query:
        case GetOrder(number):
            return _order_reply(engine.cancels.find_order(number))
        case GetOrderByClientId():
            return _order_reply(_by_client_id(engine, query))
        case ListOrders():
            return OrdersReply(_list_orders(engine, query))
        case ListTrades():
            return TradesReply(_list_trades(engine, query))
        case GetTrade(number):
            found = engine.unarchived.trades.get(number)
            return TradesReply([found] if found else [])
        case MarketTrades():
            return TradesReply(_market_trades(engine, query))
        case GetCandles():
            return _candles(engine, query)
        case GetTickers():
            return TickersReply(list(_tickers(engine, query)))
        case GetBalances(account):
            return BalancesReply(engine.accounts.wallets.list(account))
        case GetMargin(account):
            return _margin(engine, account)
        case CountOpen(account):
            return _count_open(engine, account)
        case ListOpen():
            return OrdersReply(_list_open(engine, query))
        case ListFills():
            return FillsReply(_list_fills(engine, query))
        case ListIncome():
            return IncomeReply(_list_income(engine, query))
        case GetPrices(number):
            return _prices(engine, number)
        case GetOpenInterest(number):
            return _open_interest(engine, number)
        case GetDepth():
            return _depth(engine, query)
        case GetMarket(number):
            machine = engine.markets.get(number)
            return MarketReply(machine.market) if machine else Rejected(RejectReason.UNKNOWN_MARKET)
        case _:
            return Rejected(RejectReason.HISTORY_UNREADABLE)


def _order_reply(order: Order | None) -> Reply:
    return OrderReply(order) if order else Rejected(RejectReason.UNKNOWN_ORDER)


def _by_client_id(engine: Engine, query: GetOrderByClientId) -> Order | None:
    """Prefer open to ended orders, then the latest."""
    product = 0 if query.market else Product.FUTURES
    machines = _machines(engine, query.market, product)
    opened = [machine.named(query.account, query.client_id) for machine in machines]
    found = [order for order in opened if order is not None and _was_placed_so(order, query.triggers)] or [
        order
        for order in engine.unarchived.orders_of(query.account)
        if order.client_id == query.client_id
        and _in_market(engine, order.market, query.market, product)
        and _was_placed_so(order, query.triggers)
    ]
    return max(found, key=age, default=None)


def _was_placed_so(order: Order, triggers: bool) -> bool:
    """Whether the order was placed as a trigger, if ``triggers`` demands it."""
    return order.trigger is not None or not triggers


def _machines(engine: Engine, market: int, product: int) -> Iterable[MarketMachine]:
    return (machine for number, machine in engine.markets.items() if _in_market(engine, number, market, product))


def _in_market(engine: Engine, number: int, market: int, product: int) -> bool:
    return market in (0, number) and product in (0, engine.markets[number].market.product)


def _list_orders(engine: Engine, query: ListOrders) -> list[Order]:
    span = query.span
    found = [
        order
        for order in engine.unarchived.orders_of(query.account)
        if _in_market(engine, order.market, query.market, query.product) and _wants_order(query, span, order)
    ]
    for machine in _machines(engine, query.market, query.product):
        found += islice((order for order in _open_ones(machine, query) if _wants_order(query, span, order)), span.limit)
    return span.take(found, age)


def _open_ones(machine: MarketMachine, query: ListOrders) -> Iterator[Order]:
    """Iterate over the account's open orders in a market within the bounds, from the requested end.

    A market's order ids and times increase together, so only the orders actually taken are looked at.
    """
    own = machine.by_account.get(query.account, {})
    numbers = sorted(own)
    first = max(
        bisect_left(numbers, query.from_id),
        bisect_left(numbers, query.start_ms, key=lambda number: own[number].created_ms),
    )
    end = min(
        bisect_left(numbers, (query.before_ms, query.before_id), key=lambda number: age(own[number])),
        bisect_right(numbers, query.end_ms, key=lambda number: own[number].created_ms),
    )
    wanted = range(first, end) if query.oldest_first else range(end - 1, first - 1, -1)
    return (own[numbers[index]] for index in wanted)


def _wants_order(query: ListOrders, span: Span, order: Order) -> bool:
    return (
        query.status in (0, order.status)
        and span.holds(order.created_ms, order.id)
        and _was_placed_so(order, query.triggers)
    )


def _list_open(engine: Engine, query: ListOpen) -> list[Order]:
    machines = _machines(engine, query.market, query.product)
    orders = (order for each in machines for order in each.by_account.get(query.account, {}).values())
    return sorted((order for order in orders if _waits(order) or not query.waiting), key=age)


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


def _list_trades(engine: Engine, query: ListTrades) -> list[Trade]:
    span = query.span
    found = (
        trade
        for trade in engine.unarchived.trades_of(query.account)
        if _in_market(engine, trade.market, query.market, query.product)
        and query.order in (0, _own_order(query.account, trade))
        and span.holds(trade.time_ms, trade.id)
    )
    return span.take(found, lambda trade: (trade.time_ms, trade.id))


def _own_order(account: str, trade: Trade) -> int:
    return trade.maker_order if trade.maker_account == account else trade.taker_order


# The futures wallet


def _margin(engine: Engine, account: str) -> MarginReply:
    margins = engine.accounts.margins
    margin = margins.get(account)
    marks = {market: margins.marks[market] for market in margin.markets if market in margins.marks}
    return MarginReply(margin, margins.free(account), marks)


def _list_fills(engine: Engine, query: ListFills) -> list[MarginFilled]:
    span = query.span
    found = (
        filled
        for filled in engine.unarchived.fills_of(query.account)
        if query.market in (0, filled.market)
        and query.order in (0, filled.fill.order)
        and span.holds(filled.fill.time_ms, filled.fill.trade)
    )
    return span.take(found, lambda filled: (filled.fill.time_ms, filled.fill.trade))


def _list_income(engine: Engine, query: ListIncome) -> list[Income]:
    span = query.span
    found = (
        each
        for each in engine.unarchived.income_of(query.account)
        if query.market in (0, each.market) and query.kind in (None, each.kind) and span.holds(each.time_ms, each.id)
    )
    return span.take(found, lambda each: (each.time_ms, each.id, each.kind))


# Markets


def _prices(engine: Engine, number: int) -> Reply:
    machine = engine.futures.get(number)
    if machine is None:
        return Rejected(RejectReason.UNKNOWN_MARKET)
    return PricesReply(machine.margin.last_price, machine.margin.mark_price)


def _open_interest(engine: Engine, number: int) -> Reply:
    machine = engine.futures.get(number)
    return CountReply(machine.margin.open_interest) if machine is not None else Rejected(RejectReason.UNKNOWN_MARKET)


def _market_trades(engine: Engine, query: MarketTrades) -> list[Trade]:
    wanted = (
        trade
        for trade in reversed(engine.unarchived.trades.values())
        if market_of(trade.id) == query.market and trade.time_ms >= query.start_ms and trade.id < query.before_id
    )
    return list(islice(wanted, query.limit))


def _candles(engine: Engine, query: GetCandles) -> CandlesReply:
    trades = [trade for trade in engine.unarchived.trades.values() if trade.market == query.market]
    if not trades:
        return CandlesReply([])
    inside = (trade for trade in trades if query.start_ms <= trade.time_ms <= query.end_ms)
    return CandlesReply(limit_candles(fold(inside, query.interval_ms), query), trades[0].id)


def _tickers(engine: Engine, query: GetTickers) -> Iterator[Ticker]:
    trades: dict[int, list[Trade]] = {market: [] for market in query.before}
    for trade in engine.unarchived.trades.values():
        if trade.id < query.before.get(trade.market, 0):
            trades[trade.market].append(trade)
    for market, found in trades.items():
        if found:
            inside = fold((trade for trade in found if trade.time_ms >= query.start_ms), ONE_SPAN_MS)
            yield Ticker(market, found[-1], inside[0] if inside else None, found[0].id)


def _depth(engine: Engine, query: GetDepth) -> Reply:
    machine = engine.markets.get(query.market)
    if machine is None:
        return Rejected(RejectReason.UNKNOWN_MARKET)
    futures = engine.futures.get(query.market)
    margin = futures.margin if futures is not None else None
    bids, asks = (list_levels(machine, margin, side, query.limit) for side in (Side.BUY, Side.SELL))
    return DepthReply(machine.matching.update_id, bids, asks)
