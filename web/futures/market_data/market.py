"""Public data of one market: order book, trades, candles."""

from typing import Final

from flask import Blueprint, Response

from shards.clock import now_ms
from shards.model.candles import ONE_SPAN_MS
from shards.model.ids import make_number, market_of
from shards.model.markets import Market
from shards.model.orders import Trade
from shards.model.queries import GetCandles, GetDepth, MarketTrades
from shards.model.replies import DepthReply
from shards.model.span import NO_BOUND
from web.exchange import history
from web.exchange.gateway import ExchangeGateway
from web.futures.call.call import public, read_market
from web.futures.call.errors import DEPTH_LIMIT, INVALID_INTERVAL, FuturesProblem, exclusive
from web.futures.call.parameters import Parameters, need
from web.futures.limits import DEPTH_DEFAULT, DEPTH_MAX, KLINES_DEFAULT, KLINES_MAX, TRADES_DEFAULT, TRADES_MAX
from web.futures.market_data.market_views import (
    DepthView,
    render_aggregated,
    render_candle,
    render_levels,
    render_trade,
)
from web.http.parse import read_long
from web.http.responses import answer
from web.services import services

blueprint: Final = Blueprint("futures_market", __name__, url_prefix="/fapi/v1")

_MINUTE_MS: Final = 60_000
_MINUTES: Final = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "8h": 480,
    "12h": 720,
    "1d": 1_440,
}
INTERVALS_MS: Final = {name: minutes * _MINUTE_MS for name, minutes in _MINUTES.items()}

_DEPTH_WEIGHTS: Final = ((50, 2), (100, 5), (500, 10), (DEPTH_MAX, 20))  # (up to so many levels, weight)


@blueprint.get("/depth")
def depth() -> Response:
    """The levels of the order book, best first."""
    parameters = public(_weigh_depth)
    at = services()
    market = read_market(parameters, at.catalog())
    limit = _depth_limit(parameters)
    if limit is None:
        raise FuturesProblem(*DEPTH_LIMIT)
    book = at.gateway.ask(DepthReply, at.gateway.market_shard(market), GetDepth(market.number, limit))
    now = now_ms()
    return answer(
        DepthView(
            lastUpdateId=book.update_id,
            sent=now,
            time=now,
            bids=render_levels(market, book.bids),
            asks=render_levels(market, book.asks),
        )
    )


@blueprint.get("/trades")
def trades() -> Response:
    """A market's latest trades, oldest first."""
    parameters = public(5)
    at = services()
    market = read_market(parameters, at.catalog())
    limit = parameters.limit(TRADES_DEFAULT, TRADES_MAX)
    found = history.market_trades(at.gateway, market, MarketTrades(market.number, limit))
    return answer([render_trade(market, trade) for trade in reversed(found)])


@blueprint.get("/aggTrades")
def aggregated_trades() -> Response:
    """A market's trades, oldest first: the latest, or those from an id or a time on."""
    parameters = public(20)
    at = services()
    market = read_market(parameters, at.catalog())
    from_id = parameters.long("fromId")
    start_ms, end_ms = parameters.times()
    limit = parameters.limit(TRADES_DEFAULT, TRADES_MAX)
    if from_id is not None and (start_ms is not None or end_ms is not None):
        raise exclusive("fromId", "startTime, endTime")
    first, last = _find_span(at.gateway, market, from_id, start_ms, end_ms)
    found = _trades_between(at.gateway, market, first, last, limit)
    return answer([render_aggregated(market, trade) for trade in found])


@blueprint.get("/klines")
def klines() -> Response:
    """Candles, oldest first; an interval without a trade has none."""
    parameters = public(5)
    at = services()
    market = read_market(parameters, at.catalog())
    interval_ms = INTERVALS_MS.get(need(parameters.text("interval"), "interval"))
    if interval_ms is None:
        raise FuturesProblem(*INVALID_INTERVAL)
    start_ms, end_ms = parameters.times()
    limit = parameters.limit(KLINES_DEFAULT, KLINES_MAX)
    found = history.find_candles(at.gateway, market, interval_ms, limit, start_ms, end_ms)
    return answer([render_candle(market, candle, interval_ms) for candle in found])


def _depth_limit(parameters: Parameters) -> int | None:
    value = parameters.value("limit")
    limit = DEPTH_DEFAULT if value is None else read_long(value)
    return limit if limit is not None and 1 <= limit <= DEPTH_MAX else None


def _weigh_depth(parameters: Parameters) -> int:
    values = parameters.all("limit")
    limit = DEPTH_DEFAULT if not values else read_long(values[0]) or DEPTH_MAX
    return next((weight for levels, weight in _DEPTH_WEIGHTS if limit <= levels), _DEPTH_WEIGHTS[-1][1])


def _find_span(
    gateway: ExchangeGateway, market: Market, from_id: int | None, start_ms: int | None, end_ms: int | None
) -> tuple[int | None, int | None]:
    """(first, last) id of the requested trades; None: unbounded on that side. (0, 0) if there are none."""
    if start_ms is None and end_ms is None:
        return from_id, None
    query = GetCandles(market.number, ONE_SPAN_MS, 1, start_ms or 0, NO_BOUND if end_ms is None else end_ms)
    spans = history.candles(gateway, market, query)
    if not spans:
        return 0, 0
    return None if start_ms is None else spans[0].first_id, spans[0].last_id


def _trades_between(
    gateway: ExchangeGateway, market: Market, first: int | None, last: int | None, limit: int
) -> list[Trade]:
    """The first ``limit`` trades from ``first`` on, or the last ones up to ``last``; oldest first.

    The ids of a market's trades are consecutive.
    """
    query = MarketTrades(market.number, limit)
    if first is not None:
        first = max(first, make_number(market.number, 1))
        if market_of(first) != market.number:
            return []
        query = MarketTrades(market.number, limit, before_id=first + limit)
    elif last is not None:
        query = MarketTrades(market.number, limit, before_id=last + 1)
    found = history.market_trades(gateway, market, query)
    return [
        trade
        for trade in reversed(found)
        if (first is None or trade.id >= first) and (last is None or trade.id <= last)
    ]
