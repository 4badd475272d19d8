"""Canceling one futures order by either id, and what is told when that cannot be done.

The engine knows what is open or has ended a moment ago. What has ended before is looked for in the archive: a trigger
is refused in words of its own for each way in which it may have ended. Where the archive is not heard in time, that is
what is told: an order is unknown only if nobody knows it.
"""

from shards.model.commands import Cancel, CancelByClientId
from shards.model.markets import Market
from shards.model.orders import EndReason, Order, Status
from shards.model.queries import GetOrder, GetOrderByClientId
from shards.model.reasons import Reason
from shards.model.replies import OrderReply
from web.exchange import history
from web.exchange.gateway import Engine
from web.futures.call.errors import (
    TRIGGER_CANCELED,
    TRIGGER_FIRED,
    TRIGGER_NOT_OWN,
    TRIGGER_POSITION_CLOSED,
    UNKNOWN_ORDER,
    FuturesProblem,
    Refusal,
)
from web.futures.orders.order_ref import OrderName, question_of
from web.http.errors import EngineRefusal


def cancel_order(engine: Engine, market: Market, account: str, name: OrderName) -> Order:
    """The order, canceled; raises FuturesProblem -2011, -2030, -2031, -2032, -2033, EngineRefusal."""
    question = question_of(name, market, account)
    if question is None:
        raise FuturesProblem(*UNKNOWN_ORDER)
    try:
        return engine.ask(OrderReply, engine.owner(market), _command_of(question, account)).order
    except EngineRefusal as refusal:
        found = refusal.refused.order
        if refusal.reason is Reason.UNKNOWN_ORDER:
            found = _find_ended(engine, market, question)
        elif found is None:
            raise
    raise FuturesProblem(*why_not(found, account))


def _command_of(question: GetOrder | GetOrderByClientId, account: str) -> Cancel | CancelByClientId:
    if isinstance(question, GetOrder):
        return Cancel(question.id, account)
    return CancelByClientId(question.market, account, question.client_id)


def _find_ended(engine: Engine, market: Market, question: GetOrder | GetOrderByClientId) -> Order | None:
    """A cancel by client id looks at open orders alone: the shard may still know one that has ended."""
    recent = None
    if isinstance(question, GetOrderByClientId):
        recent = history.find_recent_order(engine, market, question)
    return recent or history.find_archived_order(engine, question)


def why_not(order: Order | None, account: str) -> Refusal:
    """What stands against canceling an order of which no open one of the account was found."""
    if order is None or order.trigger is None:
        return UNKNOWN_ORDER
    if order.account != account:
        return TRIGGER_NOT_OWN
    if order.trigger.fired_ms:
        return TRIGGER_FIRED
    if order.status is Status.CANCELED:
        return TRIGGER_CANCELED
    return TRIGGER_POSITION_CLOSED if order.end_reason is EndReason.POSITION_CLOSED else UNKNOWN_ORDER
