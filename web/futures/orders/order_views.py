"""Orders as the futures API shows them: the cancel result, the order object, the conditional object."""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import astuple

from shards.model.decimals import format_plain
from shards.model.markets import Market
from shards.model.orders import Kind, Order, Side, Status, TimeInForce, Trigger, WatchedPrice
from web.exchange.catalog import Catalog
from web.futures import fields
from web.futures.fields import (
    AlgoStatus,
    ClientOrderId,
    Decimal,
    Id,
    Milliseconds,
    OrderStatus,
    OrderType,
    PositionSide,
    Symbol,
    TriggerType,
    WorkingType,
)
from web.http.formats import format_average, format_price, format_value

SIDES: Final = {side: side.name for side in Side}
TYPES: Final = {kind: kind.name for kind in Kind}
TIMES_IN_FORCE: Final = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.POST_ONLY: "GTX",
}
WORKING_TYPES: Final = {WatchedPrice.CONTRACT: "CONTRACT_PRICE", WatchedPrice.MARK: "MARK_PRICE"}
BOTH: Final = "BOTH"  # the only position side in one-way mode
CONDITIONAL: Final = "CONDITIONAL"  # the only algoType
RATE_DECIMALS: Final = 2  # of a trailing trigger's callback rate in percent

_STATUSES: Final = {status: status.name for status in Status} | {Status.OPEN: "NEW"}
_OPEN: Final = (Status.OPEN, Status.PARTIALLY_FILLED)
_NO_TRIGGER: Final = Trigger(Kind.LIMIT)  # shown in the trigger fields of a regular order


class CancelView(Struct, gc=False):
    """An order in the response to a cancel."""

    clientOrderId: ClientOrderId
    cumQty: Decimal
    cumQuote: Decimal
    executedQty: Decimal
    orderId: Id
    origQty: Decimal
    origType: OrderType
    price: Decimal
    reduceOnly: bool
    side: fields.Side
    positionSide: PositionSide
    status: OrderStatus
    stopPrice: Decimal
    closePosition: bool
    symbol: Symbol
    timeInForce: fields.TimeInForce
    type: OrderType
    activatePrice: Decimal | UnsetType
    priceRate: Decimal | UnsetType
    updateTime: Milliseconds
    workingType: WorkingType
    priceProtect: bool


class OrderView(CancelView, gc=False):
    """The order object."""

    avgPrice: Decimal
    time: Milliseconds
    triggerTime: Milliseconds | UnsetType
    parentOrderId: Id | UnsetType
    takeProfitOrderId: Id | UnsetType
    stopLossOrderId: Id | UnsetType


class AlgoView(Struct, gc=False):
    """An order placed as a trigger, under Binance's newer names."""

    algoId: Id
    clientAlgoId: ClientOrderId
    algoType: Literal["CONDITIONAL"]
    orderType: TriggerType
    symbol: Symbol
    side: fields.Side
    positionSide: PositionSide
    timeInForce: fields.TimeInForce
    quantity: Decimal
    algoStatus: AlgoStatus
    actualOrderId: Annotated[str, Meta(pattern="^([1-9][0-9]*)?$")]
    actualPrice: Decimal
    triggerPrice: Decimal
    price: Decimal
    workingType: WorkingType
    closePosition: bool
    priceProtect: bool
    reduceOnly: bool
    activatePrice: Decimal | UnsetType
    callbackRate: Decimal | UnsetType
    createTime: Milliseconds
    updateTime: Milliseconds
    triggerTime: Milliseconds
    goodTillDate: Literal[0]


class OrderRenderer:
    """Renders the orders of one catalog's markets."""

    def __init__(self, catalog: Catalog) -> None:
        self._markets = catalog.by_number

    def cancel_result(self, order: Order) -> CancelView:
        """An order in the response to a cancel."""
        market = self._markets[order.market]
        trigger = order.trigger or _NO_TRIGGER
        filled = market.format_quantity(order.filled)
        trails = trigger.origin is Kind.TRAILING_STOP_MARKET
        return CancelView(
            clientOrderId=order.client_id,
            cumQty=filled,
            cumQuote=format_value(market, order.filled_value),
            executedQty=filled,
            orderId=order.id,
            origQty=_quantity(market, order),
            origType=_original_type(order),
            price=format_price(market, order.price),
            reduceOnly=order.reduce_only,
            side=SIDES[order.side],
            positionSide=BOTH,
            status=_STATUSES[order.status],
            stopPrice=format_price(market, trigger.stop_price),
            closePosition=order.close_position,
            symbol=market.symbol,
            timeInForce=TIMES_IN_FORCE[order.tif],
            type=TYPES[order.kind],
            activatePrice=format_price(market, trigger.activation) if trails else UNSET,
            priceRate=format_plain(trigger.callback, RATE_DECIMALS) if trails else UNSET,
            updateTime=order.updated_ms,
            workingType=WORKING_TYPES[trigger.watched],
            priceProtect=trigger.protect,
        )

    def order(self, order: Order) -> OrderView:
        """The order object, used when placing, in queries and in lists."""
        trigger = order.trigger
        fields = (
            *astuple(self.cancel_result(order)),
            format_average(self._markets[order.market], order.filled_value, order.filled),
            order.created_ms,
            trigger.fired_ms if trigger is not None else UNSET,
            (trigger.parent if trigger is not None else 0) or UNSET,
            order.take_profit or UNSET,
            order.stop_loss or UNSET,
        )
        return OrderView(*fields)

    def conditional(self, order: Order) -> AlgoView:
        """An order placed as a trigger, under Binance's newer names."""
        market = self._markets[order.market]
        trigger = order.trigger or _NO_TRIGGER
        trails = trigger.origin is Kind.TRAILING_STOP_MARKET
        return AlgoView(
            algoId=order.id,
            clientAlgoId=order.client_id,
            algoType=CONDITIONAL,
            orderType=_original_type(order),
            symbol=market.symbol,
            side=SIDES[order.side],
            positionSide=BOTH,
            timeInForce=TIMES_IN_FORCE[order.tif],
            quantity=_quantity(market, order),
            algoStatus=_algo_status(order),
            actualOrderId=str(order.id) if trigger.fired_ms else "",
            actualPrice=format_average(market, order.filled_value, order.filled),
            triggerPrice=format_price(market, trigger.stop_price),
            price=format_price(market, order.price),
            workingType=WORKING_TYPES[trigger.watched],
            closePosition=order.close_position,
            priceProtect=trigger.protect,
            reduceOnly=order.reduce_only,
            activatePrice=format_price(market, trigger.activation) if trails else UNSET,
            callbackRate=format_plain(trigger.callback, RATE_DECIMALS) if trails else UNSET,
            createTime=order.created_ms,
            updateTime=order.updated_ms,
            triggerTime=trigger.fired_ms,
            goodTillDate=0,
        )


def _quantity(market: Market, order: Order) -> str:
    """As ordered; "0" if the position determines it."""
    return "0" if order.close_position else market.format_quantity(order.quantity)


def _original_type(order: Order) -> str:
    """As placed: unchanged when a trigger fires."""
    return TYPES[order.trigger.origin if order.trigger is not None else order.kind]


def _algo_status(order: Order) -> str:
    if order.trigger is not None and order.trigger.fired_ms:
        return "TRIGGERED" if order.status in _OPEN else "FINISHED"
    return _STATUSES[order.status]
