"""Futures orders and triggers in use: placed, modified, canceled, refused."""

from typing import Any, Final

from tests.http.openapi_venue import Trader, WitnessVenue

BTC: Final = "BTCUSDT"
LIMIT: Final = {"symbol": BTC, "type": "LIMIT", "quantity": "0.01"}
STOP: Final = {"symbol": BTC, "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01", "stopPrice": "30000"}


def trade(maker: Trader, taker: Trader) -> None:
    """One trade of 0.01 BTC at 50,000."""
    maker.ok("POST", "/v1/order", **LIMIT, side="SELL", price="50000")
    assert taker.ok("POST", "/v1/order", **LIMIT, side="BUY", price="50000")["status"] == "FILLED"


def place_and_cancel(venue: WitnessVenue) -> None:
    """Each kind of order; modified, asked for, canceled."""
    maker, taker = venue.trader(usdt="1000000"), venue.trader(usdt="1000000")
    trade(maker, taker)
    bid = maker.ok("POST", "/v1/order", **LIMIT, side="BUY", price="40000", timeInForce="GTX", newClientOrderId="bid/1")
    for more in ({"timeInForce": "IOC"}, {"timeInForce": "GTC"}):
        maker.ok("POST", "/v1/order", **LIMIT, side="BUY", price="40000", **more)
    taker.ok("POST", "/v1/order", symbol=BTC, side="SELL", type="MARKET", quantity="0.004", reduceOnly="true")
    maker.ok("PUT", "/v1/order", symbol=BTC, orderId=bid["orderId"], quantity="0.02", price="39999")
    by_id = {"symbol": BTC, "orderId": bid["orderId"]}
    for path in ("/v1/order", "/v1/openOrder"):
        maker.ok("GET", path, **by_id)
    for query in ({"symbol": BTC}, {}):
        maker.ok("GET", "/v1/openOrders", **query)
    maker.ok("DELETE", "/v1/order", symbol=BTC, origClientOrderId="bid/1")
    maker.ok("GET", "/v1/order", **by_id)
    maker.ask("DELETE", "/v1/order", **by_id)
    maker.ask("GET", "/v1/openOrder", **by_id)
    maker.ask("PUT", "/v1/order", **by_id, quantity="0.03")
    maker.ok("POST", "/v1/countdownCancelAll", symbol=BTC, countdownTime=60_000)
    maker.ok("POST", "/v1/countdownCancelAll", symbol=BTC, countdownTime=0)
    maker.ask("POST", "/v1/countdownCancelAll", symbol=BTC, countdownTime=86_400_001)
    maker.ok("DELETE", "/v1/allOpenOrders", symbol=BTC)
    assert maker.ok("GET", "/v1/openOrders") == []
    _read_own(maker)
    venue.wait_archived()
    for who in (maker, taker):
        _read_own(who)


def _read_own(trader: Trader) -> None:
    assert trader.ok("GET", "/v1/allOrders", symbol=BTC, limit=1000)
    trades = trader.ok("GET", "/v1/userTrades", symbol=BTC)
    trader.ok("GET", "/v1/userTrades", symbol=BTC, orderId=trades[0]["orderId"])
    assert trader.ok("GET", "/v1/userTrades", symbol=BTC, fromId=trades[0]["id"])
    for kind in ("COMMISSION", "REALIZED_PNL", "TRANSFER"):
        trader.ok("GET", "/v1/income", symbol=BTC, incomeType=kind)
    assert trader.ok("GET", "/v1/income") and trader.ok("GET", "/v1/income", page=1000) == []
    assert trader.ok("GET", "/v1/income", incomeType="FUNDING_FEE") == []
    for path in ("/v1/allOrders", "/v1/userTrades", "/v1/income", "/v1/allAlgoOrders"):
        for query in ({"startTime": 2, "endTime": 1}, {"limit": 0}, {"symbol": "NONE"}):
            trader.ask("GET", path, **{"symbol": BTC, **query})
    trader.ask("GET", "/v1/userTrades", symbol=BTC, fromId=1, startTime=1)
    trader.ask("GET", "/v1/income", incomeType="GIFT")
    for version in (1, 2, 3):
        for query in ({}, {"symbol": BTC}, {"symbol": "NONE"}):
            trader.ask("GET", f"/v{version}/positionRisk", **query)


def triggers(venue: WitnessVenue) -> None:
    """Each kind of trigger, attached and alone; fired, canceled, and canceled again."""
    maker, trader = venue.trader(usdt="1000000"), venue.trader(usdt="1000000")
    trade(maker, trader)
    limit_stop = {**STOP, "type": "STOP", "price": "29000"}
    for order in (
        STOP,
        limit_stop,
        {**STOP, "type": "TAKE_PROFIT_MARKET", "stopPrice": "70000", "priceProtect": "true"},
        {**limit_stop, "type": "TAKE_PROFIT_LIMIT", "stopPrice": "70000", "workingType": "MARK_PRICE"},
        {**STOP, "type": "TRAILING_STOP_MARKET", "stopPrice": "", "callbackRate": "1", "activationPrice": "60000"},
        {**STOP, "quantity": "", "closePosition": "true"},
    ):
        placed = trader.ok("POST", "/v1/order", **order)
        trader.ok("GET", "/v1/order", symbol=BTC, orderId=placed["orderId"])
        trader.ok("DELETE", "/v1/order", symbol=BTC, orderId=placed["orderId"])
        trader.ask("DELETE", "/v1/order", symbol=BTC, orderId=placed["orderId"])
        maker.ask("DELETE", "/v1/order", symbol=BTC, orderId=placed["orderId"])
    parent = trader.ok(
        "POST", "/v1/order", **LIMIT, side="BUY", price="40000", takeProfitPrice="60000", stopLossPrice="35000"
    )
    trader.ok("POST", "/v1/order", **{**STOP, "quantity": ""}, parentOrderId=parent["orderId"])
    trader.ok("GET", "/v1/openOrders", symbol=BTC)
    trader.ok("DELETE", "/v1/order", symbol=BTC, orderId=parent["orderId"])
    _fire(venue, maker, trader)


def _fire(venue: WitnessVenue, maker: Trader, trader: Trader) -> None:
    """A trigger that becomes a resting order, one that is filled, and one whose position closes."""
    stop = trader.ok(
        "POST", "/v1/order", **{**STOP, "type": "STOP", "price": "49500", "stopPrice": "49000"}, reduceOnly="true"
    )
    closes = trader.ok("POST", "/v1/order", **{**STOP, "stopPrice": "48000"}, reduceOnly="true")
    late = trader.ok("POST", "/v1/order", **{**STOP, "stopPrice": "10000"}, reduceOnly="true")
    maker.ok("POST", "/v1/order", **{**LIMIT, "quantity": "0.02"}, side="BUY", price="48000")
    trader.ok("POST", "/v1/order", **{**LIMIT, "quantity": "0.001"}, side="SELL", price="48000")
    for order in (stop, closes, late):
        trader.ok("GET", "/v1/order", symbol=BTC, orderId=order["orderId"])
        trader.ok("GET", "/v1/algoOrder", algoId=order["orderId"])
        trader.ask("DELETE", "/v1/order", symbol=BTC, orderId=order["orderId"])
    venue.wait_archived()
    for path in ("allOrders", "allAlgoOrders"):
        assert trader.ok("GET", f"/v1/{path}", symbol=BTC)
    venue.operate("GET", f"/accounts/{trader.user.name}").ok()


def batches(venue: WitnessVenue) -> None:
    """Orders in batches, canceled in batches."""
    trader, other = venue.trader(usdt="1000000"), venue.trader()
    orders: list[dict[str, Any]] = [
        {**LIMIT, "side": "BUY", "price": "40000", "newClientOrderId": "a1"},
        {**LIMIT, "side": "BUY", "price": "40000", "quantity": "0"},
        STOP,
        {**LIMIT, "side": "BUY", "price": "41000", "newClientOrderId": "a2"},
    ]
    placed = trader.ok("POST", "/v1/batchOrders", batchOrders=orders)
    assert ["code" in element for element in placed] == [False, True, False, False]
    ids = [element["orderId"] for element in placed if "code" not in element]
    other.ok("DELETE", "/v1/batchOrders", symbol=BTC, orderIdList=ids)
    trader.ok("DELETE", "/v1/batchOrders", symbol=BTC, orderIdList=[*ids, ids[0], 1, "x"])
    trader.ok("DELETE", "/v1/batchOrders", symbol=BTC, origClientOrderIdList=["a1", "never"])
    for query in (
        {},
        {"orderIdList": "x"},
        {"orderIdList": [1], "origClientOrderIdList": ["a"]},
        {"orderIdList": list(range(1, 12))},
    ):
        trader.ask("DELETE", "/v1/batchOrders", symbol=BTC, **query)
    trader.ask("DELETE", "/v1/batchOrders", symbol="NONE", orderIdList=[1])
    for listed in ("x", [], [orders[0]] * 6):
        trader.ask("POST", "/v1/batchOrders", batchOrders=listed)


ORDER_FLOWS: Final = (place_and_cancel, triggers, batches)
