"""Connectivity, server time, and exchange information."""

from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec
from flask import Blueprint, Response

from shards.clock import now_ms
from shards.model.brackets import MILLION
from shards.model.decimals import format_plain
from shards.model.markets import Market, MarketStatus
from web.exchange.catalog import MARGIN_ASSET, Catalog
from web.exchange.limits import PRICE_MAX
from web.futures.call.call import public
from web.futures.call.empty_view import EMPTY
from web.futures.call.limits_gate import enforce_limits
from web.futures.fields import Decimal, MarginAsset, Milliseconds, Natural, Positive, Symbol
from web.futures.limits import QUANTITY_MAX
from web.http.described import Written
from web.http.formats import format_percent, format_price, format_ratio, margin_percent
from web.http.responses import answer
from web.services import services
from web.settings import WebSettings

blueprint: Final = Blueprint("futures_info", __name__, url_prefix="/fapi")

ORDER_TYPES: Final = (
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)
TIMES_IN_FORCE: Final = ("GTC", "IOC", "FOK", "GTX")

_NEVER_MS: Final = 4_133_404_800_000  # deliveryDate of a perpetual contract: the end of the year 2100
StatusText = Literal["TRADING", "PENDING_TRADING", "CLOSE"]
_STATUSES: Final[dict[str, StatusText]] = {
    MarketStatus.LISTED: "TRADING",
    MarketStatus.HALTED: "PENDING_TRADING",
    MarketStatus.DELISTED: "CLOSE",
}


class SymbolView(msgspec.Struct):
    """A market."""

    symbol: Symbol
    pair: Symbol
    contractType: Literal["PERPETUAL"]
    deliveryDate: Literal[4_133_404_800_000]
    onboardDate: Milliseconds
    status: StatusText
    maintMarginPercent: Decimal
    requiredMarginPercent: Decimal
    baseAsset: Symbol
    quoteAsset: MarginAsset
    marginAsset: MarginAsset
    pricePrecision: Natural
    quantityPrecision: Natural
    baseAssetPrecision: Literal[8]
    quotePrecision: Literal[8]
    underlyingType: Literal["COIN"]
    underlyingSubType: Annotated[list[str], Written()]
    settlePlan: Literal[0]
    triggerProtect: Decimal
    filters: Annotated[list[dict[str, str]], Written()]
    orderTypes: Annotated[tuple[str, ...], Written()]
    timeInForce: Annotated[tuple[str, ...], Written()]
    liquidationFee: Decimal
    marketTakeBound: Decimal


class TimeView(msgspec.Struct, gc=False):
    """The server's time."""

    serverTime: Milliseconds


class LimitView(msgspec.Struct, gc=False):
    """A rate limit."""

    rateLimitType: Literal["REQUEST_WEIGHT", "ORDERS"]
    interval: Literal["MINUTE"]
    intervalNum: Literal[1]
    limit: Positive


class ExchangeView(msgspec.Struct, gc=False):
    """All markets, and the rate limits."""

    timezone: Literal["UTC"]
    serverTime: Milliseconds
    futuresType: Literal["U_MARGINED"]
    rateLimits: list[LimitView]
    exchangeFilters: Annotated[list[str], Written()]
    assets: Annotated[list[dict[str, object]], Written()]
    symbols: Annotated[msgspec.Raw, Written()]


@blueprint.get("/v1/ping")
def ping() -> Response:
    """An empty object; parameters are ignored."""
    enforce_limits(1)
    return answer(EMPTY)


@blueprint.get("/v1/time")
def server_time() -> Response:
    """The server's time."""
    enforce_limits(1)
    return answer(TimeView(now_ms()))


@blueprint.get("/v1/exchangeInfo")
def exchange_info() -> Response:
    """All markets, and the rate limits."""
    public(1)
    at = services()
    return answer(
        ExchangeView(
            timezone="UTC",
            serverTime=now_ms(),
            futuresType="U_MARGINED",
            rateLimits=_render_limits(at.settings),
            exchangeFilters=[],
            assets=[{"asset": MARGIN_ASSET, "marginAvailable": True, "autoAssetExchange": "0"}],
            symbols=_render_symbols(at.catalog()),
        )
    )


def _render_limits(settings: WebSettings) -> list[LimitView]:
    return [
        LimitView("REQUEST_WEIGHT", "MINUTE", 1, settings.futures_weight),
        LimitView("ORDERS", "MINUTE", 1, settings.futures_orders),
    ]


@lru_cache(maxsize=1)
def _render_symbols(catalog: Catalog) -> msgspec.Raw:
    """Cached: a catalog is the same object until something changes."""
    return msgspec.Raw(msgspec.json.encode([_render_symbol(market) for market in catalog.futures.values()]))


def _render_symbol(market: Market) -> SymbolView:
    assert market.futures is not None, "a futures market has its terms"
    return SymbolView(
        symbol=market.symbol,
        pair=market.symbol,
        contractType="PERPETUAL",
        deliveryDate=_NEVER_MS,
        onboardDate=market.opened_ms,
        status=_STATUSES[market.status],
        maintMarginPercent=format_percent(market.brackets[0].ratio),
        requiredMarginPercent=margin_percent(market.brackets[0].max_leverage),
        baseAsset=market.base,
        quoteAsset=market.quote,
        marginAsset=market.quote,
        pricePrecision=market.price_decimals,
        quantityPrecision=market.lot_decimals,
        baseAssetPrecision=8,
        quotePrecision=8,
        underlyingType="COIN",
        underlyingSubType=[],
        settlePlan=0,
        triggerProtect=format_ratio(market.futures.trigger_protect),
        filters=_render_filters(market),
        orderTypes=ORDER_TYPES,
        timeInForce=TIMES_IN_FORCE,
        liquidationFee=format_ratio(market.risk.liquidation_fee if market.risk is not None else 0),
        marketTakeBound=format_ratio(market.futures.market_take_bound),
    )


def _render_filters(market: Market) -> list[dict[str, str]]:
    tick = format_price(market, 1)
    sizes = {"minQty": market.format_quantity(1), "maxQty": str(QUANTITY_MAX), "stepSize": market.format_quantity(1)}
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": str(PRICE_MAX), "tickSize": tick},
        {"filterType": "LOT_SIZE", **sizes},
        {"filterType": "MARKET_LOT_SIZE", **sizes},
        {"filterType": "MIN_NOTIONAL", "notional": format_plain(market.min_notional, market.quote_decimals)},
        *_render_band(market),
    ]


def _render_band(market: Market) -> list[dict[str, str]]:
    """The permitted distance of an order's price from the mark price; none for a market without risk terms."""
    if market.risk is None or market.futures is None:
        return []
    bound = market.futures.market_take_bound
    return [
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": format_ratio(MILLION + bound),
            "multiplierDown": format_ratio(MILLION - bound),
            "multiplierDecimal": "4",
        }
    ]
