"""What all users can do: pick a market, place an order, cancel it. Each has an account to itself."""

import random
import secrets
from collections.abc import Mapping
from itertools import count
from typing import Any, Final, NamedTuple

from geventhttpclient import client
from locust.contrib.fasthttp import FastHttpUser

from loadtest.callers import FuturesCaller, SpotCaller
from loadtest.context import LoadContext
from loadtest.findings import is_open
from loadtest.markets import Market
from loadtest.outcome import error_of
from loadtest.record import Call

ANSWER_S: Final = 15.0  # longer than any deadline
PRODUCTS: Final = ("spot", "futures")
# Nothing is sent twice behind its caller's back: a cancel that a dying worker had carried out was told "no such order".
client.IDEMPOTENT_METHODS = frozenset()


class Resting(NamedTuple):
    """An own order on a book."""

    market: Market
    id: Any  # text on spot, a number on futures
    client_id: str


class Trader(FastHttpUser):
    """What all users can do."""

    abstract = True
    network_timeout = connection_timeout = ANSWER_S

    def on_start(self) -> None:
        """Take an account."""
        load_context: LoadContext = self.environment.load_context
        self.load_context = load_context
        self.account = load_context.accounts.take()
        self.rnd = random.Random(load_context.rnd.random())
        self.spot = SpotCaller(self.client, self.account, load_context.recorder, self.rnd)
        self.futures = FuturesCaller(self.client, self.account, load_context.recorder, self.rnd)
        self._run = secrets.token_hex(4)
        self._numbers = count(1)

    def on_stop(self) -> None:
        """Give the account back."""
        self.load_context.accounts.give_back(self.account)

    def wait_time(self) -> float:
        """Seconds between two acts."""
        return self.rnd.uniform(*self.load_context.profile.pause_s)

    def pick(self, product: str | None = None) -> Market:
        """A market to act on."""
        return self.load_context.pick(product or self.rnd.choice(PRODUCTS), self.rnd)

    def terms(self, market: Market, side: str, steps: int, tif: str = "gtc") -> dict[str, Any]:
        """A limit order so many steps above the middle, as its product's API wants it."""
        price = market.price(steps)
        quantity = market.quantity(self.rnd, price)
        name = f"{self._run}-{next(self._numbers)}"
        if market.product == "spot":
            values = {"symbol": market.symbol, "side": side, "type": "limit", "tif": tif, "client_order_id": name}
            return {**values, "price": f"{price:f}", "quantity": f"{quantity:f}"}
        tif = {"post_only": "GTX"}.get(tif, tif.upper())
        values = {"symbol": market.symbol, "side": side.upper(), "type": "LIMIT", "timeInForce": tif}
        return {**values, "newClientOrderId": name, "price": f"{price:f}", "quantity": f"{quantity:f}"}

    def send_order(self, market: Market, terms: Mapping[str, Any]) -> Call:
        """Place it."""
        return self.spot.place(terms) if market.product == "spot" else self.futures.place(terms)

    def place(self, market: Market, side: str, steps: int, tif: str = "gtc") -> Resting | None:
        """Place a limit order; what rests of it, if it is known to."""
        terms = self.terms(market, side, steps, tif)
        call = self.send_order(market, terms)
        return resting(market, terms, call.body) if call.status == 200 else None

    def cancel(self, order: Resting) -> Call:
        """Cancel it, on spot by either of its ids."""
        if order.market.product == "futures":
            return self.futures.cancel(order.market.symbol, order.id)
        if self.rnd.random() < 0.2:
            return self.spot.cancel_by_client_id(order.market.symbol, order.client_id, order.id)
        return self.spot.cancel(order.id)

    def side(self) -> tuple[str, int]:
        """A side, and the direction away from the middle in which its orders rest."""
        return self.rnd.choice((("buy", -1), ("sell", 1)))


def resting(market: Market, terms: Mapping[str, Any], told: Mapping[str, Any]) -> Resting | None:
    """What an answer says of a new order, if it rests."""
    if error_of(told) or not is_open(told):
        return None
    spot = market.product == "spot"
    name, key = ("client_order_id", "id") if spot else ("newClientOrderId", "orderId")
    return Resting(market, told[key], terms[name])
