"""Public spot market data."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec
from flask import Blueprint, Response
from msgspec import Meta

from shards.clock import now_ms
from shards.model.decimals import format_fixed, format_plain
from shards.model.markets import Market
from shards.model.queries import GetDepth, MarketTrades
from shards.model.reasons import RejectReason
from shards.model.replies import DepthReply
from shards.model.span import NO_BOUND
from web.exchange import history
from web.exchange.candles import DAY_S, INTERVALS_S, TickerView, render_candle, render_ticker
from web.exchange.catalog import DISABLED, Catalog
from web.exchange.fields import Amount, FeeBps, Levels, MarketStatus, Name, Natural, Price, Seconds
from web.http.errors import Problem, invalid, spot_problem
from web.http.request import QueryParameters, query_parameters
from web.http.responses import answer
from web.services import Services, services
from web.spot.limits import DEPTH_DEFAULT, DEPTH_MAX, KLINES_DEFAULT, KLINES_MAX
from web.spot.views import SpotRenderer

blueprint: Final = Blueprint("spot_market", __name__, url_prefix="/api/v1")


class MarketView(msgspec.Struct, gc=False):
    """A spot market."""

    id: Name
    base_token: Name
    quote_token: Name
    tick_size: Price
    lot_size: Price
    min_notional: Amount
    maker_fee_bps: FeeBps
    taker_fee_bps: FeeBps
    status: MarketStatus


class TokenView(msgspec.Struct, gc=False):
    """An asset."""

    symbol: Name
    image: str
    decimals: Annotated[int, Meta(ge=0, le=18)]
    chainId: Natural
    contract: str


class TokensView(msgspec.Struct, gc=False):
    """All assets, in an envelope."""

    success: Literal[True]
    data: list[TokenView]
    error: None
    timestamp: Seconds


class DepthView(msgspec.Struct, gc=False):
    """The levels of an order book."""

    symbol: Name
    last_update_id: Natural
    bids: Levels
    asks: Levels


class EngineView(msgspec.Struct, gc=False):
    """The spot engine's status."""

    engine: Literal["running", "disabled"]
    queue_depth: Natural
    books_loaded: Natural


@blueprint.get("/spot/markets")
def markets() -> Response:
    """All spot markets."""
    return answer([_render_market(market) for market in services().catalog().spot.values()])


@blueprint.get("/spot/depth")
def depth() -> Response:
    """The levels of an order book, best first."""
    at = services()
    parameters = query_parameters()
    market = _read_market(parameters, at.catalog())
    limit = parameters.get_limit(DEPTH_DEFAULT, DEPTH_MAX)
    book = at.gateway.ask(DepthReply, at.gateway.market_shard(market), GetDepth(market.number, limit))
    return answer(
        DepthView(
            symbol=market.symbol,
            last_update_id=book.update_id,
            bids=[[market.format_price(price), market.format_quantity(lots)] for price, lots in book.bids],
            asks=[[market.format_price(price), market.format_quantity(lots)] for price, lots in book.asks],
        )
    )


@blueprint.get("/spot/trades")
def trades() -> Response:
    """A market's latest trades, newest first."""
    at = services()
    parameters = query_parameters()
    catalog = at.catalog()
    market = _read_market(parameters, catalog)
    limit = parameters.get_limit(DEPTH_DEFAULT, DEPTH_MAX)
    found = history.market_trades(at.gateway, market, MarketTrades(market.number, limit))
    renderer = SpotRenderer(catalog, at.id_key)
    return answer([renderer.trade(trade) for trade in found])


@blueprint.get("/spot/klines")
def klines() -> Response:
    """Candles, oldest first; an interval without a trade has none."""
    at = services()
    parameters = query_parameters()
    symbol = _read_symbol(parameters)
    interval_s = INTERVALS_S.get(parameters.get("interval") or "")
    if interval_s is None:
        raise invalid("interval")
    limit = parameters.get_limit(KLINES_DEFAULT, KLINES_MAX)
    end_s = parameters.get_long("end_time", NO_BOUND)
    start_s = parameters.get_long("start_time", -1)
    market = _find_market(symbol, at.catalog())
    start_ms = start_s * 1_000 if start_s >= 0 else None
    found = history.find_candles(at.gateway, market, interval_s * 1_000, limit, start_ms, end_s * 1_000)
    return answer([render_candle(market, candle, interval_s) for candle in found])


@blueprint.get("/spot/ticker/24hr")
def ticker() -> Response:
    """The last 24 hours of one market, or of each that has ever traded."""
    at = services()
    parameters = query_parameters()
    symbol = parameters.get("symbol")
    catalog = at.catalog()
    if symbol is None:
        return answer(_tickers(list(catalog.spot.values()), at))
    market = catalog.spot.get(symbol)
    found = _tickers([market], at) if market else []
    if not found:
        raise Problem(404, "TICKER_NOT_FOUND")
    return answer(found[0])


@blueprint.get("/spot/health")
def health() -> Response:
    """The spot engine's status; always 200."""
    at = services()
    catalog = at.catalog()
    client = at.gateway.client
    return answer(
        EngineView(
            engine="running" if catalog.spot_trading else DISABLED,
            queue_depth=sum(client.depth(shard) for shard in at.gateway.shards),
            books_loaded=sum(client.is_serving(at.gateway.market_shard(market)) for market in catalog.spot.values()),
        )
    )


@blueprint.get("/wallet/tokens")
def tokens() -> Response:
    """All assets; the only response with an envelope."""
    data = [
        TokenView(
            symbol=asset.symbol,
            image=asset.image,
            decimals=asset.decimals,
            chainId=asset.chain_id,
            contract=asset.contract,
        )
        for asset in services().catalog().assets.values()
    ]
    return answer(TokensView(success=True, data=data, error=None, timestamp=now_ms() // 1_000))


def _render_market(market: Market) -> MarketView:
    return MarketView(
        id=market.symbol,
        base_token=market.base,
        quote_token=market.quote,
        tick_size=format_fixed(market.tick_digits, market.price_decimals),
        lot_size=format_fixed(market.lot_digits, market.lot_decimals),
        min_notional=format_plain(market.min_notional, market.quote_decimals),
        maker_fee_bps=market.maker_fee_bps,
        taker_fee_bps=market.taker_fee_bps,
        status=market.status,
    )


def _read_symbol(parameters: QueryParameters) -> str:
    symbol = parameters.get("symbol")
    if not symbol:
        raise Problem(400, "symbol required")
    return symbol


def _read_market(parameters: QueryParameters, catalog: Catalog) -> Market:
    return _find_market(_read_symbol(parameters), catalog)


def _find_market(symbol: str, catalog: Catalog) -> Market:
    market = catalog.spot.get(symbol)
    if market is None:
        raise spot_problem(RejectReason.UNKNOWN_MARKET)
    return market


def _tickers(markets: Sequence[Market], at: Services) -> list[TickerView]:
    """The last 24 hours of each market that has ever traded."""
    now_s = now_ms() // 1_000
    found = history.days_since(at.gateway, markets, (now_s - DAY_S) * 1_000)
    traded = [(market, *found[market.number]) for market in markets if market.number in found]
    return [render_ticker(market, day, newest.price, now_s) for market, day, newest in traded]
