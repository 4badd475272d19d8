"""Public figures of one market or of all: 24-hour statistics, prices, best bid and ask, mark price."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, Literal

import msgspec
from flask import Blueprint, Response
from msgspec import Meta

from shards.clock import now_ms
from shards.model.decimals import divide_half_even, format_plain
from shards.model.markets import Market
from shards.model.orders import Candle, Trade
from shards.model.replies import DepthReply
from web.exchange import history
from web.exchange.candles import DAY_S, no_trades
from web.exchange.gateway import ExchangeGateway
from web.exchange.mark_prices import marks_of
from web.futures.call.call import by_symbol, public, read_optional_market
from web.futures.call.parameters import Parameters
from web.futures.fields import Decimal, Milliseconds, Natural, SignedDecimal, Symbol
from web.http.formats import format_average, format_price, format_value
from web.http.responses import answer
from web.services import services

blueprint: Final = Blueprint("futures_tickers", __name__, url_prefix="/fapi")

_PERCENT_DECIMALS: Final = 3
_NO_TRADE: Final = -1  # firstId and lastId of a day without a trade

Rows = Sequence[msgspec.Struct]


class DayView(msgspec.Struct, gc=False):
    """A market's last 24 hours."""

    symbol: Symbol
    priceChange: SignedDecimal
    priceChangePercent: SignedDecimal
    weightedAvgPrice: Decimal
    lastPrice: Decimal
    lastQty: Decimal
    openPrice: Decimal
    highPrice: Decimal
    lowPrice: Decimal
    volume: Decimal
    quoteVolume: Decimal
    openTime: Milliseconds
    closeTime: Milliseconds
    firstId: Annotated[int, Meta(ge=_NO_TRADE)]
    lastId: Annotated[int, Meta(ge=_NO_TRADE)]
    count: Natural


class PriceView(msgspec.Struct, gc=False):
    """The price of the last trade."""

    symbol: Symbol
    price: Decimal
    time: Milliseconds


class BookView(msgspec.Struct, gc=False):
    """Best bid and ask."""

    symbol: Symbol
    bidPrice: Decimal
    bidQty: Decimal
    askPrice: Decimal
    askQty: Decimal
    time: Milliseconds


class PremiumView(msgspec.Struct, gc=False):
    """Mark price and index price."""

    symbol: Symbol
    markPrice: Decimal
    indexPrice: Decimal
    estimatedSettlePrice: Decimal
    lastFundingRate: Literal["0"]
    interestRate: Literal["0"]
    nextFundingTime: Literal[0]
    time: Milliseconds


@blueprint.get("/v1/ticker/24hr")
def day() -> Response:
    """The last 24 hours."""
    return _answer(public(by_symbol(1, 40)), _days)


@blueprint.get("/v1/ticker/price")
@blueprint.get("/v2/ticker/price")
def price() -> Response:
    """The price of the last trade, "0" before the first."""
    return _answer(public(by_symbol(1, 2)), _prices)


@blueprint.get("/v1/ticker/bookTicker")
def book() -> Response:
    """Best bid and ask, "0" where there is none."""
    return _answer(public(by_symbol(2, 5)), _books)


@blueprint.get("/v1/premiumIndex")
def premium_index() -> Response:
    """Mark price and index price; there is no funding."""
    return _answer(public(by_symbol(1, 10)), _premiums)


def _answer(parameters: Parameters, rows_of: Callable[[ExchangeGateway, Sequence[Market]], Rows]) -> Response:
    """An object with a symbol, an array of all markets without one."""
    at = services()
    catalog = at.catalog()
    market = read_optional_market(parameters, catalog)
    if market is not None:
        return answer(rows_of(at.gateway, [market])[0])
    return answer(rows_of(at.gateway, list(catalog.futures.values())))


def _days(gateway: ExchangeGateway, markets: Sequence[Market]) -> Rows:
    now = now_ms()
    found = history.days_since(gateway, markets, now - DAY_S * 1_000)
    rows: list[DayView] = []
    for market in markets:
        candle, last = found.get(market.number, (no_trades(0), None))
        rows.append(render_day(market, candle, last, now))
    return rows


def _prices(gateway: ExchangeGateway, markets: Sequence[Market]) -> Rows:
    newest = history.newest_trades(gateway, markets)
    return [_render_price(market, newest.get(market.number)) for market in markets]


def _books(gateway: ExchangeGateway, markets: Sequence[Market]) -> Rows:
    levels = history.best_levels(gateway, markets)
    return [_render_book(market, found) for market, found in zip(markets, levels, strict=True)]


def _premiums(gateway: ExchangeGateway, markets: Sequence[Market]) -> Rows:
    marks = marks_of(gateway, markets)
    return [_render_premium(market, marks.get(market.number, 0)) for market in markets]


def render_day(market: Market, found: Candle, last: Trade | None, now: int) -> DayView:
    """A market's last 24 hours, from the candle of its trades and its newest trade overall; ``now`` in ms."""
    change = found.close - found.open
    return DayView(
        symbol=market.symbol,
        priceChange=format_price(market, change),
        priceChangePercent=_percent(change, found.open),
        weightedAvgPrice=format_average(market, found.value, found.volume),
        lastPrice=format_price(market, last.price if last else 0),
        lastQty=market.format_quantity(last.quantity if last else 0),
        openPrice=format_price(market, found.open),
        highPrice=format_price(market, found.high),
        lowPrice=format_price(market, found.low),
        volume=market.format_quantity(found.volume),
        quoteVolume=format_value(market, found.value),
        openTime=now - DAY_S * 1_000,
        closeTime=now,
        firstId=found.first_id if found.count else _NO_TRADE,
        lastId=found.last_id if found.count else _NO_TRADE,
        count=found.count,
    )


def _percent(change: int, of: int) -> str:
    """``change`` in percent of ``of``, both in ticks."""
    if not of:
        return "0"
    size = divide_half_even(abs(change) * 10 ** (2 + _PERCENT_DECIMALS), of)
    return format_plain(size if change > 0 else -size, _PERCENT_DECIMALS)


def _render_price(market: Market, last: Trade | None) -> PriceView:
    return PriceView(
        symbol=market.symbol,
        price=format_price(market, last.price if last else 0),
        time=last.time_ms if last else now_ms(),
    )


def _render_book(market: Market, found: DepthReply) -> BookView:
    bid_price, bid_lots = found.bids[0] if found.bids else (0, 0)
    ask_price, ask_lots = found.asks[0] if found.asks else (0, 0)
    return BookView(
        symbol=market.symbol,
        bidPrice=format_price(market, bid_price),
        bidQty=market.format_quantity(bid_lots),
        askPrice=format_price(market, ask_price),
        askQty=market.format_quantity(ask_lots),
        time=now_ms(),
    )


def _render_premium(market: Market, mark: int) -> PremiumView:
    text = format_price(market, mark)
    return PremiumView(
        symbol=market.symbol,
        markPrice=text,
        indexPrice=text,
        estimatedSettlePrice=text,
        lastFundingRate="0",
        interestRate="0",
        nextFundingTime=0,
        time=now_ms(),
    )
