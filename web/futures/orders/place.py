"""The parameters of a new futures order → NewOrder: syntax in the contract's order, then the market's filters."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from shards.model.decimals import Decimal, count_steps
from shards.model.markets import Market
from shards.model.orders import Kind, NewOrder, Side, TimeInForce, Trigger, WatchedPrice
from shards.model.reasons import RejectReason
from web.auth import Principal
from web.futures.call.errors import (
    BAD_POSITION_SIDE,
    BAD_PRICE_MATCH,
    BAD_SELF_TRADE_MODE,
    BAD_SIDE,
    BAD_TIME_IN_FORCE,
    BAD_TYPE,
    BAD_WORKING_TYPE,
    CALLBACK_RATE,
    CLOSES_ALL,
    CLOSES_NOT,
    FuturesProblem,
    not_taken,
    refused,
)
from web.futures.call.parameters import Parameters, need
from web.futures.limits import CALLBACK_MAX, CALLBACK_MIN
from web.futures.orders.filters import check_notional, count_lots, count_ticks
from web.futures.orders.order_views import BOTH, RATE_DECIMALS, SIDES, TIMES_IN_FORCE, TYPES, WORKING_TYPES

READ_SIDES: Final = {text: side for side, text in SIDES.items()}
_TIMES_IN_FORCE: Final = {text: tif for tif, text in TIMES_IN_FORCE.items()}
_WORKING_TYPES: Final = {text: watched for watched, text in WORKING_TYPES.items()}
_ALIASES: Final = {"STOP_LIMIT": Kind.STOP, "TAKE_PROFIT_LIMIT": Kind.TAKE_PROFIT}

REGULAR: Final = (Kind.LIMIT, Kind.MARKET)
ALL_TYPES: Final = {text: kind for kind, text in TYPES.items()} | _ALIASES
TRIGGER_TYPES: Final = {text: kind for text, kind in ALL_TYPES.items() if kind not in REGULAR}

PRICED: Final = (Kind.LIMIT, Kind.STOP, Kind.TAKE_PROFIT)  # with a limit price and a time in force
STOPPED: Final = (Kind.STOP, Kind.STOP_MARKET, Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_MARKET)
_CLOSING: Final = (Kind.STOP_MARKET, Kind.TAKE_PROFIT_MARKET)


# Parameters that apply to some kinds only
PRICE: Final = ("price",)
STOP_PRICE: Final = ("stopPrice", "triggerPrice")
CALLBACK: Final = ("callbackRate",)
ACTIVATION: Final = ("activationPrice", "activatePrice")


class _Child(NamedTuple):
    """An attached take-profit or stop-loss."""

    price: Decimal | None  # None: not attached
    watched: WatchedPrice


class _Draft(NamedTuple):
    """A syntactically valid new order, in decimals. What does not apply is None or False."""

    side: Side
    kind: Kind
    tif: TimeInForce
    client_id: str
    quantity: Decimal | None
    price: Decimal | None
    stop_price: Decimal | None
    callback: int  # hundredths of a percent
    activation: Decimal | None
    reduce_only: bool
    close_position: bool
    watched: WatchedPrice
    protect: bool
    take_profit: _Child
    stop_loss: _Child
    parent: int | None


def read_order(
    parameters: Parameters,
    market: Market,
    principal: Principal,
    types: Mapping[str, Kind] = ALL_TYPES,
    client_id_name: str = "newClientOrderId",
) -> NewOrder:
    """The requested order; raises FuturesProblem. ``types``: those this call may place."""
    return _make_order(_read_draft(parameters, types, client_id_name), market, principal)


def _read_draft(parameters: Parameters, types: Mapping[str, Kind], client_id_name: str) -> _Draft:
    """Reads the parameters in the contract's order."""
    side = need(parameters.choice("side", READ_SIDES, BAD_SIDE), "side")
    kind = need(parameters.choice("type", types, BAD_TYPE), "type")
    parameters.choice("positionSide", {BOTH: True}, BAD_POSITION_SIDE)
    tif = _read_time_in_force(parameters, kind)
    client_id = parameters.new_client_id(client_id_name)
    quantity = _read_quantity(parameters)
    price = _read_needed(parameters, kind in PRICED, *PRICE)
    stop_price = _read_needed(parameters, kind in STOPPED, *STOP_PRICE)
    trailing = kind is Kind.TRAILING_STOP_MARKET
    callback = _read_callback(parameters, trailing)
    activation = _read_own(parameters, trailing, *ACTIVATION)
    reduce_only = parameters.boolean("reduceOnly") or False
    close_position = _read_close_position(parameters, kind)
    watched = _read_working_type(parameters, "workingType")
    protect = parameters.boolean("priceProtect") or False
    take_profit, stop_loss = _read_children(parameters, kind)
    parent = _read_parent(parameters, kind)
    parameters.choice("selfTradePreventionMode", {"NONE": True, "EXPIRE_MAKER": True}, BAD_SELF_TRADE_MODE)
    parameters.choice("priceMatch", {"NONE": True}, BAD_PRICE_MATCH)
    return _Draft(
        side=side,
        kind=kind,
        tif=tif if tif is not None and kind in PRICED else TimeInForce.GTC,
        client_id=client_id,
        quantity=quantity,
        price=price,
        stop_price=stop_price,
        callback=callback,
        activation=activation,
        reduce_only=reduce_only or close_position or parent is not None,  # take-profits and stop-losses only reduce
        close_position=close_position,
        watched=watched,
        protect=protect,
        take_profit=take_profit,
        stop_loss=stop_loss,
        parent=parent,
    )


def _read_time_in_force(parameters: Parameters, kind: Kind) -> TimeInForce | None:
    """No effect on triggers that become market orders: clients send it with all triggers, and Binance accepts it."""
    if kind is Kind.MARKET and parameters.has("timeInForce"):
        raise not_taken("timeInForce")
    return parameters.choice("timeInForce", _TIMES_IN_FORCE, BAD_TIME_IN_FORCE)


def _read_quantity(parameters: Parameters) -> Decimal | None:
    """Required unless the position or the parent determines it."""
    quantity = parameters.decimal("quantity")
    if quantity is None and not parameters.boolean("closePosition") and not parameters.has("parentOrderId"):
        return need(quantity, "quantity")
    return quantity


def _read_needed(parameters: Parameters, applies: bool, *names: str) -> Decimal | None:
    """A parameter that is required if ``applies`` and not accepted otherwise."""
    value = _read_own(parameters, applies, *names)
    return need(value, names[0]) if applies else None


def _read_own(parameters: Parameters, applies: bool, *names: str) -> Decimal | None:
    """A parameter that is optional if ``applies`` and not accepted otherwise."""
    if not applies:
        refuse_set(parameters, *names)
        return None
    return parameters.decimal(*names)


def refuse_set(parameters: Parameters, *names: str) -> None:
    """Raises -1106 for the first of these that is anything but 0: the caller means another kind of order."""
    for name in names:
        value = parameters.decimal(name)
        if value is not None and value.digits:
            raise not_taken(name)


def _read_callback(parameters: Parameters, trailing: bool) -> int:
    """Callback rate in hundredths of a percent; 0 if it does not apply."""
    rate = _read_needed(parameters, trailing, *CALLBACK)
    if rate is None:
        return 0
    callback = count_steps(rate, Decimal(1, RATE_DECIMALS))
    if callback is None or not CALLBACK_MIN <= callback <= CALLBACK_MAX:
        raise FuturesProblem(*CALLBACK_RATE)
    return callback


def _read_close_position(parameters: Parameters, kind: Kind) -> bool:
    close_position = parameters.boolean("closePosition") or False
    if close_position:
        if kind not in _CLOSING:
            raise FuturesProblem(*CLOSES_NOT)
        if parameters.has("quantity"):
            raise FuturesProblem(*CLOSES_ALL)
        if parameters.has("reduceOnly"):
            raise not_taken("reduceOnly")
    return close_position


def _read_working_type(parameters: Parameters, name: str) -> WatchedPrice:
    return parameters.choice(name, _WORKING_TYPES, BAD_WORKING_TYPE) or WatchedPrice.CONTRACT


def _read_children(parameters: Parameters, kind: Kind) -> tuple[_Child, _Child]:
    """Only regular orders have attached orders."""
    if kind not in REGULAR:
        for name in ("takeProfitPrice", "stopLossPrice", "tpWorkingType", "slWorkingType"):
            if parameters.has(name):
                raise not_taken(name)
    prices = parameters.decimal("takeProfitPrice"), parameters.decimal("stopLossPrice")
    watched = _read_working_type(parameters, "tpWorkingType"), _read_working_type(parameters, "slWorkingType")
    return _Child(prices[0], watched[0]), _Child(prices[1], watched[1])


def _read_parent(parameters: Parameters, kind: Kind) -> int | None:
    if kind in REGULAR and parameters.has("parentOrderId"):
        raise not_taken("parentOrderId")
    return parameters.long("parentOrderId")


def _make_order(draft: _Draft, market: Market, principal: Principal) -> NewOrder:
    """The draft in ticks and lots of its market; raises FuturesProblem if a filter rejects it."""
    price = _ticks(draft.price, market)
    trigger = _make_trigger(draft, market)
    take_profit = _make_child(Kind.TAKE_PROFIT_MARKET, draft.take_profit, market)
    stop_loss = _make_child(Kind.STOP_MARKET, draft.stop_loss, market)
    quantity = _lots(draft, market)
    if draft.price is not None:
        check_notional(price, quantity, market, draft.reduce_only)
    if draft.parent == 0:
        raise refused(RejectReason.PARENT_NOT_OPEN)  # from here on 0 means no parent; no order has this id
    return NewOrder(
        market=market.number,
        account=principal.account,
        side=draft.side,
        kind=draft.kind,
        tif=draft.tif,
        price=price,
        quantity=quantity,
        quote_quantity=0,
        client_id=draft.client_id,
        signed_ms=principal.signed_ms,
        window_ms=principal.window_ms,
        reduce_only=draft.reduce_only,
        close_position=draft.close_position,
        trigger=trigger,
        take_profit=take_profit,
        stop_loss=stop_loss,
    )


def _ticks(price: Decimal | None, market: Market) -> int:
    return 0 if price is None else count_ticks(price, market)


def _lots(draft: _Draft, market: Market) -> int:
    """Quantity in lots. A reducing market order may exceed the maximum: it fills no more than the position."""
    if draft.quantity is None:
        return 0
    return count_lots(draft.quantity, market, clamped=draft.kind is Kind.MARKET and draft.reduce_only)


def _make_trigger(draft: _Draft, market: Market) -> Trigger | None:
    if draft.kind in REGULAR:
        return None
    return Trigger(
        origin=draft.kind,
        stop_price=_ticks(draft.stop_price, market),
        watched=draft.watched,
        protect=draft.protect,
        activation=_ticks(draft.activation, market),
        callback=draft.callback,
        parent=draft.parent or 0,
    )


def _make_child(kind: Kind, child: _Child, market: Market) -> Trigger | None:
    if child.price is None:
        return None
    return Trigger(origin=kind, stop_price=count_ticks(child.price, market), watched=child.watched)
