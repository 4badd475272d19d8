"""What futures orders, changes and trigger orders are refused for."""

from typing import Any, Final

from tests.http.openapi_order_flows import BTC, LIMIT, STOP, trade
from tests.http.openapi_venue import Trader, WitnessVenue


def refuse_orders(venue: WitnessVenue) -> None:
    """What a new order and a change can be refused for."""
    maker, trader = venue.trader(usdt="1000000"), venue.trader(usdt="1000")
    trade(maker, venue.trader(usdt="100000"))
    maker.ok("POST", "/v1/order", **LIMIT, side="SELL", price="52400")
    good = {**LIMIT, "side": "BUY", "price": "40000"}
    mine = trader.ok("POST", "/v1/order", **good, newClientOrderId="mine")["orderId"]
    for change in _BAD_ORDERS:
        trader.ask("POST", "/v1/order", **{**good, **change})
    for change in _BAD_CHANGES:
        trader.ask("PUT", "/v1/order", **{"symbol": BTC, "orderId": mine, **change})
    _refuse_changes(maker, trader)
    stop = trader.ok(
        "POST", "/v1/order", **{**STOP, "type": "TRAILING_STOP_MARKET", "stopPrice": "", "callbackRate": 1}
    )
    trader.ask("PUT", "/v1/order", symbol=BTC, orderId=stop["orderId"], quantity="0.02")
    for path, method in (("order", "GET"), ("openOrder", "GET"), ("order", "DELETE"), ("order", "PUT")):
        for query in ({}, {"orderId": "x"}, {"orderId": 1, "quantity": 1}, {"symbol": "NONE", "orderId": 1}):
            trader.ask(method, f"/v1/{path}", **{"symbol": BTC, **query})
    for path, method in (("allOpenOrders", "DELETE"), ("openOrders", "GET"), ("countdownCancelAll", "POST")):
        trader.ask(method, f"/v1/{path}", symbol="NONE", countdownTime=0)
    for who in (maker, trader):
        who.ok("DELETE", "/v1/allOpenOrders", symbol=BTC)
    _refuse_while_closed(venue, trader)


_UNPRICED: Final = {**STOP, "price": ""}
_BAD_ORDERS: Final[tuple[dict[str, Any], ...]] = (
    {"symbol": "NONE"},
    {"side": "buy"},
    {"type": "limit"},
    {"positionSide": "LONG"},
    {"timeInForce": "GTD"},
    {"newClientOrderId": "a" * 37},
    {"newClientOrderId": "a b"},
    {"newClientOrderId": "mine", "price": "39000"},
    {"quantity": "0.0001"},
    {"price": "0.01"},
    {"quantity": "0.001", "price": "10"},
    {"quantity": "1000", "price": "40000"},
    {"quantity": "10"},
    {"reduceOnly": "true"},
    {"reduceOnly": "maybe"},
    {"callbackRate": "1"},
    {"timeInForce": "FOK", "price": "50000", "quantity": "0.02"},
    {"timeInForce": "GTX", "price": "52400"},
    {"price": "60000"},
    {"side": "SELL", "price": "40000"},
    {"newClientOrderId": "autoclose-1"},
    {"selfTradePreventionMode": "EXPIRE_BOTH"},
    {"priceMatch": "QUEUE"},
    {"closePosition": "true"},
    {"takeProfitPrice": "39000"},
    {"parentOrderId": 1},
    {**_UNPRICED, "workingType": "LAST"},
    {**_UNPRICED, "stopPrice": "60000"},
    {**_UNPRICED, "closePosition": "true"},
    {**_UNPRICED, "takeProfitPrice": "1"},
    {**_UNPRICED, "parentOrderId": 1},
    {**_UNPRICED, "type": "TRAILING_STOP_MARKET", "stopPrice": "", "callbackRate": "99"},
    {**_UNPRICED, "closePosition": "true", "quantity": "", "reduceOnly": "true"},
)
_BAD_CHANGES: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"price": "40000"},
    {"price": "0.01"},
    {"quantity": "0"},
    {"side": "SELL", "quantity": "0.02"},
    {"quantity": "10"},
    {"stopPrice": "1"},
    {"symbol": "ETHUSDT", "quantity": "1"},
)


def _refuse_changes(maker: Trader, trader: Trader) -> None:
    """An order filled in part, one that must not trade, and triggers."""
    part = maker.ok("POST", "/v1/order", **LIMIT, side="SELL", price="52000")["orderId"]
    trader.ok("POST", "/v1/order", **{**LIMIT, "quantity": "0.004"}, side="BUY", price="52000")
    maker.ask("PUT", "/v1/order", symbol=BTC, orderId=part, quantity="0.004")
    posted = trader.ok("POST", "/v1/order", **LIMIT, side="BUY", price="40000", timeInForce="GTX")["orderId"]
    trader.ask("PUT", "/v1/order", symbol=BTC, orderId=posted, price="52000")
    for more, change in (({}, {"stopPrice": "60000"}), ({"quantity": "", "closePosition": "true"}, {"quantity": "1"})):
        stop = trader.ok("POST", "/v1/order", **{**STOP, **more})["orderId"]
        trader.ask("PUT", "/v1/order", symbol=BTC, orderId=stop, **change)


def _refuse_while_closed(venue: WitnessVenue, trader: Trader) -> None:
    asset = venue.asset(8)
    symbol = f"{asset}USDT"
    terms: dict[str, Any] = {"tick_size": "0.1", "lot_size": "0.001", "min_notional": "10", "maker_fee_bps": 2}
    market = {"symbol": symbol, "base_asset": asset, **terms, "taker_fee_bps": 5, "max_position_notional": 1000}
    venue.operate("POST", "/futures/markets", market).ok()
    order = {**LIMIT, "symbol": symbol, "side": "BUY", "price": "50000"}
    placed = trader.ok("POST", "/v1/order", **order)["orderId"]
    trader.ask("POST", "/v1/order", **{**order, "quantity": "0.02"})
    trader.ask("PUT", "/v1/order", symbol=symbol, orderId=placed, quantity="0.03")
    for status in ("halted", "delisted"):
        venue.operate("PATCH", f"/futures/markets/{symbol}/status", {"status": status}).ok()
        trader.ask("POST", "/v1/order", **order)
        trader.ask("PUT", "/v1/order", symbol=symbol, orderId=placed, quantity="0.005")
        trader.ask("POST", "/v1/algoOrder", **{**STOP, "symbol": symbol}, algoType="CONDITIONAL")
    venue.send("GET", "/fapi/v1/exchangeInfo")


def refuse_risk(venue: WitnessVenue) -> None:
    """What the mark price and the brackets stand against."""
    asset = venue.asset(8)
    steps: dict[str, Any] = {"tick_size": "0.1", "lot_size": "0.001", "min_notional": "10"}
    rows = ((40_000, 100, "0.005"), (200_000, 50, "0.01"))
    brackets = [dict(zip(("notional_cap", "max_leverage", "maint_margin_ratio"), row, strict=True)) for row in rows]
    market = {"symbol": f"{asset}USDT", "base_asset": asset, **steps, "maker_fee_bps": 0, "taker_fee_bps": 0}
    venue.operate("POST", "/futures/markets", {**market, "brackets": brackets, "mark_price": "50000"}).ok()
    maker, trader = venue.trader(usdt="1000000"), venue.trader(usdt="1000")
    order = {**LIMIT, "symbol": market["symbol"], "quantity": "0.9"}
    trader.ok("POST", "/v1/leverage", symbol=market["symbol"], leverage=50)
    maker.ok("POST", "/v1/order", **order, side="SELL", price="50000")
    trader.ok("POST", "/v1/order", **order, side="BUY", price="50000")
    trader.ask("POST", "/v1/leverage", symbol=market["symbol"], leverage=100)
    closing = {**order, "side": "SELL", "reduceOnly": "true"}
    trader.ask("POST", "/v1/order", **closing, price="47600")
    for who, placed, prices in (
        (trader, {**closing, "price": "51000"}, ("47600", "40000")),
        (maker, {**order, "side": "BUY", "price": "40000"}, ("60000",)),
    ):
        number = who.ok("POST", "/v1/order", **placed)["orderId"]
        for price in prices:
            who.ask("PUT", "/v1/order", symbol=market["symbol"], orderId=number, price=price)
    for who in (maker, trader):
        who.ok("DELETE", "/v1/allOpenOrders", symbol=market["symbol"])


_TRAILING: Final = {"type": "TRAILING_STOP_MARKET", "callbackRate": "1", "triggerPrice": ""}


def algo_orders(venue: WitnessVenue) -> None:
    """The same triggers under their other names."""
    maker, trader = venue.trader(usdt="1000000"), venue.trader(usdt="1000000")
    trade(maker, trader)
    order = {"algoType": "CONDITIONAL", "symbol": BTC, "side": "SELL", "quantity": "0.01", "triggerPrice": "30000"}
    first = trader.ok("POST", "/v1/algoOrder", **order, type="STOP_MARKET", clientAlgoId="stop-1")
    trader.ok("POST", "/v1/algoOrder", **{**order, **_TRAILING})
    trader.ok("GET", "/v1/algoOrder", algoId=first["algoId"])
    for query in ({}, {"symbol": BTC}, {"symbol": BTC, "algoId": first["algoId"]}):
        trader.ok("GET", "/v1/openAlgoOrders", **query)
    trader.ok("DELETE", "/v1/algoOrder", clientAlgoId="stop-1")
    trader.ok("DELETE", "/v1/algoOpenOrders", symbol=BTC)
    trader.ok("GET", "/v1/allAlgoOrders", symbol=BTC)
    for method in ("GET", "DELETE"):
        for query in ({}, {"algoId": "x"}, {"clientAlgoId": "never"}, {"algoId": 1, "symbol": "NONE"}):
            trader.ask(method, "/v1/algoOrder", **query)
        trader.ask(method, "/v1/algoOrder", symbol=BTC, algoId=first["algoId"])
    trader.ok("POST", "/v1/algoOrder", **order, type="STOP_MARKET", clientAlgoId="mine")
    for change in _BAD_ALGO_ORDERS:
        trader.ask("POST", "/v1/algoOrder", **{**order, "type": "STOP_MARKET", **change})
    for method, path in (("DELETE", "algoOpenOrders"), ("GET", "openAlgoOrders"), ("GET", "allAlgoOrders")):
        trader.ask(method, f"/v1/{path}", symbol="NONE")


_BAD_ALGO_ORDERS: Final[tuple[dict[str, Any], ...]] = (
    {"algoType": "TWAP"},
    {"symbol": "NONE"},
    {"side": "sell"},
    {"type": "LIMIT"},
    {"positionSide": "LONG"},
    {"timeInForce": "GTD"},
    {"clientAlgoId": "a" * 37},
    {"clientAlgoId": "a b"},
    {"clientAlgoId": "mine", "triggerPrice": "31000"},
    {"triggerPrice": "0.01"},
    {"triggerPrice": "60000"},
    {**_TRAILING, "callbackRate": "99"},
    {"closePosition": "true"},
    {"closePosition": "true", "type": "STOP", "price": "1000"},
    {"workingType": "LAST"},
    {"takeProfitPrice": "60000"},
    {"parentOrderId": 1},
    {"selfTradePreventionMode": "EXPIRE_BOTH"},
    {"priceMatch": "QUEUE"},
)


REFUSAL_FLOWS: Final = (refuse_orders, refuse_risk, algo_orders)
