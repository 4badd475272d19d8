"""Placing trigger orders under their newer names."""

from typing import Final

from tests.http.futures.caller import Json
from tests.http.futures.order_trader import OrderTrader

CONDITIONAL: Final = (
    "algoId clientAlgoId algoType orderType symbol side positionSide timeInForce quantity algoStatus actualOrderId"
    " actualPrice triggerPrice price workingType closePosition priceProtect reduceOnly createTime updateTime"
    " triggerTime goodTillDate"
).split()
TRAILING: Final = [*CONDITIONAL[:18], "activatePrice", "callbackRate", *CONDITIONAL[18:]]
STOP: Final = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "triggerPrice": "120"}


def place(trader: OrderTrader, symbol: str, side: str = "BUY", quantity: str = "1", **more: str) -> Json:
    """A stop at 120, or what is given."""
    placed = trader.call("POST", "/v1/algoOrder", symbol=symbol, side=side, quantity=quantity, **{**STOP, **more}).ok()
    assert list(placed) == (TRAILING if placed["orderType"] == "TRAILING_STOP_MARKET" else CONDITIONAL)
    return placed
