"""Answering questions from a shard's memory: open orders and what the archive does not have yet."""

from collections.abc import Iterable
from itertools import islice

from shards.book import BookSide
from shards.candles import fold
from shards.engine import Engine
from shards.ids import market_of
from shards.messages import (
    BalancesReply,
    CandlesReply,
    CountOpen,
    CountReply,
    DepthReply,
    GetBalances,
    GetCandles,
    GetDepth,
    GetMargin,
    GetOrder,
    GetOrderByClientId,
    GetTrade,
    ListOrders,
    ListTrades,
    MarginReply,
    MarketTrades,
    Order,
    OrderReply,
    OrdersReply,
    Question,
    Reason,
    Refused,
    Reply,
    Trade,
    TradesReply,
)


def answer(engine: Engine, question: Question) -> Reply:
    """The reply to a question about the machines. It may show live objects: encode it at once."""
    match question:
        case GetOrder(number):
            return _order_reply(engine.find_order(number))
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
        case GetBalances(account):
            return BalancesReply(engine.accounts.wallets.list(account))
        case GetMargin(account):
            return MarginReply(engine.accounts.margins.available(account))
        case CountOpen(account):
            machines = engine.markets.values()
            return CountReply(sum(len(machine.by_account.get(account, ())) for machine in machines))
        case GetDepth():
            return _depth(engine, question)
        case _:
            return Refused(Reason.HISTORY_UNREADABLE)


def _order_reply(order: Order | None) -> Reply:
    return OrderReply(order) if order else Refused(Reason.UNKNOWN_ORDER)


def _by_client_id(engine: Engine, question: GetOrderByClientId) -> Order | None:
    machine = engine.markets.get(question.market)
    found = machine.by_client.get((question.account, question.client_id)) if machine else None
    if found is not None:
        return found
    ended = (
        order
        for order in engine.recent.orders_of(question.account)
        if order.market == question.market and order.client_id == question.client_id
    )
    return max(ended, key=lambda order: (order.created_ms, order.id), default=None)


def _list_orders(engine: Engine, question: ListOrders) -> list[Order]:
    found = [order for order in _orders_of(engine, question.account) if _wants_order(question, order)]
    found.sort(key=lambda order: (order.created_ms, order.id), reverse=True)
    return found[: question.limit]


def _orders_of(engine: Engine, account: str) -> Iterable[Order]:
    for machine in engine.markets.values():
        yield from machine.by_account.get(account, {}).values()
    yield from engine.recent.orders_of(account)


def _wants_order(question: ListOrders, order: Order) -> bool:
    return (
        question.market in (0, order.market)
        and question.status in (0, order.status)
        and question.start_ms <= order.created_ms <= question.end_ms
        and (order.created_ms, order.id) < (question.before_ms, question.before_id)
    )


def _list_trades(engine: Engine, question: ListTrades) -> list[Trade]:
    found = [trade for trade in engine.recent.trades_of(question.account) if _wants_trade(question, trade)]
    found.sort(key=lambda trade: (trade.time_ms, trade.id), reverse=True)
    return found[: question.limit]


def _wants_trade(question: ListTrades, trade: Trade) -> bool:
    own = trade.maker_order if trade.maker_account == question.account else trade.taker_order
    return (
        question.market in (0, trade.market)
        and question.order in (0, own)
        and question.start_ms <= trade.time_ms <= question.end_ms
        and (trade.time_ms, trade.id) < (question.before_ms, question.before_id)
    )


def _market_trades(engine: Engine, question: MarketTrades) -> list[Trade]:
    newest_first = reversed(engine.recent.trades.values())
    wanted = (
        trade
        for trade in newest_first
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
    return CandlesReply(fold(inside, question.interval_ms), trades[0].id)


def _depth(engine: Engine, question: GetDepth) -> Reply:
    machine = engine.markets.get(question.market)
    if machine is None:
        return Refused(Reason.UNKNOWN_MARKET)

    def levels(side: BookSide) -> list[tuple[int, int]]:
        return [(level.price, level.quantity) for level in islice(side, question.limit)]

    return DepthReply(machine.update_id, levels(machine.book.bids), levels(machine.book.asks))
