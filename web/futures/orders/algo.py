"""Trigger orders under Binance's newer names: algoId is the orderId, clientAlgoId the client id.

A second interface to the same orders: each is visible and can be canceled through both.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec
from flask import Blueprint, Response

from shards.model.commands import Cancel, CancelAll, Place
from shards.model.ids import market_of
from shards.model.markets import Market
from shards.model.orders import Order
from shards.model.queries import GetOrder, GetOrderByClientId
from shards.model.replies import OrderReply
from web.auth import READ, TRADE
from web.exchange import history
from web.exchange.gateway import ExchangeGateway
from web.futures.call.call import Call, by_symbol, read_market, read_optional_market, signed
from web.futures.call.errors import NO_SUCH_ORDER, UNKNOWN_ORDER, FuturesProblem, mandatory, out_of_range
from web.futures.call.parameters import Parameters, need
from web.futures.fields import ClientOrderId, Id
from web.futures.orders.cancel import ALL_DONE, cancel_everything
from web.futures.orders.order_ref import OrderName, read_optional_name
from web.futures.orders.order_views import CONDITIONAL, OrderRenderer
from web.futures.orders.place import TRIGGER_TYPES, read_order
from web.futures.orders.queries import list_all, list_open, read_list
from web.http.parse import is_client_id
from web.http.responses import answer
from web.services import Services, services

blueprint: Final = Blueprint("futures_algo", __name__, url_prefix="/fapi/v1")


class CanceledView(msgspec.Struct, gc=False):
    """A canceled trigger order."""

    algoId: Id
    clientAlgoId: ClientOrderId
    code: Literal["200"]
    msg: Literal["success"]


ById = Callable[[ExchangeGateway, Market, GetOrder], Order | None]
ByClientId = Callable[[ExchangeGateway, Sequence[int], GetOrderByClientId], Order | None]


@blueprint.post("/algoOrder")
def place() -> Response:
    """Place a trigger order."""
    call = signed(0, TRADE, orders=1)
    at = services()
    catalog = at.catalog()
    market = read_market(call.parameters, catalog)
    _check_algo_type(call.parameters)
    order = read_order(call.parameters, market, call.principal, TRIGGER_TYPES, "clientAlgoId")
    reply = at.gateway.ask(OrderReply, at.gateway.market_shard(market), Place(order))
    return answer(OrderRenderer(catalog).conditional(reply.order))


@blueprint.get("/algoOrder")
def get_order() -> Response:
    """One trigger order, in any state."""
    call = signed(1, READ)
    at = services()
    order = _find(at, call, history.find_order, history.find_latest)
    if order is None:
        raise FuturesProblem(*NO_SUCH_ORDER)
    return answer(OrderRenderer(at.catalog()).conditional(order))


@blueprint.delete("/algoOrder")
def cancel() -> Response:
    """Cancel one trigger order, or the order it has become."""
    call = signed(1, TRADE)
    at = services()
    order = _find(at, call, history.find_open_order, history.find_latest_open)
    if order is None:
        raise FuturesProblem(*UNKNOWN_ORDER)
    market_shard = at.gateway.market_shard(at.catalog().by_number[order.market])
    at.gateway.ask(OrderReply, market_shard, Cancel(order.id, order.account))
    return answer(CanceledView(order.id, order.client_id, "200", "success"))


@blueprint.delete("/algoOpenOrders")
def cancel_all() -> Response:
    """Cancel the waiting triggers of a market."""
    call = signed(1, TRADE)
    at = services()
    market = read_market(call.parameters, at.catalog())
    cancel_everything(at.gateway, CancelAll(call.principal.account, market.number, triggers_only=True), market)
    return answer(ALL_DONE)


@blueprint.get("/openAlgoOrders")
def list_waiting() -> Response:
    """The waiting triggers of one market or of all, or the single one with a given id."""
    call = signed(by_symbol(1, 40), READ)
    at = services()
    market = read_optional_market(call.parameters, at.catalog())
    number = call.parameters.long("algoId")
    orders = list_open(at, call.principal.account, market, waiting=True)
    renderer = OrderRenderer(at.catalog())
    return answer([renderer.conditional(order) for order in orders if number in (None, order.id)])


@blueprint.get("/allAlgoOrders")
def list_orders() -> Response:
    """A market's trigger orders, in any state."""
    call = signed(5, READ)
    at = services()
    market = read_market(call.parameters, at.catalog())
    orders = list_all(at, read_list(call, market, "algoId", triggers=True), market)
    renderer = OrderRenderer(at.catalog())
    return answer([renderer.conditional(order) for order in orders])


def _check_algo_type(parameters: Parameters) -> None:
    if need(parameters.text("algoType"), "algoType") != CONDITIONAL:
        raise out_of_range("algoType")


def _find(at: Services, call: Call, by_id: ById, by_client_id: ByClientId) -> Order | None:
    """The caller's trigger order with this id or client id."""
    market = read_optional_market(call.parameters, at.catalog())
    name = read_optional_name(call.parameters, "algoId", "clientAlgoId")
    if name is None:
        raise mandatory("algoId")
    account = call.principal.account
    order = _ask(at, name, market, account, by_id, by_client_id)
    return order if order is not None and order.account == account and order.trigger is not None else None


def _ask(
    at: Services, name: OrderName, market: Market | None, account: str, by_id: ById, by_client_id: ByClientId
) -> Order | None:
    futures = at.catalog().futures.values() if market is None else [market]
    if isinstance(name, int):
        named = next((market for market in futures if market.number == market_of(name)), None)
        return by_id(at.gateway, named, GetOrder(name)) if named is not None else None
    if not is_client_id(name):
        return None
    query = GetOrderByClientId(market.number if market else 0, account, name, triggers=True)
    return by_client_id(at.gateway, history.market_shards(at.gateway, futures), query)
