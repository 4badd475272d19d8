"""The caller's spot orders, trades and balances."""

from collections.abc import Sequence
from typing import Final

from flask import Blueprint, Response

from shards.model import ids
from shards.model.markets import Market, Product
from shards.model.queries import GetBalances, GetOrder, ListOrders, ListTrades
from shards.model.replies import BalancesReply
from shards.model.span import NO_BOUND
from web.auth import READ, Principal, caller
from web.exchange import history
from web.exchange.balances import render_balances
from web.exchange.catalog import Catalog
from web.http.errors import invalid
from web.http.request import QueryParameters, query_parameters
from web.http.responses import answer
from web.services import Services, services
from web.spot.limits import LIST_DEFAULT, LIST_MAX
from web.spot.views import STATUSES, SpotRenderer

blueprint: Final = Blueprint("spot_lists", __name__, url_prefix="/api/v1/spot")

_STATUSES: Final = {text: status for status, text in STATUSES.items()}


@blueprint.get("/orders")
def list_orders() -> Response:
    """The caller's orders, newest first."""
    principal = caller(READ)
    at = services()
    catalog = at.catalog()
    parameters = query_parameters()
    market = _read_market(parameters, catalog)
    status = _read_status(parameters)
    start_ms, end_ms = _read_span(parameters)
    limit = parameters.get_limit(LIST_DEFAULT, LIST_MAX)
    before_ms, before_id = _read_order_before(parameters, principal, catalog, at)
    query = ListOrders(
        account=principal.account,
        limit=limit,
        market=market.number if market else 0,
        status=status,
        start_ms=start_ms,
        end_ms=end_ms,
        before_ms=before_ms,
        before_id=before_id,
        product=Product.SPOT,
    )
    orders = history.list_orders(at.gateway, _market_shards(market, at), query)
    renderer = SpotRenderer(at.catalog(), at.id_key)
    return answer([renderer.order(order) for order in orders])


@blueprint.get("/trades/me")
def list_trades() -> Response:
    """The caller's trades, newest first."""
    principal = caller(READ)
    at = services()
    catalog = at.catalog()
    parameters = query_parameters()
    market = _read_market(parameters, catalog)
    start_ms, end_ms = _read_span(parameters)
    limit = parameters.get_limit(LIST_DEFAULT, LIST_MAX)
    before_ms, before_id = _read_trade_before(parameters, principal, catalog, at)
    query = ListTrades(
        account=principal.account,
        limit=limit,
        market=market.number if market else 0,
        start_ms=start_ms,
        end_ms=end_ms,
        before_ms=before_ms,
        before_id=before_id,
        product=Product.SPOT,
    )
    trades = history.list_trades(at.gateway, _market_shards(market, at), query)
    renderer = SpotRenderer(at.catalog(), at.id_key)
    return answer([renderer.own_trade(trade, principal.account) for trade in trades])


@blueprint.get("/balances")
def balances() -> Response:
    """The caller's wallets."""
    principal = caller(READ)
    at = services()
    reply = at.gateway.ask(BalancesReply, at.gateway.account_shard(principal.account), GetBalances(principal.account))
    return answer({"balances": render_balances(reply, at.catalog())})


def _market_shards(market: Market | None, at: Services) -> Sequence[int]:
    """Numbers of the shards to query."""
    return history.market_shards(at.gateway, at.catalog().spot.values() if market is None else [market])


def _read_market(parameters: QueryParameters, catalog: Catalog) -> Market | None:
    symbol = parameters.get("symbol")
    if symbol is None:
        return None
    if symbol not in catalog.spot:
        raise invalid("symbol")
    return catalog.spot[symbol]


def _read_status(parameters: QueryParameters) -> int:
    text = parameters.get("status")
    if text is None:
        return 0
    if text not in _STATUSES:
        raise invalid("status")
    return _STATUSES[text]


def _read_span(parameters: QueryParameters) -> tuple[int, int]:
    """``start`` and ``end``, seconds and inclusive, as milliseconds."""
    start_ms = parameters.get_long("start", 0) * 1_000
    end_ms = parameters.get_long("end", NO_BOUND) * 1_000 + 999
    return min(start_ms, NO_BOUND), min(end_ms, NO_BOUND)


def _read_order_before(
    parameters: QueryParameters, principal: Principal, catalog: Catalog, at: Services
) -> tuple[int, int]:
    """Position in the list of the order named by ``before``, which must be the caller's."""
    text = parameters.get("before")
    if text is None:
        return NO_BOUND, 0
    number, market = _read_id(text, ids.ORDER, catalog, at)
    order = history.find_order(at.gateway, market, GetOrder(number))
    if order is None or order.account != principal.account:
        raise invalid("before")
    return order.created_ms, order.id


def _read_trade_before(
    parameters: QueryParameters, principal: Principal, catalog: Catalog, at: Services
) -> tuple[int, int]:
    text = parameters.get("before")
    if text is None:
        return NO_BOUND, 0
    number, market = _read_id(text, ids.TRADE, catalog, at)
    trade = history.find_trade(at.gateway, market, number)
    if trade is None or principal.account not in (trade.taker_account, trade.maker_account):
        raise invalid("before")
    return trade.time_ms, trade.id


def _read_id(text: str, kind: bytes, catalog: Catalog, at: Services) -> tuple[int, Market]:
    number = ids.from_uuid(text, at.id_key, kind)
    market = catalog.spot_market_of(ids.market_of(number)) if number is not None else None
    if number is None or market is None:
        raise invalid("before")
    return number, market
