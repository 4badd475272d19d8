"""A trader who changes orders: several at once, again and again, and looks at what it has after each."""

import json
from decimal import Decimal
from typing import Any, Final

from tests.http.futures.caller import Answer, Json
from tests.http.futures.order_trader import OrderTrader
from tests.http.venue import Venue

CANCEL_RESULT: Final = (
    "clientOrderId cumQty cumQuote executedQty orderId origQty origType price reduceOnly side positionSide status"
    " stopPrice closePosition symbol timeInForce type updateTime workingType priceProtect"
).split()
ORDER: Final = [*CANCEL_RESULT, "avgPrice", "time"]
TRIGGER: Final = [*ORDER, "triggerTime"]


class Actor(OrderTrader):
    """An account."""

    def trigger(self, symbol: str, side: str, kind: str, **terms: Any) -> Json:
        """A new trigger of any kind."""
        return self.call("POST", "/v1/order", symbol=symbol, side=side, type=kind, **terms).ok()

    def place_batch(self, *orders: dict[str, Any]) -> Answer:
        return self.call("POST", "/v1/batchOrders", batchOrders=json.dumps(orders))

    def modify(self, symbol: str, order: int, **changes: Any) -> Answer:
        return self.call("PUT", "/v1/order", symbol=symbol, orderId=order, **changes)

    def try_cancel(self, symbol: str, order: int) -> Answer:
        return self.call("DELETE", "/v1/order", symbol=symbol, orderId=order)

    def try_cancel_client_id(self, symbol: str, client_id: str) -> Answer:
        return self.call("DELETE", "/v1/order", symbol=symbol, origClientOrderId=client_id)

    def cancel_batch(self, symbol: str, *orders: int) -> list[Json]:
        told = self.call("DELETE", "/v1/batchOrders", symbol=symbol, orderIdList=json.dumps(orders)).ok()
        assert len(told) == len(orders)
        return list(told)

    def cancel_all(self, symbol: str) -> None:
        told = self.call("DELETE", "/v1/allOpenOrders", symbol=symbol).ok()
        assert told == {"code": 200, "msg": "The operation of cancel all open order is done."}

    def order(self, symbol: str, order: int) -> Json:
        """As a query shows it."""
        return self.get("/order", symbol=symbol, orderId=order)

    def status(self, symbol: str, order: int) -> str:
        return str(self.order(symbol, order)["status"])

    def open(self, symbol: str) -> list[int]:
        """Ids of the open orders, oldest first."""
        return [order["orderId"] for order in self.get("/openOrders", symbol=symbol)]

    def available(self) -> Decimal:
        """What new orders may use."""
        return Decimal(self.seen()["futures"]["available_balance"])

    def held(self) -> Decimal:
        """By its open orders."""
        return Decimal(self.seen()["futures"]["order_hold"])

    def seen(self) -> Json:
        """The account, as its operator sees it."""
        return self.venue.operate("GET", f"/accounts/{self.name}").ok()


def trade(own: Actor, other: Actor, symbol: str, side: str, price: str, quantity: str) -> Json:
    """Own's order, filled by other's: the last price is ``price`` after it."""
    other.place(symbol, "SELL" if side == "BUY" else "BUY", price, quantity)
    return own.place(symbol, side, price, quantity)


def new_order(symbol: str, side: str, price: str | None, quantity: str, **more: Any) -> dict[str, Any]:
    """The parameters of a new order: limit with a price, market without one."""
    terms = {"type": "MARKET"} if price is None else {"type": "LIMIT", "price": price}
    return {"symbol": symbol, "side": side, "quantity": quantity, **terms, **more}


def set_status(venue: Venue, symbol: str, status: str) -> None:
    """List, halt or delist."""
    venue.operate("PATCH", f"/futures/markets/{symbol}/status", {"status": status}).ok()
