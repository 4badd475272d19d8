"""Spot orders: place, cancel, cancel all, and one order by either id."""

from typing import Annotated, Final

from flask import Blueprint, Response
from msgspec import Raw, Struct

from shards.limits import DEADLINE_BULK_MS
from shards.model import ids
from shards.model.commands import Cancel, CancelAll, CancelByClientId, Place
from shards.model.markets import Market
from shards.model.orders import Order
from shards.model.queries import GetOrder, GetOrderByClientId
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, OrdersReply
from web.auth import READ, TRADE, Principal, caller
from web.exchange import history
from web.exchange.catalog import Catalog
from web.http.described import Described
from web.http.errors import EngineRejected, Problem, invalid, spot_problem
from web.http.parse import is_client_id, read_long
from web.http.request import json_body, query_parameters, request_context
from web.http.responses import answer, render_each
from web.http.signing import is_signature
from web.services import Services, services
from web.spot.order_form import make_order, read_draft
from web.spot.views import SpotRenderer

blueprint: Final = Blueprint("spot_orders", __name__, url_prefix="/api/v1/spot")

_BY_CLIENT_ID: Final = "/orders/by-client-id/<symbol>/<rest:client_id>"


class AllCanceledView(Struct, gc=False):
    """What a cancel-all canceled."""

    canceled: list[Annotated[Raw, Described("CanceledOrder")]]


@blueprint.post("/orders")
def place() -> Response:
    """Place an order."""
    principal = caller(TRADE)
    draft = read_draft(json_body())
    at = services()
    catalog = trading_catalog(at)
    market = catalog.spot.get(draft.symbol)
    if market is None:
        raise spot_problem(RejectReason.UNKNOWN_MARKET)
    order = make_order(draft, market, principal)
    reply = at.gateway.ask(OrderReply, at.gateway.market_shard(market), Place(order))
    trades = reply.trades
    if reply.repeated and reply.order.filled:
        trades = history.trades_of_order(at.gateway, market, reply.order)
    return answer(SpotRenderer(catalog, at.id_key).placed(reply.order, trades))


@blueprint.delete("/orders/<text>")
def cancel(text: str) -> Response:
    """Cancel one order."""
    principal = caller(TRADE)
    if not ids.is_uuid(text):
        raise invalid("id")
    at = services()
    catalog = trading_catalog(at)
    number, market = _locate(text, catalog, at)
    try:
        reply = at.gateway.ask(OrderReply, at.gateway.market_shard(market), Cancel(number, principal.account))
    except EngineRejected as refusal:
        if refusal.reason is RejectReason.UNKNOWN_ORDER and _is_of_another(number, principal, at):
            raise spot_problem(RejectReason.NOT_OWNER) from None
        raise
    return answer(SpotRenderer(catalog, at.id_key).order(reply.order))


@blueprint.delete(_BY_CLIENT_ID)
def cancel_by_client_id(symbol: str, client_id: str) -> Response:
    """Cancel the caller's open order with this client id."""
    principal = caller(TRADE)
    if not is_client_id(client_id):
        raise invalid("client_order_id")
    at = services()
    catalog = trading_catalog(at)
    market = catalog.spot.get(symbol)
    if market is None:
        raise spot_problem(RejectReason.UNKNOWN_ORDER)
    command = CancelByClientId(market.number, principal.account, client_id)
    reply = at.gateway.ask(OrderReply, at.gateway.market_shard(market), command)
    return answer(SpotRenderer(catalog, at.id_key).order(reply.order))


@blueprint.delete("/orders")
def cancel_all() -> Response:
    """Cancel the caller's open orders on one market or on all."""
    principal = caller(TRADE)
    symbol = _read_scope()
    at = services()
    catalog = trading_catalog(at)
    if symbol is None:
        orders = _cancel_everywhere(principal, at)
    elif symbol in catalog.spot:
        orders = _cancel_market(catalog.spot[symbol], principal, at)
    else:
        orders = []  # a typo in the symbol must not cancel anything
    # a market created after this request began may be among them
    return answer(AllCanceledView(_render(orders, SpotRenderer(at.catalog(), at.id_key))))


@blueprint.get("/orders/<text>")
def get_order(text: str) -> Response:
    """One order of the caller."""
    principal = caller(READ)
    if not ids.is_uuid(text):
        raise invalid("id")
    at = services()
    catalog = at.catalog()
    number, market = _locate(text, catalog, at)
    order = history.find_order(at.gateway, market, GetOrder(number))
    if order is None or order.account != principal.account:
        raise spot_problem(RejectReason.UNKNOWN_ORDER)
    return answer(SpotRenderer(catalog, at.id_key).order(order))


@blueprint.get(_BY_CLIENT_ID)
def get_order_by_client_id(symbol: str, client_id: str) -> Response:
    """The caller's order with this client id: the open one, else the latest."""
    principal = caller(READ)
    if not is_client_id(client_id):
        raise invalid("client_order_id")
    at = services()
    catalog = at.catalog()
    market = catalog.spot.get(symbol)
    if market is None:
        raise spot_problem(RejectReason.UNKNOWN_ORDER)
    query = GetOrderByClientId(market.number, principal.account, client_id)
    order = history.find_order(at.gateway, market, query)
    if order is None:
        raise spot_problem(RejectReason.UNKNOWN_ORDER)
    return answer(SpotRenderer(catalog, at.id_key).order(order))


def _read_scope() -> str | None:
    """The market whose orders to cancel; None: all. Strict, because a typo would cancel more than intended."""
    parameters = query_parameters()
    parameters.add_body(request_context().body)
    parameters.refuse_others("symbol", "timestamp", "signature", "recvWindow")
    # a client that separates parameters with anything but & sends the symbol as part of one of these
    parameters.refuse_unlike(lambda text: read_long(text) is not None, "timestamp", "recvWindow")
    parameters.refuse_unlike(lambda text: is_signature(text.encode()), "signature")
    return parameters.get("symbol")


def trading_catalog(at: Services) -> Catalog:
    """The catalog, while spot trading is enabled; raises Problem 503."""
    catalog = at.catalog()
    if not catalog.spot_trading:
        raise Problem(503, "spot trading disabled")
    return catalog


def _locate(text: str, catalog: Catalog, at: Services) -> tuple[int, Market]:
    """Number and market of an order id; raises 404, without querying a shard, for an id that was never issued here."""
    number = ids.from_uuid(text, at.id_key)
    market = catalog.spot_market_of(ids.market_of(number)) if number is not None else None
    if number is None or market is None:
        raise spot_problem(RejectReason.UNKNOWN_ORDER)
    return number, market


def _is_of_another(number: int, principal: Principal, at: Services) -> bool:
    order = history.find_archived_order(at.gateway, GetOrder(number))
    return order is not None and order.account != principal.account


def _cancel_market(market: Market, principal: Principal, at: Services) -> list[Order]:
    command = CancelAll(principal.account, market.number)
    return at.gateway.ask(OrdersReply, at.gateway.market_shard(market), command, DEADLINE_BULK_MS).orders


def _cancel_everywhere(principal: Principal, at: Services) -> list[Order]:
    command = CancelAll(principal.account)
    replies = at.gateway.ask_each(OrdersReply, [(shard, command) for shard in at.gateway.shards])
    return [order for reply in replies for order in reply.orders]


def _render(orders: list[Order], renderer: SpotRenderer) -> list[Raw]:
    """Oldest first."""
    orders.sort(key=lambda order: (order.created_ms, order.id))
    return render_each(renderer.order, orders)
