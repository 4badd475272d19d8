"""The caller's orders: one, the open ones, all."""

from collections.abc import Callable
from typing import Final

from flask import Blueprint, Response

from shards.model.markets import Market, Product
from shards.model.orders import Order
from shards.model.queries import GetOrder, GetOrderByClientId, ListOpen, ListOrders
from shards.model.span import Span
from web.auth import READ
from web.exchange import history
from web.exchange.gateway import ExchangeGateway
from web.futures.call.call import Call, by_symbol, read_market, read_optional_market, signed
from web.futures.call.errors import NO_SUCH_ORDER, FuturesProblem
from web.futures.limits import OWN_DEFAULT, OWN_MAX
from web.futures.orders.order_ref import query_of, read_order_name
from web.futures.orders.order_views import OrderRenderer
from web.http.responses import answer, render_each
from web.services import Services, services

blueprint: Final = Blueprint("futures_queries", __name__, url_prefix="/fapi/v1")

Find = Callable[[ExchangeGateway, Market, GetOrder | GetOrderByClientId], Order | None]


@blueprint.get("/order")
def get_order() -> Response:
    """One order, open or ended."""
    return _answer_one(signed(1, READ), history.find_order)


@blueprint.get("/openOrder")
def get_open_order() -> Response:
    """One open order."""
    return _answer_one(signed(1, READ), history.find_open_order)


@blueprint.get("/openOrders")
def list_open_orders() -> Response:
    """All open orders of one market or of all, waiting triggers too."""
    call = signed(by_symbol(1, 40), READ)
    at = services()
    market = read_optional_market(call.parameters, at.catalog())
    orders = list_open(at, call.principal.account, market)
    return answer(render_each(OrderRenderer(at.catalog()).order, orders))


@blueprint.get("/allOrders")
def list_orders() -> Response:
    """A market's orders, open and ended."""
    call = signed(5, READ)
    at = services()
    market = read_market(call.parameters, at.catalog())
    orders = list_all(at, read_list(call, market, "orderId"), market)
    return answer(render_each(OrderRenderer(at.catalog()).order, orders))


def list_open(at: Services, account: str, market: Market | None, waiting: bool = False) -> list[Order]:
    """The account's open futures orders, on one market or on all, oldest first; or only its waiting triggers."""
    shards = history.market_shards(at.gateway, at.catalog().futures.values() if market is None else [market])
    query = ListOpen(account, market.number if market else 0, Product.FUTURES, waiting)
    return history.list_open(at.gateway, shards, query)


def list_all(at: Services, query: ListOrders, market: Market) -> list[Order]:
    """The account's orders on one market, oldest first."""
    orders = history.list_orders(at.gateway, [at.gateway.market_shard(market)], query)
    return orders if query.oldest_first else orders[::-1]


def read_list(call: Call, market: Market, id_name: str, triggers: bool = False) -> ListOrders:
    """The query: the first orders from an id or a time on, else the newest."""
    from_id = call.parameters.long(id_name)
    start_ms, end_ms = call.parameters.times()
    span = Span.since(call.parameters.limit(OWN_DEFAULT, OWN_MAX), start_ms, end_ms, from_id)
    return ListOrders(
        account=call.principal.account,
        limit=span.limit,
        market=market.number,
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        from_id=span.from_id,
        oldest_first=span.oldest_first,
        triggers=triggers,
    )


def _answer_one(call: Call, find: Find) -> Response:
    at = services()
    catalog = at.catalog()
    order = _find(at, call, read_market(call.parameters, catalog), find)
    if order is None:
        raise FuturesProblem(*NO_SUCH_ORDER)
    return answer(OrderRenderer(catalog).order(order))


def _find(at: Services, call: Call, market: Market, find: Find) -> Order | None:
    account = call.principal.account
    query = query_of(read_order_name(call.parameters), market, account)
    order = find(at.gateway, market, query) if query is not None else None
    return order if order is not None and order.account == account else None
