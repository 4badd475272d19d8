"""One account on one market, by way of a client: asked and told in the API's own words, whatever the client's are."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.clients.clients import Client
from tests.clients.program import Program

Json = Any

ALGO_WORDS: Final = {
    "algoId": "orderId",
    "clientAlgoId": "clientOrderId",
    "algoStatus": "status",
    "orderType": "origType",
    "triggerPrice": "stopPrice",
    "quantity": "origQty",
}


class Bot:
    """What the tests ask of every client."""

    def __init__(self, client: Client, program: Program, url: str, symbol: str) -> None:
        self.client = client
        self.url = url
        self.symbol = symbol
        self.clock_s = 0.0  # how far the client's clock is ahead
        self._program = program

    def connect(self, key: str, secret: str) -> None:
        """Make the client anew."""
        self._call("connect", url=self.url, key=key, secret=secret)

    # Market data

    def steps(self) -> tuple[float, float]:
        """Tick and lot size of the market."""
        (symbol,) = [each for each in self._call("info")["symbols"] if each["symbol"] == self.symbol]
        filters = {each["filterType"]: each for each in symbol["filters"]}
        return float(filters["PRICE_FILTER"]["tickSize"]), float(filters["LOT_SIZE"]["stepSize"])

    def bids(self) -> list[tuple[float, float]]:
        """Price and quantity, best first."""
        return [(float(level[0]), float(level[1])) for level in self._ask("depth")["bids"]]

    def candles(self, interval: str, **bounds: int) -> list[list[float]]:
        """Opening time, open, high, low, close, volume; by way of ccxt for Python alone."""
        told: list[list[float]] = self._ask("candles", interval=interval, **bounds)
        return told

    # Orders

    def place(self, side: str, quantity: float, price: float, client_id: str | None = None, **more: Json) -> Json:
        """A limit order."""
        params = {"timeInForce": "GTC", "newClientOrderId": client_id, **more}
        return self._ask("new_order", side=side, type="LIMIT", quantity=quantity, price=price, **params)

    def place_batch(self, *orders: Mapping[str, str]) -> list[Json]:
        """Limit orders: side, quantity, price and newClientOrderId of each."""
        common = {"symbol": self.symbol, "type": "LIMIT", "timeInForce": "GTC"}
        told: list[Json] = self._call("new_batch", batchOrders=[{**common, **order} for order in orders])
        return told

    def query(self, order: int | str) -> Json:
        """An order, by its id or its client's."""
        return self._ask("query_order", **_named(order))

    def open_orders(self) -> list[Json]:
        return self._ask_list("open_orders")

    def all_orders(self) -> list[Json]:
        return self._ask_list("all_orders")

    def cancel(self, order: int | str) -> Json:
        return self._ask("cancel_order", **_named(order))

    def cancel_batch(self, orders: Sequence[int | str]) -> list[Json]:
        """Statuses in the order asked, or codes."""
        name = "orderIdList" if isinstance(orders[0], int) else "origClientOrderIdList"
        return [each.get("status") or each["code"] for each in self._ask_list("cancel_batch", **{name: orders})]

    def cancel_all(self) -> None:
        self._ask("cancel_all")

    def modify(self, order: int, side: str, quantity: float, price: float) -> Json:
        return self._ask("modify_order", orderId=order, side=side, quantity=quantity, price=price)

    def countdown(self, milliseconds: int) -> Json:
        return self._ask("countdown", countdownTime=milliseconds)

    # Trigger orders, where this version of the client has them

    def trigger(self, side: str, type: str, quantity: float, client_id: str | None = None, **more: Json) -> Json:
        """``more``: stopPrice, or callbackRate."""
        if not self.client.has_algo:
            return self._ask("new_order", side=side, type=type, quantity=quantity, newClientOrderId=client_id, **more)
        if "stopPrice" in more:
            more["triggerPrice"] = more.pop("stopPrice")
        params = {"algoType": "CONDITIONAL", "side": side, "type": type, "quantity": quantity, **more}
        return _translate(self._ask("new_algo", clientAlgoId=client_id, **params))

    def query_trigger(self, order: int | str) -> Json:
        if not self.client.has_algo:
            return self.query(order)
        return _translate(self._ask("query_algo", **_named_algo(order)))

    def open_triggers(self) -> list[Json]:
        if not self.client.has_algo:
            return self.open_orders()
        return [_translate(each) for each in self._ask_list("open_algos")]

    def cancel_trigger(self, order: int | str) -> None:
        if self.client.has_algo:
            self._ask("cancel_algo", **_named_algo(order))
        else:
            self.cancel(order)

    def cancel_all_triggers(self) -> None:
        self._ask("cancel_all_algos" if self.client.has_algo else "cancel_all")

    # Money

    def leverage(self, leverage: int) -> Json:
        return self._ask("leverage", leverage=leverage)

    def balance(self) -> tuple[float, float]:
        """USDT in the wallet, and available for orders."""
        (row,) = [row for row in self._call("balance") if row["asset"] == "USDT"]
        return float(row["balance"]), float(row["availableBalance"])

    def account(self) -> Json:
        return self._call("account")

    def positions(self) -> list[Json]:
        return [row for row in self._ask_list("positions") if float(row["positionAmt"])]

    def trades(self) -> list[Json]:
        return self._ask_list("trades")

    def _ask_list(self, name: str, **params: Json) -> list[Json]:
        told = self._ask(name, **params)
        assert isinstance(told, list)
        return told

    def _ask(self, name: str, **params: Json) -> Json:
        return self._call(name, symbol=self.symbol, **params)

    def _call(self, name: str, **params: Json) -> Json:
        sent = {word: value for word, value in params.items() if value is not None}
        return self._program.call(name, self.clock_s, **sent)


def _named(order: int | str) -> dict[str, int | str]:
    return {"orderId" if isinstance(order, int) else "origClientOrderId": order}


def _named_algo(order: int | str) -> dict[str, int | str]:
    return {"algoId" if isinstance(order, int) else "clientAlgoId": order}


def _translate(conditional: Json) -> Json:
    return {ALGO_WORDS.get(word, word): value for word, value in conditional.items()}
