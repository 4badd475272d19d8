"""What both APIs are refused for: the tables of refusals, and what they leave out."""

from typing import Any, Final

from tests.http.futures.order_stage import OrderStage
from tests.http.futures.trader import list_contract
from tests.http.openapi_order_flows import BTC, LIMIT, trade
from tests.http.openapi_venue import WitnessVenue
from tests.http.stage import Stage
from tests.http.table import read_table

SPOT_TABLES: Final = ("cancel_one", "cancel_all", "place", "query", "keys", "operator", "paths", "malformed_requests")
FUTURES_TABLES: Final = ("futures_place", "futures_modify", "futures_cancel")
ALGO_NAMES: Final = (  # how a trigger is asked for by the other door
    ("POST /order?", "POST /algoOrder?algoType=CONDITIONAL&"),
    ("stopPrice=", "triggerPrice="),
    ("newClientOrderId=", "clientAlgoId="),
    ("type=LIMIT&", "type=STOP&triggerPrice=1000&"),
)


def spot_tables(venue: WitnessVenue) -> None:
    """Every row of the spot and operator API's tables."""
    stage = Stage(venue)
    for table in SPOT_TABLES:
        for row in read_table(table):
            stage.play(row)
    for row in read_table("transfer"):
        venue.send("POST", "/api/v1/spot/transfer", stage.own.bearer, row["body"].encode())


def futures_tables(venue: WitnessVenue) -> None:
    """Every row of the tables of futures orders; new orders by the door of algo orders, too."""
    stage = OrderStage(venue)
    for actor in (stage.own, stage.other):
        actor.caller = venue.witness(actor.caller)
    stage.callers = {who: venue.witness(caller) for who, caller in stage.callers.items()}
    for table in FUTURES_TABLES:
        for row in read_table(table):
            stage.send(row["who"], row["request"])
    for row in read_table("futures_place"):
        request = row["request"]
        for name, other in ALGO_NAMES:
            request = request.replace(name, other)
        stage.send(row["who"], request)


def algo_orders(venue: WitnessVenue) -> None:
    """The door of algo orders in use."""
    trader = venue.trader(usdt="1000000")
    trade(venue.trader(usdt="1000000"), trader)
    order = {"algoType": "CONDITIONAL", "symbol": BTC, "side": "SELL", "quantity": "0.01"}
    stop = {**order, "type": "STOP_MARKET", "triggerPrice": "30000"}
    trader.ok("POST", "/v1/algoOrder", **order, type="TRAILING_STOP_MARKET", callbackRate="1")
    for client_id in ("stop-1", "stop-2"):
        number = trader.ok("POST", "/v1/algoOrder", **stop, clientAlgoId=client_id)["algoId"]
    trader.ok("GET", "/v1/algoOrder", algoId=number)
    for query in ({}, {"symbol": BTC}, {"symbol": BTC, "algoId": number}):
        trader.ok("GET", "/v1/openAlgoOrders", **query)
    trader.ask("POST", "/v1/algoOrder", **{**stop, "triggerPrice": "31000"}, clientAlgoId="stop-1")
    trader.ok("DELETE", "/v1/algoOrder", clientAlgoId="stop-1")
    trader.ok("DELETE", "/v1/algoOpenOrders", symbol=BTC)
    trader.ok("GET", "/v1/allAlgoOrders", symbol=BTC)
    for method in ("GET", "DELETE"):
        for query in ({"algoId": 1, "symbol": "NONE"}, {"clientAlgoId": "never"}):
            trader.ask(method, "/v1/algoOrder", **query)
    for method, path in (("DELETE", "algoOpenOrders"), ("GET", "openAlgoOrders"), ("GET", "allAlgoOrders")):
        trader.ask(method, f"/v1/{path}", symbol="NONE")
    for path in ("order", "openOrder", "openOrders"):
        trader.ask("GET", f"/v1/{path}", symbol="NONE", orderId=1)


def risk(venue: WitnessVenue) -> None:
    """What the mark price and the brackets stand against."""
    rows = ((40_000, 100, "0.005"), (200_000, 50, "0.01"))
    brackets = [dict(zip(("notional_cap", "max_leverage", "maint_margin_ratio"), row, strict=True)) for row in rows]
    fees = {"maker_fee_bps": 0, "taker_fee_bps": 0}
    symbol = list_contract(venue, base_asset=venue.asset(8), brackets=brackets, mark_price="50000", **fees)
    maker, trader = venue.trader(usdt="1000000"), venue.trader(usdt="1000")
    order: dict[str, Any] = {**LIMIT, "symbol": symbol, "quantity": "0.9"}
    trader.ok("POST", "/v1/leverage", symbol=symbol, leverage=50)
    maker.ok("POST", "/v1/order", **order, side="SELL", price="50000")
    trader.ok("POST", "/v1/order", **order, side="BUY", price="50000")
    trader.ask("POST", "/v1/leverage", symbol=symbol, leverage=100)
    closing = {**order, "side": "SELL", "reduceOnly": "true"}
    trader.ask("POST", "/v1/order", **closing, price="47600")
    placed = trader.ok("POST", "/v1/order", **closing, price="51000")["orderId"]
    trader.ask("PUT", "/v1/order", symbol=symbol, orderId=placed, price="47600")


REFUSALS: Final = (spot_tables, futures_tables, algo_orders, risk)
