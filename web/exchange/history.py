"""Orders, trades and income from the shards and the archive, merged.

A shard answers for what is open or not yet archived, the archive for the rest. The shard is always queried first: what
leaves it in between is in the archive by then. Duplicates are dropped, and an ended order takes precedence over an open
one.
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
from shards.model.reasons import RejectReason
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
from web.exchange.gateway import ExchangeGateway
from web.http.errors import EngineRejected

ENDED_WAIT_MS: Final = 1_000  # a cancel that found no open order waits so long for the archive to look it up
_PAGE_COUNT: Final = 200  # trades of an order per query
_PIECE_COUNT: Final = 32  # concurrent queries about many markets

_OPEN: Final = (Status.OPEN, Status.PARTIALLY_FILLED)


def market_shards(gateway: ExchangeGateway, markets: Iterable[Market]) -> list[int]:
    """The shards that own these books: others need not be queried, and their failure does not matter."""
    return sorted({gateway.market_shard(market) for market in markets})


def is_open(order: Order) -> bool:
    """Whether the order can still be canceled."""
    return order.status in _OPEN


def find_order(gateway: ExchangeGateway, market: Market, query: GetOrder | GetOrderByClientId) -> Order | None:
    """The order, open or ended; raises EngineRejected if its state cannot be determined."""
    return _ask_for_order(gateway, gateway.market_shard(market), query) or _ask_archive_for_order(gateway, query)


def find_open_order(gateway: ExchangeGateway, market: Market, query: GetOrder | GetOrderByClientId) -> Order | None:
    """The order if it is open; raises EngineRejected if that cannot be determined."""
    order = _ask_for_order(gateway, gateway.market_shard(market), query)
    return order if order is not None and is_open(order) else None


def find_latest(gateway: ExchangeGateway, shards: Iterable[int], query: GetOrderByClientId) -> Order | None:
    """The order with a client id that may be used on several markets: the latest open one, else the latest."""
    unarchived = [_ask_for_order(gateway, shard, query) for shard in shards]
    return _latest_open(unarchived) or _latest([*unarchived, _ask_archive_for_order(gateway, query)])


def find_latest_open(gateway: ExchangeGateway, shards: Iterable[int], query: GetOrderByClientId) -> Order | None:
    """The latest open order with a client id that may be used on several markets."""
    return _latest_open([_ask_for_order(gateway, shard, query) for shard in shards])


def find_archived_order(gateway: ExchangeGateway, query: GetOrder | GetOrderByClientId) -> Order | None:
    """The order if it is archived, waiting only as long as a cancel may; raises EngineRejected."""
    return _ask_archive_for_order(gateway, query, ENDED_WAIT_MS)


def find_trade(gateway: ExchangeGateway, market: Market, number: int) -> Trade | None:
    """The trade, archived or not."""
    query = GetTrade(number)
    trades = gateway.ask(TradesReply, gateway.market_shard(market), query).trades
    trades = trades or gateway.ask_archive(TradesReply, query).trades
    return trades[0] if trades else None


def list_orders(gateway: ExchangeGateway, shards: Sequence[int], query: ListOrders) -> list[Order]:
    """An account's orders, newest or oldest first as the query says. The archive holds no open orders."""
    unarchived = gateway.ask_each(OrdersReply, [(shard, query) for shard in shards])
    archived = [] if query.status in _OPEN else [gateway.ask_archive(OrdersReply, query)]
    merged: dict[int, Order] = {}
    for order in (order for reply in (*unarchived, *archived) for order in reply.orders):
        known = merged.get(order.id)
        if known is None or is_open(known):
            merged[order.id] = order
    return query.span.take(merged.values(), _age)


def list_open(gateway: ExchangeGateway, shards: Sequence[int], query: ListOpen) -> list[Order]:
    """All of an account's open orders, oldest first."""
    replies = gateway.ask_each(OrdersReply, [(shard, query) for shard in shards])
    return sorted((order for reply in replies for order in reply.orders), key=_age)


def list_fills(gateway: ExchangeGateway, query: ListFills) -> list[MarginFilled]:
    """An account's futures fills, newest or oldest first as the query says."""
    unarchived = gateway.ask(FillsReply, gateway.account_shard(query.account), query)
    archived = gateway.ask_archive(FillsReply, query)
    merged = {filled.fill.trade: filled for reply in (unarchived, archived) for filled in reply.fills}
    return query.span.take(merged.values(), lambda filled: (filled.fill.time_ms, filled.fill.trade))


def list_income(gateway: ExchangeGateway, query: ListIncome) -> list[Income]:
    """An account's futures income, newest or oldest first as the query says, without the skipped entries."""
    reach = query.skip + query.limit
    wider = msgspec.structs.replace(query, limit=reach, skip=0)
    unarchived = gateway.ask(IncomeReply, gateway.account_shard(query.account), wider).income
    # the archive skips all but as many as the shard returned: those of the shard may be among the skipped ones
    passed = max(0, query.skip - len(unarchived))
    known: dict[str, list[int]] = {}
    for each in unarchived if passed else ():
        known.setdefault(each.kind.value, []).append(each.id)
    wider = msgspec.structs.replace(query, limit=reach - passed, skip=passed, known=known)
    archived = gateway.ask_archive(IncomeReply, wider).income
    merged = {(each.kind, each.id): each for each in (*unarchived, *archived)}
    found = sorted(merged.values(), key=_income_age, reverse=not query.oldest_first)
    return found[query.skip - passed :][: query.limit]


def _income_age(income: Income) -> tuple[int, int, IncomeKind]:
    return income.time_ms, income.id, income.kind


def list_trades(gateway: ExchangeGateway, shards: Sequence[int], query: ListTrades) -> list[Trade]:
    """An account's trades, newest first."""
    unarchived = gateway.ask_each(TradesReply, [(shard, query) for shard in shards])
    archived = gateway.ask_archive(TradesReply, query)
    return _newest((*unarchived, archived), query.span)


def trades_of_order(gateway: ExchangeGateway, market: Market, order: Order) -> list[Trade]:
    """All trades of one order so far, oldest first."""
    query = ListTrades(order.account, _PAGE_COUNT, market=order.market, order=order.id)
    found: list[Trade] = []
    while True:
        page = list_trades(gateway, [gateway.market_shard(market)], query)
        found += page
        if len(page) < query.limit:
            return found[::-1]
        query = msgspec.structs.replace(query, before_ms=page[-1].time_ms, before_id=page[-1].id)


def market_trades(gateway: ExchangeGateway, market: Market, query: MarketTrades) -> list[Trade]:
    """A market's trades, newest first."""
    unarchived = gateway.ask(TradesReply, gateway.market_shard(market), query)
    return _newest((unarchived, gateway.ask_archive(TradesReply, query)), Span(query.limit))


def newest_trades(gateway: ExchangeGateway, markets: Sequence[Market]) -> dict[int, Trade]:
    """The newest trade of each market, by market number; a market that never traded is missing."""
    found = _unarchived_tickers(gateway, markets, NO_BOUND)
    before = {market.number: NO_BOUND for market in markets if market.number not in found}
    if before:  # what a shard still has is newer than anything in the archive
        found |= _archived_tickers(gateway, before, NO_BOUND)
    return {number: each.newest for number, each in found.items()}


def days_since(gateway: ExchangeGateway, markets: Sequence[Market], start_ms: int) -> dict[int, tuple[Candle, Trade]]:
    """For each market that ever traded, by number: the candle of its trades since ``start_ms``, and its newest trade.

    Without a trade in that time all prices are the last price.
    """
    unarchived = _unarchived_tickers(gateway, markets, start_ms)
    before = dict.fromkeys((market.number for market in markets), NO_BOUND)
    before |= {number: each.first_id for number, each in unarchived.items()}
    found = _archived_tickers(gateway, before, start_ms)
    found |= {number: _join_tickers(found.get(number), each) for number, each in unarchived.items()}
    return {number: (each.candle or no_trades(each.newest.price), each.newest) for number, each in found.items()}


def _unarchived_tickers(gateway: ExchangeGateway, markets: Sequence[Market], start_ms: int) -> dict[int, Ticker]:
    numbers: dict[int, list[int]] = {}
    for market in markets:
        numbers.setdefault(gateway.market_shard(market), []).append(market.number)
    requested = [(shard, GetTickers(dict.fromkeys(own, NO_BOUND), start_ms)) for shard, own in numbers.items()]
    return {each.market: each for reply in gateway.ask_each(TickersReply, requested) for each in reply.tickers}


def _archived_tickers(gateway: ExchangeGateway, before: Mapping[int, int], start_ms: int) -> dict[int, Ticker]:
    """``before``: by market number, an exclusive upper bound of trade ids."""
    return {each.market: each for each in gateway.ask_archive(TickersReply, GetTickers(dict(before), start_ms)).tickers}


def _join_tickers(earlier: Ticker | None, later: Ticker) -> Ticker:
    candles = [each.candle for each in (earlier, later) if each is not None and each.candle is not None]
    return Ticker(later.market, later.newest, reduce(add, candles) if candles else None)


def best_levels(gateway: ExchangeGateway, markets: Sequence[Market]) -> list[DepthReply]:
    """Best bid and ask of each market."""
    found: list[DepthReply] = []
    for piece in pieces(markets):
        found += gateway.ask_each(
            DepthReply, [(gateway.market_shard(market), GetDepth(market.number, 1)) for market in piece]
        )
    return found


def pieces(markets: Sequence[Market]) -> Iterator[Sequence[Market]]:
    """Small groups of markets: each query takes a mailbox slot."""
    for start in range(0, len(markets), _PIECE_COUNT):
        yield markets[start : start + _PIECE_COUNT]


def find_candles(
    gateway: ExchangeGateway, market: Market, interval_ms: int, limit: int, start_ms: int | None, end_ms: int | None
) -> list[Candle]:
    """A market's complete candles that open between start and end, oldest first.

    The first ``limit`` of them; without a start, the last.
    """
    first_ms = ceil_div(start_ms or 0, interval_ms) * interval_ms
    end_ms = NO_BOUND if end_ms is None else min(end_ms, NO_BOUND)
    last_ms = end_ms // interval_ms * interval_ms
    if first_ms > last_ms:
        return []
    query = GetCandles(market.number, interval_ms, limit, first_ms, last_ms + interval_ms - 1, newest=start_ms is None)
    return candles(gateway, market, query)


def candles(gateway: ExchangeGateway, market: Market, query: GetCandles) -> list[Candle]:
    """A market's candles, oldest first: the archive's up to the oldest trade still in the shard, then the shard's."""
    unarchived = gateway.ask(CandlesReply, gateway.market_shard(market), query)
    archived = gateway.ask_archive(CandlesReply, msgspec.structs.replace(query, before_id=unarchived.first_id))
    return limit_candles(join(archived.candles, unarchived.candles), query)


def _age(order: Order) -> tuple[int, int]:
    return order.created_ms, order.id


def _newest(replies: Iterable[TradesReply], span: Span) -> list[Trade]:
    merged = {trade.id: trade for reply in replies for trade in reply.trades}
    return span.take(merged.values(), lambda trade: (trade.time_ms, trade.id))


def _latest_open(found: Iterable[Order | None]) -> Order | None:
    return _latest(order for order in found if order is not None and is_open(order))


def _latest(found: Iterable[Order | None]) -> Order | None:
    return max(filter(None, found), key=_age, default=None)


def find_unarchived_order(
    gateway: ExchangeGateway, market: Market, query: GetOrder | GetOrderByClientId
) -> Order | None:
    """The order if its shard knows it: open, or not yet archived; raises EngineRejected."""
    return _ask_for_order(gateway, gateway.market_shard(market), query)


def _ask_for_order(gateway: ExchangeGateway, shard: int, query: GetOrder | GetOrderByClientId) -> Order | None:
    return _known(lambda: gateway.ask(OrderReply, shard, query))


def _ask_archive_for_order(
    gateway: ExchangeGateway, query: GetOrder | GetOrderByClientId, deadline_ms: int = limits.DEADLINE_MS
) -> Order | None:
    return _known(lambda: gateway.ask_archive(OrderReply, query, deadline_ms))


def _known(ask: Callable[[], OrderReply]) -> Order | None:
    try:
        return ask().order
    except EngineRejected as refusal:
        if refusal.reason is RejectReason.UNKNOWN_ORDER:
            return None
        raise
