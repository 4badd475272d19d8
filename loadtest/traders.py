"""The users: each acts on spot and on futures, and keeps track of its resting orders."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from locust import task

from loadtest import slow
from loadtest.answers import BUSY
from loadtest.markets import Market
from loadtest.record import Call
from loadtest.trader import Resting, Trader, resting

BACKOFF_S: Final = (0.2, 0.4, 0.8)
QUOTES_MAX: Final = 20  # open quotes of a market maker
FAR: Final = 50  # steps from the middle, where nobody trades


def _only(terms: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: terms[name] for name in names}


class MarketMaker(Trader):
    """Quotes both sides of the middle and cancels the oldest quotes."""

    def on_start(self) -> None:
        """Start without quotes."""
        super().on_start()
        self._quotes: deque[Resting] = deque()

    @task(10)
    def quote(self) -> None:
        """One quote on each side."""
        market = self.pick()
        for side, away in (("buy", -1), ("sell", 1)):
            tif = self.rnd.choice(("gtc", "gtc", "post_only"))
            if order := self.place(market, side, away * self.rnd.randint(1, 8), tif):
                self._quotes.append(order)
        while len(self._quotes) > QUOTES_MAX:
            self.cancel(self._quotes.popleft())

    @task(1)
    def look(self) -> None:
        """Read balances and orders."""
        if self.rnd.random() < 0.5:
            self.spot.balances()
            self.spot.orders(50)
        else:
            self.futures.balance()
            self.futures.orders(self.pick("futures").symbol, 50)


class Taker(Trader):
    """Takes the market makers' quotes."""

    @task(3)
    def take(self) -> None:
        """With a limit price beyond the middle."""
        side, away = self.side()
        self.place(self.pick(), side, -away * self.rnd.randint(1, 8), self.rnd.choice(("ioc", "ioc", "gtc")))

    @task(1)
    def take_at_any_price(self) -> None:
        """With a market order."""
        market = self.pick()
        side, _ = self.side()
        terms = self.terms(market, side, 0)
        if market.product == "futures":
            self.futures.place({"type": "MARKET", **_only(terms, "symbol", "side", "quantity", "newClientOrderId")})
            return
        amount = {"quantity": terms["quantity"]}
        if side == "buy":
            amount = {"quote_quantity": f"{Decimal(terms['quantity']) * Decimal(terms['price']):.2f}"}
        self.spot.place({"type": "market", **_only(terms, "symbol", "side", "client_order_id"), **amount})


class Canceler(Trader):
    """Places and cancels, one by one."""

    @task
    def place_and_cancel(self) -> None:
        """Far from the middle, or where it may fill meanwhile."""
        side, away = self.side()
        order = self.place(self.pick(), side, away * self.rnd.choice((1, FAR)))
        if order:
            self.cancel(order)


class CancelAll(Trader):
    """Places a few orders and cancels all at once."""

    @task
    def place_and_cancel_all(self) -> None:
        """On one market, or on all spot markets."""
        market = self.pick()
        for _ in range(self.rnd.randint(0, 5)):
            side, away = self.side()
            self.place(market, side, away * self.rnd.randint(2, FAR))
        if market.product == "futures":
            self.futures.cancel_all(market.symbol)
        else:
            self.spot.cancel_all(self.rnd.choice((market.symbol, None)))


class BatchCanceler(Trader):
    """Places and cancels in batches: futures only."""

    @task
    def place_and_cancel_batch(self) -> None:
        """Up to ten, some with take-profit and stop-loss; one in ten cancels contains a duplicate."""
        market = self.pick("futures")
        orders = [order for _ in range(2) for order in self._place_batch(market)]
        ids = [order.id for order in orders][:10]
        if ids and self.rnd.random() < 0.1:
            ids[-1] = ids[0]
        if ids:
            self.futures.cancel_batch(market.symbol, ids)

    def _place_batch(self, market: Market) -> list[Resting]:
        batch = [self._make_terms(market) for _ in range(self.rnd.randint(1, 5))]
        call = self.futures.place_batch(batch)
        answers = call.body if call.status == 200 else ()
        made = [resting(market, terms, each) for terms, each in zip(batch, answers, strict=False)]
        return [order for order in made if order]

    def _make_terms(self, market: Market) -> dict[str, Any]:
        side, away = self.side()
        steps = away * self.rnd.choice((1, 2, FAR))
        terms = self.terms(market, side, steps)
        if self.rnd.random() < 0.2:
            profit, loss = market.price(steps - away * FAR), market.price(steps + away * FAR)
            terms |= {"takeProfitPrice": f"{profit:f}", "stopLossPrice": f"{loss:f}"}
        return terms


class Retrier(Trader):
    """Retries an order after ENGINE_BUSY, with increasing delays."""

    @task
    def place_until_placed(self) -> None:
        """The same order each time, identified by its client id; then it is canceled in the same way."""
        market = self.pick()
        side, away = self.side()
        terms = self.terms(market, side, away * FAR)
        call = self._retry(lambda: self.send_order(market, terms))
        if call.status == 200 and (order := resting(market, terms, call.body)):
            self._retry(lambda: self.cancel(order))

    @staticmethod
    def _retry(make: Callable[[], Call]) -> Call:
        call = make()
        for pause in BACKOFF_S:
            if call.error not in BUSY:
                break
            time.sleep(pause)
            call = make()
        return call


class SlowReader(Trader):
    """Requests a long list and reads it in small pieces, slowly."""

    @task(4)
    def place_far(self) -> None:
        """Fill the list to be read."""
        side, away = self.side()
        self.place(self.pick("spot"), side, away * FAR)

    @task(1)
    def read_slowly(self) -> None:
        """Read the newest orders."""
        call = slow.read_orders(str(self.host), self.account)
        self.load_context.recorder.append(call)
        self.environment.events.request.fire(
            request_type="GET",
            name=call.what,
            response_time=call.seconds * 1_000,
            response_length=0,
            exception=None if call.status == 200 and not call.fault else RuntimeError(call.fault or call.error),
            context={},
            start_time=time.time() - call.seconds,
        )

    @task(1)
    def cancel_everything(self) -> None:
        """Cancel all occasionally: the list stays long, the book does not fill."""
        self.spot.cancel_all(None)
