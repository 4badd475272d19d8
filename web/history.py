"""Orders and trades from the shards and the archive as one.

A shard answers for what is open or not yet archived, the archive for the rest. The shard is always asked first: what
leaves it in between is in the archive by then. What both know is taken once, and an ended order wins over an open one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from shards import limits
from shards.candles import join
from shards.markets import Market
from shards.messages import (
    Candle,
    CandlesReply,
    GetCandles,
    GetOrder,
    GetOrderByClientId,
    GetTrade,
    ListOrders,
    ListTrades,
    MarketTrades,
    Order,
    OrderReply,
    OrdersReply,
    Reason,
    Status,
    Trade,
    TradesReply,
)
from web.engine import Engine
from web.errors import EngineRefusal

OWNER_WAIT_MS: Final = 1_000  # a cancel of an order that no shard has waits so long to learn whose it was

_OPEN: Final = (Status.OPEN, Status.PARTIALLY_FILLED)


def find_order(engine: Engine, market: Market, question: GetOrder | GetOrderByClientId) -> Order | None:
    """The order, wherever it is; raises EngineRefusal if that cannot be told."""
    return _known(lambda: engine.ask(OrderReply, engine.owner(market), question)) or _known(
        lambda: engine.ask_archive(OrderReply, question)
    )


def find_archived_order(engine: Engine, number: int) -> Order | None:
    """The order if the archive has it; None if not, or if it cannot be asked soon."""
    try:
        return engine.ask_archive(OrderReply, GetOrder(number), OWNER_WAIT_MS).order
    except EngineRefusal:
        return None


def find_trade(engine: Engine, market: Market, number: int) -> Trade | None:
    """The trade, wherever it is."""
    question = GetTrade(number)
    trades = engine.ask(TradesReply, engine.owner(market), question).trades
    trades = trades or engine.ask_archive(TradesReply, question).trades
    return trades[0] if trades else None


def list_orders(engine: Engine, shards: Sequence[int], question: ListOrders) -> list[Order]:
    """An account's orders, newest first."""
    recent = engine.ask_each(OrdersReply, [(shard, question) for shard in shards])
    archived = engine.ask_archive(OrdersReply, question)
    merged: dict[int, Order] = {}
    for order in (order for reply in (*recent, archived) for order in reply.orders):
        known = merged.get(order.id)
        if known is None or known.status in _OPEN:
            merged[order.id] = order
    return sorted(merged.values(), key=lambda order: (order.created_ms, order.id), reverse=True)[: question.limit]


def list_trades(engine: Engine, shards: Sequence[int], question: ListTrades) -> list[Trade]:
    """An account's trades, newest first."""
    recent = engine.ask_each(TradesReply, [(shard, question) for shard in shards])
    archived = engine.ask_archive(TradesReply, question)
    return _newest((*recent, archived), question.limit)


def trades_of_order(engine: Engine, market: Market, order: Order) -> list[Trade]:
    """All matches of one order so far, oldest first."""
    question = ListTrades(order.account, limits.LIST_COUNT_MAX, market=order.market, order=order.id)
    found: list[Trade] = []
    while True:
        page = list_trades(engine, [engine.owner(market)], question)
        found += page
        if len(page) < question.limit:
            return found[::-1]
        question = msgspec.structs.replace(question, before_ms=page[-1].time_ms, before_id=page[-1].id)


def market_trades(engine: Engine, market: Market, question: MarketTrades) -> list[Trade]:
    """A market's trades, newest first."""
    recent = engine.ask(TradesReply, engine.owner(market), question)
    return _newest((recent, engine.ask_archive(TradesReply, question)), question.limit)


def candles(engine: Engine, market: Market, question: GetCandles) -> list[Candle]:
    """A market's candles, oldest first: the archive's, up to the first trade that the shard still has, then those."""
    recent = engine.ask(CandlesReply, engine.owner(market), question)
    archived = engine.ask_archive(CandlesReply, msgspec.structs.replace(question, before_id=recent.first_id))
    return join(archived.candles, recent.candles)[: question.limit]


def _newest(replies: Iterable[TradesReply], limit: int) -> list[Trade]:
    merged = {trade.id: trade for reply in replies for trade in reply.trades}
    return sorted(merged.values(), key=lambda trade: (trade.time_ms, trade.id), reverse=True)[:limit]


def _known(ask: Callable[[], OrderReply]) -> Order | None:
    try:
        return ask().order
    except EngineRefusal as refusal:
        if refusal.reason is Reason.UNKNOWN_ORDER:
            return None
        raise
