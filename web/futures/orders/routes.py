"""Placing and modifying futures orders."""

from typing import Final

from flask import Blueprint, Response

from shards.model.commands import Place
from shards.model.orders import Order
from shards.model.replies import OrderReply
from web.auth import TRADE
from web.futures.call.call import read_market, signed
from web.futures.orders.batch import count_elements, place_each, read_elements
from web.futures.orders.modify import modify_order, read_change
from web.futures.orders.order_ref import read_order_name
from web.futures.orders.order_views import OrderRenderer
from web.futures.orders.place import read_order
from web.http.responses import answer
from web.services import services

blueprint: Final = Blueprint("futures_orders", __name__, url_prefix="/fapi/v1")


@blueprint.post("/order")
def place() -> Response:
    """Place an order."""
    call = signed(0, TRADE, orders=1)
    at = services()
    catalog = at.catalog()
    market = read_market(call.parameters, catalog)
    order = read_order(call.parameters, market, call.principal)
    reply = at.gateway.ask(OrderReply, at.gateway.market_shard(market), Place(order))
    return answer(OrderRenderer(catalog).order(reply.order))


@blueprint.put("/order")
def modify() -> Response:
    """Change the price or quantity of an open order, or the stop price of a waiting trigger."""
    call = signed(1, TRADE, orders=1)
    at = services()
    catalog = at.catalog()
    market = read_market(call.parameters, catalog)
    name, change = read_order_name(call.parameters), read_change(call.parameters)
    order = modify_order(at.gateway, market, call.principal.account, name, change)
    return answer(OrderRenderer(catalog).order(order))


@blueprint.post("/batchOrders")
def place_batch() -> Response:
    """Place up to five orders, each independently."""
    call = signed(5, TRADE, orders=count_elements)
    at = services()
    catalog = at.catalog()
    placed = place_each(at.gateway, catalog, call.principal, read_elements(call.parameters))
    renderer = OrderRenderer(catalog)
    return answer([renderer.order(each) if isinstance(each, Order) else each.body() for each in placed])
