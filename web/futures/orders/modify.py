"""Changing the price, quantity or stop price of an open order."""

from typing import Final, NamedTuple

from shards.model.commands import Modify
from shards.model.decimals import Decimal
from shards.model.markets import Market
from shards.model.orders import Kind, Order, Side
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply
from web.exchange import history
from web.exchange.gateway import ExchangeGateway
from web.futures.call.errors import BAD_SIDE, CLOSES_ALL, NO_SUCH_ORDER, FuturesProblem, mandatory, refused
from web.futures.call.parameters import Parameters
from web.futures.orders.filters import check_notional, count_lots, count_ticks
from web.futures.orders.order_ref import OrderName, query_of
from web.futures.orders.place import ACTIVATION, CALLBACK, PRICE, PRICED, READ_SIDES, STOP_PRICE, STOPPED, refuse_set
from web.http.errors import EngineRejected

_NOT_OPEN: Final = (RejectReason.UNKNOWN_ORDER, RejectReason.NOT_OWNER, RejectReason.TERMINAL_ORDER)
_MODIFIABLE: Final = (Kind.LIMIT, *STOPPED)


class Change(NamedTuple):
    """A modification. None: unchanged."""

    side: Side | None  # cannot change
    quantity: Decimal | None  # total, including what is filled
    price: Decimal | None
    stop_price: Decimal | None
    parameters: Parameters  # for checks that depend on the order


def read_change(parameters: Parameters) -> Change:
    """At least one of quantity, price and stop price; raises -1102, -1117."""
    change = Change(
        side=parameters.choice("side", READ_SIDES, BAD_SIDE),
        quantity=parameters.decimal("quantity"),
        price=parameters.decimal("price"),
        stop_price=parameters.decimal(*STOP_PRICE),
        parameters=parameters,
    )
    if change.quantity is None and change.price is None and change.stop_price is None:
        raise mandatory("quantity")
    return change


def modify_order(gateway: ExchangeGateway, market: Market, account: str, name: OrderName, change: Change) -> Order:
    """The order after the modification; raises FuturesProblem, EngineRejected."""
    order = _find(gateway, market, account, name)
    if change.side not in (None, order.side):
        raise FuturesProblem(*BAD_SIDE)
    modify = _make_modify(order, market, change)
    try:
        return gateway.ask(OrderReply, gateway.market_shard(market), modify).order
    except EngineRejected as refusal:
        if refusal.reason in _NOT_OPEN:
            raise FuturesProblem(*NO_SUCH_ORDER) from None
        raise


def _find(gateway: ExchangeGateway, market: Market, account: str, name: OrderName) -> Order:
    """The caller's open order with this id or client id; raises -2013."""
    query = query_of(name, market, account)
    order = history.find_open_order(gateway, market, query) if query is not None else None
    if order is None or order.account != account:
        raise FuturesProblem(*NO_SUCH_ORDER)
    return order


def _make_modify(order: Order, market: Market, change: Change) -> Modify:
    """The change in ticks and lots; raises FuturesProblem if it does not apply to this order."""
    if order.kind not in _MODIFIABLE:
        raise refused(RejectReason.NOT_MODIFIABLE)
    refuse_set(change.parameters, *CALLBACK, *ACTIVATION)
    if order.kind not in PRICED:
        refuse_set(change.parameters, *PRICE)
    if order.kind not in STOPPED:  # it never was a trigger, or has fired
        refuse_set(change.parameters, *STOP_PRICE)
    if change.quantity is not None and order.close_position:
        raise FuturesProblem(*CLOSES_ALL)
    modify = Modify(
        order.id,
        order.account,
        count_ticks(change.price, market) if change.price is not None and order.kind in PRICED else 0,
        count_lots(change.quantity, market) if change.quantity is not None else 0,
        count_ticks(change.stop_price, market) if change.stop_price is not None and order.kind in STOPPED else 0,
    )
    _check(order, modify, market)
    return modify


def _check(order: Order, modify: Modify, market: Market) -> None:
    """Check against the order as last seen; the engine checks again, except for the filters."""
    stop_price = order.trigger.stop_price if order.trigger is not None else 0
    price, quantity = modify.price or order.price, modify.quantity or order.quantity
    if (price, quantity, modify.stop_price or stop_price) == (order.price, order.quantity, stop_price):
        raise refused(RejectReason.NOTHING_CHANGES)
    if modify.quantity and quantity <= order.filled:
        raise refused(RejectReason.BELOW_FILLED)
    if price:
        check_notional(price, quantity, market, order.reduce_only)
