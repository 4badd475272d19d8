"""Orders, trades and movements of money from the shards and the archive as one.

A shard answers for what is open or not yet archived, the archive for the rest. The shard is always asked first: what
leaves it in between is in the archive by then. What both know is taken once, and an ended order wins over an open one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Final

import msgspec

from shards import limits
from shards.model.accounting import Income, IncomeKind
from shards.model.candles import add, join, limit_candles
from shards.model.decimals import ceil_div
from shards.model.events import MarginFilled
from shards.model.markets import Market
from shards.model.orders import Candle, Order, Status, Trade
from shards.model.queries import (
    GetCandles,
    GetDepth,
    GetOrder,
    GetOrderByClientId,
    GetTickers,
    GetTrade,
    ListFills,
    ListIncome,
    ListOpen,
    ListOrders,
    ListTrades,
    MarketTrades,
)
from shards.model.reasons import Reason
from shards.model.replies import (
    CandlesReply,
    DepthReply,
    FillsReply,
    IncomeReply,
    OrderReply,
    OrdersReply,
    Ticker,
    TickersReply,
    TradesReply,
)
from shards.model.span import NO_BOUND, Span
from web.exchange.candles import no_trades
from web.exchange.gateway import Engine
from web.http.errors import EngineRefusal

ENDED_WAIT_MS: Final = 1_000  # a cancel that found nothing open waits so long to learn what became of it
_PAGE_COUNT: Final = 200  # trades of an order that are asked for at a time
_PIECE_COUNT: Final = 32  # questions about many markets that are under way at a time

_OPEN: Final = (Status.OPEN, Status.PARTIALLY_FILLED)


def owners(engine: Engine, markets: Iterable[Market]) -> list[int]:
    """The shards that own these books: one that owns none of them is not asked, and cannot be in the way."""
    return sorted({engine.owner(market) for market in markets})


def is_open(order: Order) -> bool:
    """Whether it can still be canceled."""
    return order.status in _OPEN


def find_order(engine: Engine, market: Market, question: GetOrder | GetOrderByClientId) -> Order | None:
    """The order, wherever it is; raises EngineRefusal if that cannot be told."""
    return _ask_for_order(engine, engine.owner(market), question) or _ask_archive_for_order(engine, question)


def find_open_order(engine: Engine, market: Market, question: GetOrder | GetOrderByClientId) -> Order | None:
    """The order if it is open; raises EngineRefusal if that cannot be told."""
    order = _ask_for_order(engine, engine.owner(market), question)
    return order if order is not None and is_open(order) else None


def find_latest(engine: Engine, shards: Iterable[int], question: GetOrderByClientId) -> Order | None:
    """The order of a client id that may be used on several markets: the latest open one, else the latest."""
    recent = [_ask_for_order(engine, shard, question) for shard in shards]
    return _latest_open(recent) or _latest([*recent, _ask_archive_for_order(engine, question)])


def find_latest_open(engine: Engine, shards: Iterable[int], question: GetOrderByClientId) -> Order | None:
    """The latest open order of a client id that may be used on several markets."""
    return _latest_open([_ask_for_order(engine, shard, question) for shard in shards])


def find_archived_order(engine: Engine, question: GetOrder | GetOrderByClientId) -> Order | None:
    """The order if the archive has it, asked for no longer than a cancel may wait; raises EngineRefusal."""
    return _ask_archive_for_order(engine, question, ENDED_WAIT_MS)


def find_trade(engine: Engine, market: Market, number: int) -> Trade | None:
    """The trade, wherever it is."""
    question = GetTrade(number)
    trades = engine.ask(TradesReply, engine.owner(market), question).trades
    trades = trades or engine.ask_archive(TradesReply, question).trades
    return trades[0] if trades else None


def list_orders(engine: Engine, shards: Sequence[int], question: ListOrders) -> list[Order]:
    """An account's orders, newest first or oldest first, as asked. The archive has no open ones."""
    recent = engine.ask_each(OrdersReply, [(shard, question) for shard in shards])
    archived = [] if question.status in _OPEN else [engine.ask_archive(OrdersReply, question)]
    merged: dict[int, Order] = {}
    for order in (order for reply in (*recent, *archived) for order in reply.orders):
        known = merged.get(order.id)
        if known is None or is_open(known):
            merged[order.id] = order
    return question.span.take(merged.values(), _age)


def list_open(engine: Engine, shards: Sequence[int], question: ListOpen) -> list[Order]:
    """All of an account's open orders, oldest first."""
    replies = engine.ask_each(OrdersReply, [(shard, question) for shard in shards])
    return sorted((order for reply in replies for order in reply.orders), key=_age)


def list_fills(engine: Engine, question: ListFills) -> list[MarginFilled]:
    """An account's futures fills, newest first or oldest first, as asked."""
    recent = engine.ask(FillsReply, engine.home(question.account), question)
    archived = engine.ask_archive(FillsReply, question)
    merged = {filled.fill.trade: filled for reply in (recent, archived) for filled in reply.fills}
    return question.span.take(merged.values(), lambda filled: (filled.fill.time_ms, filled.fill.trade))


def list_income(engine: Engine, question: ListIncome) -> list[Income]:
    """What has changed an account's futures wallet, newest first or oldest first, as asked, after the skipped ones."""
    reach = question.skip + question.limit
    asked = msgspec.structs.replace(question, limit=reach, skip=0)
    recent = engine.ask(IncomeReply, engine.home(question.account), asked).income
    # those that only the archive has are skipped there, but as many as the shard's may take the place of
    passed = max(0, question.skip - len(recent))
    known: dict[str, list[int]] = {}
    for each in recent if passed else ():
        known.setdefault(each.kind.value, []).append(each.id)
    asked = msgspec.structs.replace(question, limit=reach - passed, skip=passed, known=known)
    archived = engine.ask_archive(IncomeReply, asked).income
    merged = {(each.kind, each.id): each for each in (*recent, *archived)}
    found = sorted(merged.values(), key=_income_age, reverse=not question.oldest_first)
    return found[question.skip - passed :][: question.limit]


def _income_age(income: Income) -> tuple[int, int, IncomeKind]:
    return income.time_ms, income.id, income.kind


def list_trades(engine: Engine, shards: Sequence[int], question: ListTrades) -> list[Trade]:
    """An account's trades, newest first."""
    recent = engine.ask_each(TradesReply, [(shard, question) for shard in shards])
    archived = engine.ask_archive(TradesReply, question)
    return _newest((*recent, archived), question.span)


def trades_of_order(engine: Engine, market: Market, order: Order) -> list[Trade]:
    """All matches of one order so far, oldest first."""
    question = ListTrades(order.account, _PAGE_COUNT, market=order.market, order=order.id)
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
    return _newest((recent, engine.ask_archive(TradesReply, question)), Span(question.limit))


def newest_trades(engine: Engine, markets: Sequence[Market]) -> dict[int, Trade]:
    """The newest trade of each market, by its number; a market that never traded has none."""
    found = _recent_tickers(engine, markets, NO_BOUND)
    before = {market.number: NO_BOUND for market in markets if market.number not in found}
    if before:  # what a shard still has is newer than anything in the archive
        found |= _archived_tickers(engine, before, NO_BOUND)
    return {number: each.newest for number, each in found.items()}


def days_since(engine: Engine, markets: Sequence[Market], start_ms: int) -> dict[int, tuple[Candle, Trade]]:
    """Of each market that ever traded, by its number: what it traded since then as one candle, and its newest trade.

    Without a trade in that time everything is at the last price.
    """
    recent = _recent_tickers(engine, markets, start_ms)
    before = dict.fromkeys((market.number for market in markets), NO_BOUND)
    before |= {number: each.first_id for number, each in recent.items()}
    found = _archived_tickers(engine, before, start_ms)
    found |= {number: _join_tickers(found.get(number), each) for number, each in recent.items()}
    return {number: (each.candle or no_trades(each.newest.price), each.newest) for number, each in found.items()}


def _recent_tickers(engine: Engine, markets: Sequence[Market], start_ms: int) -> dict[int, Ticker]:
    numbers: dict[int, list[int]] = {}
    for market in markets:
        numbers.setdefault(engine.owner(market), []).append(market.number)
    asked = [(shard, GetTickers(dict.fromkeys(own, NO_BOUND), start_ms)) for shard, own in numbers.items()]
    return {each.market: each for reply in engine.ask_each(TickersReply, asked) for each in reply.tickers}


def _archived_tickers(engine: Engine, before: Mapping[int, int], start_ms: int) -> dict[int, Ticker]:
    """``before``: by market, the number that is too high."""
    return {each.market: each for each in engine.ask_archive(TickersReply, GetTickers(dict(before), start_ms)).tickers}


def _join_tickers(earlier: Ticker | None, later: Ticker) -> Ticker:
    candles = [each.candle for each in (earlier, later) if each is not None and each.candle is not None]
    return Ticker(later.market, later.newest, reduce(add, candles) if candles else None)


def best_levels(engine: Engine, markets: Sequence[Market]) -> list[DepthReply]:
    """Best bid and ask of each market."""
    found: list[DepthReply] = []
    for piece in pieces(markets):
        found += engine.ask_each(DepthReply, [(engine.owner(market), GetDepth(market.number, 1)) for market in piece])
    return found


def pieces(markets: Sequence[Market]) -> Iterator[Sequence[Market]]:
    """A few at a time: each question takes a place in a mailbox."""
    for start in range(0, len(markets), _PIECE_COUNT):
        yield markets[start : start + _PIECE_COUNT]


def find_candles(
    engine: Engine, market: Market, interval_ms: int, limit: int, start_ms: int | None, end_ms: int | None
) -> list[Candle]:
    """A market's candles that open from the start to the end, whole, oldest first.

    The first ``limit`` of them; without a start, the last.
    """
    first_ms = ceil_div(start_ms or 0, interval_ms) * interval_ms
    end_ms = NO_BOUND if end_ms is None else min(end_ms, NO_BOUND)
    last_ms = end_ms // interval_ms * interval_ms
    if first_ms > last_ms:
        return []
    question = GetCandles(
        market.number, interval_ms, limit, first_ms, last_ms + interval_ms - 1, newest=start_ms is None
    )
    return candles(engine, market, question)


def candles(engine: Engine, market: Market, question: GetCandles) -> list[Candle]:
    """A market's candles, oldest first: the archive's, up to the first trade that the shard still has, then those."""
    recent = engine.ask(CandlesReply, engine.owner(market), question)
    archived = engine.ask_archive(CandlesReply, msgspec.structs.replace(question, before_id=recent.first_id))
    return limit_candles(join(archived.candles, recent.candles), question)


def _age(order: Order) -> tuple[int, int]:
    return order.created_ms, order.id


def _newest(replies: Iterable[TradesReply], span: Span) -> list[Trade]:
    merged = {trade.id: trade for reply in replies for trade in reply.trades}
    return span.take(merged.values(), lambda trade: (trade.time_ms, trade.id))


def _latest_open(found: Iterable[Order | None]) -> Order | None:
    return _latest(order for order in found if order is not None and is_open(order))


def _latest(found: Iterable[Order | None]) -> Order | None:
    return max(filter(None, found), key=_age, default=None)


def find_recent_order(engine: Engine, market: Market, question: GetOrder | GetOrderByClientId) -> Order | None:
    """The order if its shard knows it: it is open, or not archived yet; raises EngineRefusal."""
    return _ask_for_order(engine, engine.owner(market), question)


def _ask_for_order(engine: Engine, shard: int, question: GetOrder | GetOrderByClientId) -> Order | None:
    return _known(lambda: engine.ask(OrderReply, shard, question))


def _ask_archive_for_order(
    engine: Engine, question: GetOrder | GetOrderByClientId, deadline_ms: int = limits.DEADLINE_MS
) -> Order | None:
    return _known(lambda: engine.ask_archive(OrderReply, question, deadline_ms))


def _known(ask: Callable[[], OrderReply]) -> Order | None:
    try:
        return ask().order
    except EngineRefusal as refusal:
        if refusal.reason is Reason.UNKNOWN_ORDER:
            return None
        raise
