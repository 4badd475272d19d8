"""Actions common to all users: pick a market, place an order, cancel it. Each user has an account to itself."""

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
# No retries by the HTTP client: a cancel executed by a dying worker was reported as "no such order" on its retry.
client.IDEMPOTENT_METHODS = frozenset()


class Resting(NamedTuple):
    """An own order on a book."""

    market: Market
    id: Any  # text on spot, a number on futures
    client_id: str


class Trader(FastHttpUser):
    """Actions common to all users."""

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
        """Return the account."""
        self.load_context.accounts.give_back(self.account)

    def wait_time(self) -> float:
        """Seconds between two actions."""
        return self.rnd.uniform(*self.load_context.profile.pause_s)

    def pick(self, product: str | None = None) -> Market:
        """A market to trade on."""
        return self.load_context.pick(product or self.rnd.choice(PRODUCTS), self.rnd)

    def terms(self, market: Market, side: str, steps: int, tif: str = "gtc") -> dict[str, Any]:
        """A limit order ``steps`` above the middle, in the form of its product's API."""
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
        return self.spot.place(terms) if market.product == "spot" else self.futures.place(terms)

    def place(self, market: Market, side: str, steps: int, tif: str = "gtc") -> Resting | None:
        """Place a limit order; returns it if it is known to rest."""
        terms = self.terms(market, side, steps, tif)
        call = self.send_order(market, terms)
        return resting(market, terms, call.body) if call.status == 200 else None

    def cancel(self, order: Resting) -> Call:
        """Cancel the order, on spot by either of its ids."""
        if order.market.product == "futures":
            return self.futures.cancel(order.market.symbol, order.id)
        if self.rnd.random() < 0.2:
            return self.spot.cancel_by_client_id(order.market.symbol, order.client_id, order.id)
        return self.spot.cancel(order.id)

    def side(self) -> tuple[str, int]:
        """A side, and the direction away from the middle in which its orders rest."""
        return self.rnd.choice((("buy", -1), ("sell", 1)))


def resting(market: Market, terms: Mapping[str, Any], answer: Mapping[str, Any]) -> Resting | None:
    """The resting order in a response to a new order; None if it does not rest."""
    if error_of(answer) or not is_open(answer):
        return None
    spot = market.product == "spot"
    name, key = ("client_order_id", "id") if spot else ("newClientOrderId", "orderId")
    return Resting(market, answer[key], terms[name])
