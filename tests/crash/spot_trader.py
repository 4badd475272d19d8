"""A trader on the spot markets, who records invalid responses as faults."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from loadtest.findings import is_open
from loadtest.outcome import Outcome
from loadtest.signing import sign_spot
from loadtest.spot_audit import ORDERS
from tests.crash.calls import Call, Note, Signed, SpotCaller, encode
from tests.crash.floor import Account, Floor, Market
from tests.crash.trader import Trader


class SpotTrader(Trader):
    """On the spot markets."""

    def __init__(self, number: int, floor: Floor, account: Account, note: Note, rnd: random.Random) -> None:
        super().__init__(number, floor, account, rnd)
        self._caller: SpotCaller = SpotCaller(floor.exchange.base_url, account, note)
        self._open: list[tuple[Market, str, str]] = []  # market, order id, client id

    def _acts(self) -> Mapping[Callable[[], Call], float]:
        return {
            self._place: 45,
            self._cancel: 28,
            self._cancel_by_client_id: 6,
            self._cancel_all: 1,
            self._ask: 12,
        }

    def _place(self) -> Call:
        rnd, market = self._rnd, self._rnd.choice(self._markets)
        client_id = self._new_name()
        sent = {"symbol": market.symbol, "client_order_id": client_id, **make_terms(rnd)}
        signed = sign_spot(self._caller.account, {}, encode(sent)) if rnd.random() < 0.3 else None
        call = self._send_order("place", market, sent, signed)
        if call.status == 200 and is_open(call.body):
            self._open.append((market, call.body["id"], client_id))
        if signed and (call.outcome is Outcome.UNKNOWN or rnd.random() < 0.1):
            again = self._send_order("repeat", market, sent, signed)
            self._check_repeat(call, again, "id")
        elif call.status == 200 and rnd.random() < 0.1:
            self._look_for(market, call.body["id"])
        return call

    def _send_order(self, verb: str, market: Market, sent: dict[str, Any], signed: Signed | None) -> Call:
        shards = {market.shard, self._account_shard}
        return self._caller.call(verb, "POST", ORDERS, shards, encode(sent), signed, **sent)

    def _look_for(self, market: Market, order_id: str) -> None:
        """An acknowledged order must be readable."""
        call = self._caller.call("get", "GET", f"{ORDERS}/{order_id}", {market.shard}, id=order_id)
        if call.status == 404:
            self.faults.append(f"order {order_id} was acknowledged and could not be found right after")

    def _cancel(self) -> Call:
        if not self._open:
            return self._place()
        market, order_id, _ = self._open.pop(self._rnd.randrange(len(self._open)))
        return self._caller.call("cancel", "DELETE", f"{ORDERS}/{order_id}", {market.shard}, id=order_id)

    def _cancel_by_client_id(self) -> Call:
        if not self._open:
            return self._place()
        market, order_id, client_id = self._open.pop(self._rnd.randrange(len(self._open)))
        path = f"{ORDERS}/by-client-id/{market.symbol}/{client_id}"
        return self._caller.call("cancel_by_client_id", "DELETE", path, {market.shard}, id=order_id)

    def _cancel_all(self) -> Call:
        market = self._rnd.choice([*self._markets, None])
        if market is None:
            return self._caller.call("cancel_all", "DELETE", ORDERS, self._all_shards)
        path = f"{ORDERS}?symbol={market.symbol}"
        return self._caller.call("cancel_all", "DELETE", path, {market.shard}, symbol=market.symbol)

    def _ask(self) -> Call:
        what = self._rnd.choice(("balances", "balances", "orders", "trades"))
        if what == "balances":
            return self._caller.call(what, "GET", "/api/v1/spot/balances", {self._account_shard})
        path = ORDERS if what == "orders" else "/api/v1/spot/trades/me"
        return self._caller.call(what, "GET", f"{path}?limit=20", self._all_shards)


def make_terms(rnd: random.Random) -> dict[str, str]:
    """A new order of any kind around a price of 100; one in a hundred exceeds every balance."""
    side = rnd.choice(("buy", "sell"))
    if rnd.random() < 0.05:
        amount = (
            {"quote_quantity": str(rnd.randint(10, 500))} if side == "buy" else {"quantity": f"{rnd.randint(1, 5)}"}
        )
        return {"side": side, "type": "market", **amount}
    tif = rnd.choice(("gtc", "gtc", "gtc", "gtc", "ioc", "post_only"))
    quantity = "100000000" if rnd.random() < 0.01 else f"{rnd.randint(100, 5_000) / 1_000:.3f}"
    price = f"{100 + rnd.randint(-50, 50) / 100:.2f}"
    return {"side": side, "type": "limit", "tif": tif, "price": price, "quantity": quantity}
