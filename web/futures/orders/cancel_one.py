"""Canceling one futures order by either id, and the error if that fails.

The engine knows open orders and those that ended very recently. Older ones are looked up in the archive: a trigger is
rejected with an error of its own for each way it may have ended. If the archive does not reply in time, that is the
error: an order is reported as unknown only if no process knows it.
"""

from shards.model.commands import Cancel, CancelByClientId
from shards.model.markets import Market
from shards.model.orders import EndReason, Order, Status
from shards.model.queries import GetOrder, GetOrderByClientId
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply
from web.exchange import history
from web.exchange.gateway import ExchangeGateway
from web.futures.call.errors import (
    TRIGGER_CANCELED,
    TRIGGER_FIRED,
    TRIGGER_NOT_OWN,
    TRIGGER_POSITION_CLOSED,
    UNKNOWN_ORDER,
    FuturesProblem,
    Refusal,
)
from web.futures.orders.order_ref import OrderName, query_of
from web.http.errors import EngineRejected


def cancel_order(gateway: ExchangeGateway, market: Market, account: str, name: OrderName) -> Order:
    """The order, canceled; raises FuturesProblem -2011, -2030, -2031, -2032, -2033, EngineRejected."""
    query = query_of(name, market, account)
    if query is None:
        raise FuturesProblem(*UNKNOWN_ORDER)
    try:
        return gateway.ask(OrderReply, gateway.market_shard(market), _command_of(query, account)).order
    except EngineRejected as refusal:
        found = refusal.rejected.order
        if refusal.reason is RejectReason.UNKNOWN_ORDER:
            found = _find_ended(gateway, market, query)
        elif found is None:
            raise
    raise FuturesProblem(*why_not(found, account))


def _command_of(query: GetOrder | GetOrderByClientId, account: str) -> Cancel | CancelByClientId:
    if isinstance(query, GetOrder):
        return Cancel(query.id, account)
    return CancelByClientId(query.market, account, query.client_id)


def _find_ended(gateway: ExchangeGateway, market: Market, query: GetOrder | GetOrderByClientId) -> Order | None:
    """A cancel by client id considers open orders only: the shard may still know one that has ended."""
    unarchived = None
    if isinstance(query, GetOrderByClientId):
        unarchived = history.find_unarchived_order(gateway, market, query)
    return unarchived or history.find_archived_order(gateway, query)


def why_not(order: Order | None, account: str) -> Refusal:
    """Why an order, of which no open one of the account was found, cannot be canceled."""
    if order is None or order.trigger is None:
        return UNKNOWN_ORDER
    if order.account != account:
        return TRIGGER_NOT_OWN
    if order.trigger.fired_ms:
        return TRIGGER_FIRED
    if order.status is Status.CANCELED:
        return TRIGGER_CANCELED
    return TRIGGER_POSITION_CLOSED if order.end_reason is EndReason.POSITION_CLOSED else UNKNOWN_ORDER
