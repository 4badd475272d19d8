"""Orders as the futures API shows them: the cancel result, the order object, the conditional object."""

from typing import Final

from shards.model.decimals import format_plain
from shards.model.markets import Market
from shards.model.orders import Kind, Order, Side, Status, TimeInForce, Trigger, WatchedPrice
from web.exchange.catalog import Catalog
from web.http.formats import format_average, format_price, format_value

View = dict[str, object]
"""Fields in the contract's order."""

SIDES: Final = {side: side.name for side in Side}
TYPES: Final = {kind: kind.name for kind in Kind}
TIMES_IN_FORCE: Final = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.POST_ONLY: "GTX",
}
WORKING_TYPES: Final = {WatchedPrice.CONTRACT: "CONTRACT_PRICE", WatchedPrice.MARK: "MARK_PRICE"}
BOTH: Final = "BOTH"  # the one position side of one-way mode
CONDITIONAL: Final = "CONDITIONAL"  # the one algoType
RATE_PLACES: Final = 2  # of a trailing trigger's rate in percent

_STATUSES: Final = {status: status.name for status in Status} | {Status.OPEN: "NEW"}
_OPEN: Final = (Status.OPEN, Status.PARTIALLY_FILLED)
_NO_TRIGGER: Final = Trigger(Kind.LIMIT)  # what a regular order shows in the fields of a trigger


class OrderRenderer:
    """Renders the orders of one catalog's markets."""

    def __init__(self, catalog: Catalog) -> None:
        self._markets = catalog.by_number

    def cancel_result(self, order: Order) -> View:
        """The order as a cancel answers with it."""
        market = self._markets[order.market]
        trigger = order.trigger or _NO_TRIGGER
        filled = market.format_quantity(order.filled)
        view: View = {
            "clientOrderId": order.client_id,
            "cumQty": filled,
            "cumQuote": format_value(market, order.filled_value),
            "executedQty": filled,
            "orderId": order.id,
            "origQty": _quantity(market, order),
            "origType": _original_type(order),
            "price": format_price(market, order.price),
            "reduceOnly": order.reduce_only,
            "side": SIDES[order.side],
            "positionSide": BOTH,
            "status": _STATUSES[order.status],
            "stopPrice": format_price(market, trigger.stop_price),
            "closePosition": order.close_position,
            "symbol": market.symbol,
            "timeInForce": TIMES_IN_FORCE[order.tif],
            "type": TYPES[order.kind],
        }
        if trigger.origin is Kind.TRAILING_STOP_MARKET:
            view["activatePrice"] = format_price(market, trigger.activation)
            view["priceRate"] = format_plain(trigger.callback, RATE_PLACES)
        view["updateTime"] = order.updated_ms
        view["workingType"] = WORKING_TYPES[trigger.watched]
        view["priceProtect"] = trigger.protect
        return view

    def order(self, order: Order) -> View:
        """The order object: of placing, queries and lists."""
        view = self.cancel_result(order)
        view["avgPrice"] = format_average(self._markets[order.market], order.filled_value, order.filled)
        view["time"] = order.created_ms
        if order.trigger is not None:
            view["triggerTime"] = order.trigger.fired_ms
            if order.trigger.parent:
                view["parentOrderId"] = order.trigger.parent
        if order.take_profit:
            view["takeProfitOrderId"] = order.take_profit
        if order.stop_loss:
            view["stopLossOrderId"] = order.stop_loss
        return view

    def conditional(self, order: Order) -> View:
        """An order born as a trigger, under Binance's newer names."""
        market = self._markets[order.market]
        trigger = order.trigger or _NO_TRIGGER
        view: View = {
            "algoId": order.id,
            "clientAlgoId": order.client_id,
            "algoType": CONDITIONAL,
            "orderType": _original_type(order),
            "symbol": market.symbol,
            "side": SIDES[order.side],
            "positionSide": BOTH,
            "timeInForce": TIMES_IN_FORCE[order.tif],
            "quantity": _quantity(market, order),
            "algoStatus": _algo_status(order),
            "actualOrderId": str(order.id) if trigger.fired_ms else "",
            "actualPrice": format_average(market, order.filled_value, order.filled),
            "triggerPrice": format_price(market, trigger.stop_price),
            "price": format_price(market, order.price),
            "workingType": WORKING_TYPES[trigger.watched],
            "closePosition": order.close_position,
            "priceProtect": trigger.protect,
            "reduceOnly": order.reduce_only,
        }
        if trigger.origin is Kind.TRAILING_STOP_MARKET:
            view["activatePrice"] = format_price(market, trigger.activation)
            view["callbackRate"] = format_plain(trigger.callback, RATE_PLACES)
        view["createTime"] = order.created_ms
        view["updateTime"] = order.updated_ms
        view["triggerTime"] = trigger.fired_ms
        view["goodTillDate"] = 0
        return view


def _quantity(market: Market, order: Order) -> str:
    """As ordered; "0" where the position decides."""
    return "0" if order.close_position else market.format_quantity(order.quantity)


def _original_type(order: Order) -> str:
    """As placed: it stays when a trigger fires."""
    return TYPES[order.trigger.origin if order.trigger is not None else order.kind]


def _algo_status(order: Order) -> str:
    if order.trigger is not None and order.trigger.fired_ms:
        return "TRIGGERED" if order.status in _OPEN else "FINISHED"
    return _STATUSES[order.status]
