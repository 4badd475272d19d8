"""An account's leverage: current setting in each market, brackets, and changing it."""

from typing import Annotated, Final, Literal

import msgspec
from flask import Blueprint, Response

from shards.model.brackets import Bracket
from shards.model.commands import SetLeverage
from shards.model.markets import FuturesTerms, Market
from shards.model.replies import CountReply
from web.auth import READ, TRADE
from web.exchange.margin import Holding, ask_margin, list_holdings
from web.futures.account.position_views import format_max_notional
from web.futures.call.call import read_market, read_optional_market, signed
from web.futures.call.errors import LEVERAGE, FuturesProblem
from web.futures.call.parameters import need
from web.futures.fields import Decimal, Leverage, Natural, Positive, Symbol
from web.http.described import Written
from web.http.formats import format_ratio
from web.http.responses import answer
from web.services import services

blueprint: Final = Blueprint("futures_leverage", __name__, url_prefix="/fapi/v1")


class BracketView(msgspec.Struct, gc=False):
    """One leverage bracket; amounts in USDT."""

    bracket: Positive
    initialLeverage: Positive
    notionalCap: Natural
    notionalFloor: Natural
    maintMarginRatio: Annotated[msgspec.Raw, Written()]
    cum: Natural


class BracketsView(msgspec.Struct):
    """The leverage brackets of a market."""

    symbol: Symbol
    notionalCoef: Literal[1]
    brackets: list[BracketView]


class LeverageView(msgspec.Struct, gc=False):
    """The leverage of future orders."""

    leverage: Leverage
    maxNotionalValue: Decimal
    symbol: Symbol


class ConfigView(msgspec.Struct, gc=False):
    """An account's settings in a market."""

    symbol: Symbol
    marginType: Literal["CROSSED"]
    isAutoAddMargin: Literal[False]
    leverage: Leverage
    maxNotionalValue: Decimal


@blueprint.post("/leverage")
def set_leverage() -> Response:
    """Set the leverage of future orders; open orders and positions keep theirs."""
    call = signed(1, TRADE)
    at = services()
    market = read_market(call.parameters, at.catalog())
    leverage = need(call.parameters.long("leverage"), "leverage")
    terms = _terms(market)
    if not terms.min_leverage <= leverage <= market.brackets[0].max_leverage:
        raise FuturesProblem(*LEVERAGE)
    account = call.principal.account
    command = SetLeverage(account, market.number, leverage, terms.default_leverage)
    in_force = at.gateway.ask(CountReply, at.gateway.account_shard(account), command).count
    return answer(LeverageView(in_force, format_max_notional(market, in_force), market.symbol))


@blueprint.get("/symbolConfig")
def symbol_config() -> Response:
    """The caller's settings in one market, or in all."""
    call = signed(5, READ)
    at = services()
    catalog = at.catalog()
    parameters = read_optional_market(call.parameters, catalog)
    margin = ask_margin(at.gateway, call.principal.account)
    holdings = list_holdings(margin, catalog.futures.values() if parameters is None else [parameters])
    return answer([_render_config(holding) for holding in holdings])


@blueprint.get("/leverageBracket")
def leverage_brackets() -> Response:
    """The leverage brackets of one market, or of all."""
    parameters = signed(1, READ).parameters
    catalog = services().catalog()
    market = read_optional_market(parameters, catalog)
    if market is not None:
        return answer(_render_brackets(market))
    return answer([_render_brackets(market) for market in catalog.futures.values()])


def _terms(market: Market) -> FuturesTerms:
    assert market.futures is not None, "a futures market has its terms"
    return market.futures


def _render_config(holding: Holding) -> ConfigView:
    return ConfigView(
        symbol=holding.market.symbol,
        marginType="CROSSED",
        isAutoAddMargin=False,
        leverage=holding.leverage,
        maxNotionalValue=format_max_notional(holding.market, holding.leverage),
    )


def _render_brackets(market: Market) -> BracketsView:
    floors = [0, *(bracket.cap for bracket in market.brackets)]
    rows = [
        _render_bracket(market, number, bracket, floor)
        for number, (bracket, floor) in enumerate(zip(market.brackets, floors, strict=False), 1)
    ]
    return BracketsView(symbol=market.symbol, notionalCoef=1, brackets=rows)


def _render_bracket(market: Market, number: int, bracket: Bracket, floor: int) -> BracketView:
    unit = int(10**market.quote_decimals)
    return BracketView(
        bracket=number,
        initialLeverage=bracket.max_leverage,
        notionalCap=bracket.cap // unit,
        notionalFloor=floor // unit,
        maintMarginRatio=msgspec.Raw(format_ratio(bracket.ratio).encode()),  # a JSON number, exact
        cum=bracket.cum // unit,
    )
