"""A trader on the futures markets, who records invalid responses as faults."""

import json
import random
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from loadtest.findings import is_open
from loadtest.futures_money import find_unbalanced
from loadtest.outcome import Outcome
from loadtest.placements import CHILDREN
from loadtest.signing import sign_futures
from tests.crash.answers import NO_SUCH_ORDER
from tests.crash.calls import Call, FuturesCaller, Note, Signed
from tests.crash.floor import Account, Floor, Market
from tests.crash.futures_terms import OTHER, Terms, make_attached, make_change, make_regular, make_trigger
from tests.crash.trader import Trader

COUNTDOWN_MS: Final = 200
_ORDER: Final = "/v1/order"
_BATCH: Final = "/v1/batchOrders"
_ALGO: Final = "/v1/algoOrder"


class Held(NamedTuple):
    """An order of this trader that was open according to the last response."""

    market: Market
    id: int
    client_id: str
    side: str
    trigger: bool


class FuturesTrader(Trader):
    """On the futures markets."""

    def __init__(self, number: int, floor: Floor, account: Account, note: Note, rnd: random.Random) -> None:
        super().__init__(number, floor, account, rnd)
        self._caller: FuturesCaller = FuturesCaller(floor.exchange.base_url, account, note)
        self._open: list[Held] = []

    def _acts(self) -> Mapping[Callable[[], Call], float]:
        return {
            self._place: 40,
            self._place_algo: 6,
            self._place_batch: 4,
            self._modify: 8,
            self._cancel: 16,
            self._cancel_by_client_id: 6,
            self._cancel_batch: 5,
            self._cancel_algo: 2,
            self._cancel_all: 1,
            self._count_down: 0.5,
            self._ask: 10,
        }

    # Placing

    def _place(self) -> Call:
        terms = self._make_terms(self._rnd.choice(self._markets))
        signed = sign_futures(self._caller.account, terms)
        call = self._send("place", terms, signed)
        if call.outcome is Outcome.UNKNOWN or self._rnd.random() < 0.05:
            again = self._send("repeat", terms, signed, is_known=call.status == 200)
            self._check_repeat(call, again, "orderId")
        elif call.status == 200 and self._rnd.random() < 0.1:
            self._look_for(call.body["symbol"], call.body["orderId"])
        return call

    def _make_terms(self, market: Market) -> Terms:
        rnd = self._rnd
        named = {"symbol": market.symbol, "newClientOrderId": self._new_name()}
        parents = [held for held in self._open if held.market is market and not held.trigger]
        if parents and rnd.random() < 0.1:
            parent = rnd.choice(parents)
            return {**named, **make_attached(rnd, parent.id, parent.side)}
        return {**named, **(make_trigger(rnd) if rnd.random() < 0.2 else make_regular(rnd))}

    def _send(self, verb: str, terms: Terms, signed: Signed, *, is_known: bool = False) -> Call:
        shards = {self._market(terms["symbol"]).shard, self._account_shard}
        call = self._caller.call_signed(verb, "POST", _ORDER, shards, signed, terms)
        if call.status == 200 and not is_known:
            self._remember(call.body)
        return call

    def _look_for(self, symbol: str, order: int) -> None:
        """An acknowledged order must be readable."""
        shards = {self._market(symbol).shard}
        call = self._caller.call("get", "GET", _ORDER, shards, symbol=symbol, orderId=order)
        if call.error == NO_SUCH_ORDER:
            self.faults.append(f"order {order} was acknowledged and could not be found right after")

    def _place_algo(self) -> Call:
        market, name = self._rnd.choice(self._markets), self._new_name()
        terms = {"symbol": market.symbol, "clientAlgoId": name, "algoType": "CONDITIONAL", **make_trigger(self._rnd)}
        call = self._caller.call("place", "POST", _ALGO, {market.shard, self._account_shard}, **terms)
        if call.status == 200 and call.body["algoStatus"] == "NEW":
            self._open.append(Held(market, call.body["algoId"], name, call.body["side"], True))
        return call

    def _place_batch(self) -> Call:
        batch = [self._make_terms(self._rnd.choice(self._markets)) for _ in range(self._rnd.randint(1, 5))]
        shards = {self._market(terms["symbol"]).shard for terms in batch} | {self._account_shard}
        call = self._caller.call("place_batch", "POST", _BATCH, shards, batchOrders=json.dumps(batch))
        for order in call.body if call.status == 200 else ():
            if "orderId" in order:
                self._remember(order)
        return call

    def _remember(self, order: dict[str, Any]) -> None:
        if is_open(order):
            market, trigger = self._market(order["symbol"]), "triggerTime" in order
            self._open.append(Held(market, order["orderId"], order["clientOrderId"], order["side"], trigger))
            for name in CHILDREN:
                if name in order:
                    self._open.append(Held(market, order[name], f"sx-{order[name]}", OTHER[order["side"]], True))

    def _market(self, symbol: str) -> Market:
        return next(market for market in self._markets if market.symbol == symbol)

    # Modifying

    def _modify(self) -> Call:
        if not self._open:
            return self._place()
        held = self._rnd.choice(self._open)
        shards, named = {held.market.shard, self._account_shard}, {"symbol": held.market.symbol, "orderId": held.id}
        call = self._caller.call("modify", "PUT", _ORDER, shards, **named, **make_change(self._rnd))
        if call.outcome is Outcome.UNKNOWN or call.error == NO_SUCH_ORDER:
            self._open.remove(held)  # unknown: the order of the two changes cannot be determined
        return call

    # Canceling

    def _cancel(self) -> Call:
        if not self._open:
            return self._place()
        held = self._take()
        return self._cancel_one("cancel", held, orderId=held.id)

    def _cancel_by_client_id(self) -> Call:
        if not self._open:
            return self._place()
        held = self._take()
        return self._cancel_one("cancel_by_client_id", held, origClientOrderId=held.client_id)

    def _cancel_one(self, what: str, held: Held, **named: Any) -> Call:
        return self._caller.call(what, "DELETE", _ORDER, {held.market.shard}, symbol=held.market.symbol, **named)

    def _take(self) -> Held:
        return self._open.pop(self._rnd.randrange(len(self._open)))

    def _cancel_algo(self) -> Call:
        triggers = [held for held in self._open if held.trigger]
        if not triggers:
            return self._place_algo()
        held = self._rnd.choice(triggers)
        self._open.remove(held)
        return self._caller.call("cancel_algo", "DELETE", _ALGO, {held.market.shard}, algoId=held.id)

    def _cancel_batch(self) -> Call:
        """Up to five orders of a market, by either id, with a duplicate."""
        market = self._rnd.choice(self._markets)
        chosen = [held for held in self._open if held.market is market][:5]
        if not chosen:
            return self._place_batch()
        self._open = [held for held in self._open if held not in chosen]
        chosen.append(chosen[0])
        if self._rnd.random() < 0.5:
            named = {"orderIdList": json.dumps([held.id for held in chosen])}
        else:
            named = {"origClientOrderIdList": json.dumps([held.client_id for held in chosen])}
        return self._caller.call("cancel_batch", "DELETE", _BATCH, {market.shard}, symbol=market.symbol, **named)

    def _cancel_all(self) -> Call:
        market = self._rnd.choice(self._markets)
        what, path = self._rnd.choice((("cancel_all", "/v1/allOpenOrders"), ("cancel_triggers", "/v1/algoOpenOrders")))
        return self._caller.call(what, "DELETE", path, {market.shard}, symbol=market.symbol)

    def _count_down(self) -> Call:
        """Never stopped, and always with the same timeout: restarted or not, all orders open now will be canceled."""
        market = self._rnd.choice(self._markets)
        path, terms = "/v1/countdownCancelAll", {"symbol": market.symbol, "countdownTime": COUNTDOWN_MS}
        return self._caller.call("countdown", "POST", path, {market.shard}, **terms)

    # Querying

    def _ask(self) -> Call:
        market = self._rnd.choice(self._markets)
        what, path, shards, terms = self._rnd.choice(
            (
                ("orders", "/v1/openOrders", self._all_shards, {}),
                ("orders", "/v1/openOrders", {market.shard}, {"symbol": market.symbol}),
                ("orders", "/v1/allOrders", {market.shard}, {"symbol": market.symbol}),
                ("trades", "/v1/userTrades", {self._account_shard}, {"symbol": market.symbol}),
                ("trades", "/v1/income", {self._account_shard}, {}),
                ("balances", "/v3/balance", {self._account_shard}, {}),
                ("positions", "/v2/positionRisk", self._all_shards, {}),
                ("account", "/v3/account", {self._account_shard}, {}),
            )
        )
        call = self._caller.call(what, "GET", path, shards, **terms)
        if what == "account" and call.status == 200:
            self.faults += find_unbalanced(call.body)
        return call
