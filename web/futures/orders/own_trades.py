"""History of the caller's futures wallet: fills and income."""

from typing import Final

import msgspec
from flask import Blueprint, Response

from shards.model.accounting import Income, IncomeKind
from shards.model.decimals import format_plain
from shards.model.events import MarginFilled
from shards.model.markets import Market
from shards.model.orders import Side
from shards.model.queries import ListFills, ListIncome
from shards.model.span import Span
from web.auth import READ
from web.exchange import history
from web.exchange.catalog import MARGIN_ASSET, Catalog
from web.futures import fields
from web.futures.call.call import Call, read_market, read_optional_market, signed
from web.futures.call.errors import exclusive, out_of_range
from web.futures.fields import (
    Decimal,
    Id,
    IncomeType,
    MarginAsset,
    Milliseconds,
    Natural,
    PositionSide,
    SignedDecimal,
    Symbol,
)
from web.futures.limits import INCOME_DEFAULT, INCOME_MAX, OWN_DEFAULT, OWN_MAX, PAGE_MAX
from web.futures.orders.order_views import BOTH, SIDES
from web.http.formats import format_price
from web.http.responses import answer
from web.services import services

blueprint: Final = Blueprint("futures_own_trades", __name__, url_prefix="/fapi/v1")

_NO_ORDER: Final = -1  # in queries 0 means any; no order has this id
_INCOME_TYPES: Final = {kind.name: kind for kind in IncomeKind}
_NO_INCOME_TYPES: Final = frozenset(  # Binance's other types: none of these can occur here
    "API_REBATE AUTO_EXCHANGE BFUSD_REWARD COIN_SWAP_DEPOSIT COIN_SWAP_WITHDRAW COMMISSION_REBATE CONTEST_REWARD"
    " CROSS_COLLATERAL_TRANSFER DELIVERED_SETTELMENT FEE_RETURN FUNDING_FEE INSURANCE_CLEAR INTERNAL_TRANSFER"
    " OPTIONS_PREMIUM_FEE OPTIONS_SETTLE_PROFIT POSITION_LIMIT_INCREASE_FEE REFERRAL_KICKBACK SPECIAL_FUNDING_FEE"
    " STRATEGY_UMFUTURES_TRANSFER WELCOME_BONUS".split()
)


class FillView(msgspec.Struct, gc=False):
    """A trade, as seen by one of its two accounts."""

    symbol: Symbol
    id: Id
    orderId: Id
    side: fields.Side
    price: Decimal
    qty: Decimal
    quoteQty: Decimal
    realizedPnl: SignedDecimal
    commission: Decimal
    commissionAsset: MarginAsset
    marginAsset: MarginAsset
    time: Milliseconds
    positionSide: PositionSide
    buyer: bool
    maker: bool


class IncomeView(msgspec.Struct, gc=False):
    """A change of the wallet's balance."""

    symbol: str
    incomeType: IncomeType
    income: SignedDecimal
    asset: MarginAsset
    info: str
    time: Milliseconds
    tranId: Natural
    tradeId: str


@blueprint.get("/userTrades")
def list_trades() -> Response:
    """The caller's fills on a market, oldest first."""
    call = signed(5, READ)
    at = services()
    market = read_market(call.parameters, at.catalog())
    query = _read_fills(call, market)
    fills = history.list_fills(at.gateway, query)
    ordered = fills if query.oldest_first else fills[::-1]
    return answer([_render_fill(market, filled) for filled in ordered])


@blueprint.get("/income")
def list_income() -> Response:
    """Changes of the caller's wallet balance, oldest first, paginated."""
    call = signed(30, READ)
    at = services()
    query = _read_income(call, read_optional_market(call.parameters, at.catalog()))
    if query is None:
        return answer([])
    income = history.list_income(at.gateway, query)
    ordered = income if query.oldest_first else income[::-1]
    catalog = at.catalog()
    return answer([_render_income(catalog, each) for each in ordered])


def _read_fills(call: Call, market: Market) -> ListFills:
    """The query: the first fills from an id or a time on, else the newest."""
    parameters = call.parameters
    order, from_id = parameters.long("orderId"), parameters.long("fromId")
    if from_id is not None and parameters.has("startTime", "endTime"):
        raise exclusive("fromId", "startTime or endTime")
    start_ms, end_ms = parameters.times()
    span = Span.since(parameters.limit(OWN_DEFAULT, OWN_MAX), start_ms, end_ms, from_id)
    return ListFills(
        account=call.principal.account,
        limit=span.limit,
        market=market.number,
        order=_NO_ORDER if order == 0 else order or 0,
        from_id=span.from_id,
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        oldest_first=span.oldest_first,
    )


def _read_income(call: Call, market: Market | None) -> ListIncome | None:
    """The query: pages of the first entries from a time on, else of the newest. None: there cannot be any."""
    parameters = call.parameters
    name = parameters.text("incomeType")
    if name is not None and name not in _INCOME_TYPES and name not in _NO_INCOME_TYPES:
        raise out_of_range("incomeType")
    start_ms, end_ms = parameters.times()
    page = parameters.bounded("page", 1, 1, PAGE_MAX)
    span = Span.since(parameters.limit(INCOME_DEFAULT, INCOME_MAX), start_ms, end_ms)
    if name in _NO_INCOME_TYPES:
        return None
    return ListIncome(
        account=call.principal.account,
        limit=span.limit,
        market=market.number if market else 0,
        kind=None if name is None else _INCOME_TYPES[name],
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        oldest_first=span.oldest_first,
        skip=(page - 1) * span.limit,
    )


def _render_fill(market: Market, filled: MarginFilled) -> FillView:
    fill = filled.fill
    return FillView(
        symbol=market.symbol,
        id=fill.trade,
        orderId=fill.order,
        side=SIDES[fill.side],
        price=format_price(market, fill.price),
        qty=market.format_quantity(fill.quantity),
        quoteQty=format_plain(fill.lot_value * fill.quantity, market.quote_decimals),
        realizedPnl=format_plain(filled.profit, market.quote_decimals),
        commission=format_plain(fill.fee, market.quote_decimals),
        commissionAsset=market.quote,
        marginAsset=market.quote,
        time=fill.time_ms,
        positionSide=BOTH,
        buyer=fill.side is Side.BUY,
        maker=fill.maker,
    )


def _render_income(catalog: Catalog, income: Income) -> IncomeView:
    return IncomeView(
        symbol=catalog.by_number[income.market].symbol if income.market else "",
        incomeType=income.kind.name,
        income=format_plain(income.amount, catalog.decimals(MARGIN_ASSET)),
        asset=MARGIN_ASSET,
        info=income.reference or income.kind.name,
        time=income.time_ms,
        tranId=income.id,
        tradeId=str(income.trade) if income.trade else "",
    )
