"""Canceling futures orders: one, several, all of a market, all after a timeout. Works while a market is halted."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec
from flask import Blueprint, Response
from msgspec import Meta

from shards.limits import DEADLINE_BULK_MS
from shards.model.commands import CancelAll, CancelAllAfter, CancelBatch
from shards.model.markets import Market
from shards.model.orders import Order
from shards.model.queries import FindEnded, GetOrder, GetOrderByClientId
from shards.model.reasons import RejectReason
from shards.model.replies import BatchReply, CountReply, OrdersReply
from web.auth import TRADE
from web.exchange.gateway import ExchangeGateway
from web.exchange.history import ENDED_WAIT_MS
from web.futures.call.call import read_market, signed
from web.futures.call.errors import (
    TOO_MANY_IDS,
    TRIGGER_NOT_OWN,
    UNKNOWN_ORDER,
    ErrorView,
    FuturesProblem,
    exclusive,
    mandatory,
    refused,
)
from web.futures.call.parameters import Parameters
from web.futures.fields import Symbol
from web.futures.limits import CANCEL_COUNT_MAX, COUNTDOWN_MS_MAX
from web.futures.orders.cancel_one import cancel_order
from web.futures.orders.id_lists import read_client_ids, read_order_ids
from web.futures.orders.order_ref import OrderName, query_of, read_order_name
from web.futures.orders.order_views import CancelView, OrderRenderer
from web.http.errors import EngineRejected
from web.http.responses import answer
from web.services import services

blueprint: Final = Blueprint("futures_cancel", __name__, url_prefix="/fapi/v1")


class AllCanceledView(msgspec.Struct, gc=False):
    """The response to a cancel-all."""

    code: Literal[200] = 200
    msg: Literal["The operation of cancel all open order is done."] = "The operation of cancel all open order is done."


ALL_DONE: Final = AllCanceledView()


class CountdownView(msgspec.Struct, gc=False):
    """A market's countdown."""

    symbol: Symbol
    countdownTime: Annotated[str, Meta(pattern="^[0-9]+$")]


@blueprint.delete("/order")
def cancel() -> Response:
    """Cancel one order, with the triggers attached to it."""
    call = signed(1, TRADE)
    at = services()
    catalog = at.catalog()
    market = read_market(call.parameters, catalog)
    order = cancel_order(at.gateway, market, call.principal.account, read_order_name(call.parameters))
    return answer(OrderRenderer(catalog).cancel_result(order))


@blueprint.delete("/batchOrders")
def cancel_batch() -> Response:
    """Cancel up to ten orders atomically; each is returned in its new state."""
    call = signed(1, TRADE)
    at = services()
    catalog = at.catalog()
    market = read_market(call.parameters, catalog)
    names = _read_names(call.parameters)
    renderer = OrderRenderer(catalog)
    found = _cancel_named(at.gateway, market, call.principal.account, names)
    return answer([_render(each, renderer) for each in found])


@blueprint.delete("/allOpenOrders")
def cancel_all() -> Response:
    """Cancel all orders of the caller on a market, triggers too."""
    call = signed(1, TRADE)
    at = services()
    market = read_market(call.parameters, at.catalog())
    cancel_everything(at.gateway, CancelAll(call.principal.account, market.number), market)
    return answer(ALL_DONE)


@blueprint.post("/countdownCancelAll")
def count_down() -> Response:
    """Cancel all orders of the caller on a market unless this is called again before the timeout."""
    call = signed(10, TRADE)
    at = services()
    market = read_market(call.parameters, at.catalog())
    if not call.parameters.has("countdownTime"):
        raise mandatory("countdownTime")
    after_ms = call.parameters.bounded("countdownTime", 0, 0, COUNTDOWN_MS_MAX)
    command = CancelAllAfter(market.number, call.principal.account, after_ms)
    at.gateway.ask(CountReply, at.gateway.market_shard(market), command)
    return answer(CountdownView(market.symbol, str(after_ms)))


def cancel_everything(gateway: ExchangeGateway, command: CancelAll, market: Market) -> None:
    """Execute a cancel-all on a futures market; raises EngineRejected."""
    gateway.ask(OrdersReply, gateway.market_shard(market), command, DEADLINE_BULK_MS)


def _read_names(requested: Parameters) -> list[OrderName]:
    """The ids in request order; "" for one that cannot identify an order. Raises -1102, -1128, -4032."""
    order_ids = read_order_ids(requested, "orderIdList")
    client_ids = read_client_ids(requested, "origClientOrderIdList")
    if order_ids is None and client_ids is None:
        raise mandatory("orderIdList")
    if order_ids is not None and client_ids is not None:
        raise exclusive("orderIdList", "origClientOrderIdList")
    names: list[OrderName] = ["" if name is None else name for name in order_ids or client_ids or ()]
    if len(names) > CANCEL_COUNT_MAX:
        raise FuturesProblem(*TOO_MANY_IDS)
    return names


def _cancel_named(
    gateway: ExchangeGateway, market: Market, account: str, names: list[OrderName]
) -> list[Order | FuturesProblem]:
    """For each name its order, canceled now or ended before, or an error."""
    queries = [query_of(name, market, account) for name in names]
    requested = list(dict.fromkeys(query for query in queries if query is not None))
    found = dict(zip(requested, _command(gateway, market, account, requested), strict=True))
    unknown = [query for query, each in found.items() if each is RejectReason.UNKNOWN_ORDER]
    found |= zip(unknown, _find_ended(gateway, market, account, unknown), strict=True)
    return [_judge(found[query] if query is not None else None, account) for query in queries]


def _command(
    gateway: ExchangeGateway, market: Market, account: str, requested: list[GetOrder | GetOrderByClientId]
) -> list[Order | RejectReason]:
    """Cancel the orders atomically; not sent if there are none."""
    if not requested:
        return []
    command = CancelBatch(market.number, account, *_split(requested))
    return gateway.ask(BatchReply, gateway.market_shard(market), command, DEADLINE_BULK_MS).found


def _find_ended(
    gateway: ExchangeGateway, market: Market, account: str, requested: list[GetOrder | GetOrderByClientId]
) -> Sequence[Order | RejectReason]:
    """The orders from the archive; if it fails, its reason for each, so that completed cancels are still reported."""
    if not requested:
        return []
    try:
        return gateway.ask_archive(
            BatchReply, FindEnded(market.number, account, *_split(requested)), ENDED_WAIT_MS
        ).found
    except EngineRejected as refusal:
        return [refusal.reason] * len(requested)


def _split(requested: list[GetOrder | GetOrderByClientId]) -> tuple[list[int], list[str]]:
    """Ids and client ids; one of the lists is empty, so results are in request order."""
    return (
        [query.id for query in requested if isinstance(query, GetOrder)],
        [query.client_id for query in requested if isinstance(query, GetOrderByClientId)],
    )


def _judge(found: Order | RejectReason | None, account: str) -> Order | FuturesProblem:
    """The order if the caller may see it, else the error."""
    if isinstance(found, Order):
        if found.account == account:
            return found
        return FuturesProblem(*(TRIGGER_NOT_OWN if found.trigger is not None else UNKNOWN_ORDER))
    if found is RejectReason.NOT_OWNER:
        return FuturesProblem(*TRIGGER_NOT_OWN)
    return refused(found) if found is not None else FuturesProblem(*UNKNOWN_ORDER)


def _render(found: Order | FuturesProblem, renderer: OrderRenderer) -> CancelView | ErrorView:
    return found.body() if isinstance(found, FuturesProblem) else renderer.cancel_result(found)
