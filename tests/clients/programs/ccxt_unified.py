"""ccxt's unified calls for binanceusdm, in the API's own words unless it says otherwise."""

import json
import re
from typing import Any

import ccxt
from serve import Call, serve

STATUS = {"open": "NEW", "closed": "FILLED", "canceled": "CANCELED", "expired": "EXPIRED"}
ALGO = {"trigger": True}


class Unified:
    """A method for each call."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self.api = ccxt.binanceusdm({"apiKey": key, "secret": secret, "options": {"fetchCurrencies": False}})
        old = self.api.urls["api"]
        self.api.urls["api"] = {name: each.replace("https://fapi.binance.com", url) for name, each in old.items()}
        self.api.load_markets()

    def unified(self, symbol: str) -> str:
        return self.api.safe_symbol(symbol, None, None, "swap")

    def info(self) -> Any:
        """The filters as ccxt took them from the market's."""
        symbols = []
        for market in self.api.markets.values():
            precision = market["precision"]
            filters = [
                {"filterType": "PRICE_FILTER", "tickSize": precision["price"]},
                {"filterType": "LOT_SIZE", "stepSize": precision["amount"]},
            ]
            symbols.append({"symbol": market["id"], "filters": filters})
        return {"symbols": symbols}

    def depth(self, symbol: str) -> Any:
        return self.api.fetch_order_book(self.unified(symbol))

    def candles(self, symbol: str, interval: str, **params: Any) -> Any:
        return self.api.fetch_ohlcv(self.unified(symbol), interval, **params)

    def new_order(self, symbol: str, side: str, type: str, quantity: float, price: Any = None, **params: Any) -> Any:
        return order(self.api.create_order(self.unified(symbol), type, side.lower(), quantity, price, params))

    new_algo = new_order  # create_order finds out by the type

    def new_batch(self, batchOrders: Any) -> Any:
        orders = [
            {
                "symbol": self.unified(each["symbol"]),
                "type": each["type"],
                "side": each["side"].lower(),
                "amount": each["quantity"],
                "price": each["price"],
                "params": {"newClientOrderId": each["newClientOrderId"]},
            }
            for each in batchOrders
        ]
        return [order(each) for each in self.api.create_orders(orders)]

    def query_order(self, symbol: str, orderId: Any = "", **params: Any) -> Any:
        return order(self.api.fetch_order(str(orderId), self.unified(symbol), params))

    def query_algo(self, symbol: str, algoId: Any = "", **params: Any) -> Any:
        return self.query_order(symbol, algoId, **params, **ALGO)

    def open_orders(self, symbol: str, **params: Any) -> Any:
        return [order(each) for each in self.api.fetch_open_orders(self.unified(symbol), params=params)]

    def open_algos(self, symbol: str) -> Any:
        return self.open_orders(symbol, **ALGO)

    def all_orders(self, symbol: str) -> Any:
        return [order(each) for each in self.api.fetch_orders(self.unified(symbol))]

    def cancel_order(self, symbol: str, orderId: Any = "", **params: Any) -> Any:
        return order(self.api.cancel_order(str(orderId), self.unified(symbol), params))

    def cancel_algo(self, symbol: str, algoId: Any = "", **params: Any) -> Any:
        return self.cancel_order(symbol, algoId, **params, **ALGO)

    def cancel_batch(self, symbol: str, orderIdList: Any = (), **params: Any) -> Any:
        ids = [str(each) for each in orderIdList]
        if ccxt.__version__.startswith("4.4"):  # takes client ids as JSON only
            params = {name: json.dumps(names, separators=(",", ":")) for name, names in params.items()}
        return [order(each) for each in self.api.cancel_orders(ids, self.unified(symbol), params)]

    def cancel_all(self, symbol: str, **params: Any) -> None:
        self.api.cancel_all_orders(self.unified(symbol), params)

    def cancel_all_algos(self, symbol: str) -> None:
        self.cancel_all(symbol, **ALGO)

    def modify_order(self, symbol: str, orderId: int, side: str, quantity: float, price: float) -> Any:
        return order(self.api.edit_order(str(orderId), self.unified(symbol), "limit", side.lower(), quantity, price))

    def countdown(self, **params: Any) -> Any:
        return self.api.fapiPrivatePostCountdownCancelAll(params)  # nothing unified does it

    def leverage(self, symbol: str, leverage: int) -> Any:
        return self.api.set_leverage(leverage, self.unified(symbol))

    def balance(self) -> Any:
        held = self.api.fetch_balance()["USDT"]
        return [{"asset": "USDT", "balance": held["total"], "availableBalance": held["free"]}]

    def positions(self, symbol: str) -> Any:
        return [
            {
                "symbol": symbol,
                "positionAmt": each["contracts"] * (1 if each["side"] == "long" else -1),
                "entryPrice": each["entryPrice"],
                "unRealizedProfit": each["unrealizedPnl"],
                "initialMargin": each["initialMargin"],
            }
            for each in self.api.fetch_positions([self.unified(symbol)])
        ]

    def position(self, symbol: str) -> Any:
        """The only one, in ccxt's own words."""
        (found,) = self.api.fetch_positions([self.unified(symbol)])
        return found

    def filters(self, symbol: str) -> Any:
        """Those that ccxt kept, in the API's words."""
        return self.api.market(self.unified(symbol))["info"]["filters"]

    def tiers(self, symbol: str) -> Any:
        """Brackets, in ccxt's own words."""
        unified = self.unified(symbol)
        return self.api.fetch_leverage_tiers([unified])[unified]

    def trades(self, symbol: str) -> Any:
        return [
            {
                "orderId": int(each["order"]),
                "price": each["price"],
                "qty": each["amount"],
                "commission": each["fee"]["cost"],
                "maker": each["takerOrMaker"] == "maker",
            }
            for each in self.api.fetch_my_trades(self.unified(symbol))
        ]


def order(unified: Any) -> Any:
    if unified["id"] is None:
        return {"code": int(unified["info"]["code"])}  # of a batch
    return {
        "orderId": int(unified["id"]),
        "clientOrderId": unified["clientOrderId"],
        "status": STATUS.get(unified["status"]),
        "side": (unified["side"] or "").upper(),
        "price": unified["price"],
        "origQty": unified["amount"],
        "executedQty": unified["filled"],
        "stopPrice": unified["triggerPrice"],
    }


def connect(url: str, key: str, secret: str) -> Call:
    unified = Unified(url, key, secret)
    return lambda name, params: getattr(unified, name)(**params)


def code_of(error: Exception) -> object:
    """The exchange's own code, which ccxt keeps in the text."""
    found = re.search(r'"code":(-\d+)', str(error))
    return int(found[1]) if found else None


serve(connect, code_of)
