"""Signed requests that are cheap to make, and what is known of each order.

Every order has a number, which is its client id, and is canceled at most once; what rests is far from any match. So an
answer that it does not exist is a fault, and the archive can be compared with a byte for each order.
"""

import json
import random
from collections import deque
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

from loadtest.outcome import error_of
from loadtest.signing import sign_futures, sign_spot
from loadtest.spot_audit import ORDERS
from tests.crash.calls import encode
from tests.crash.floor import Account, Floor, Market

OPEN_MAX: Final = 2_000  # resting at a time: the engine's memory must have no reason to grow
BUSY: Final = ("ENGINE_BUSY", "-1008")
TIMED_OUT: Final = ("ENGINE_TIMEOUT", "-1007")
STALE: Final = ("", "-1021")  # signed too long ago: on spot an empty 401
TRADING: Final = {"place": 45, "cancel": 45, "balances": 10}
WITH_ARCHIVE: Final = {**TRADING, "orders": 5, "trades": 5}  # the archive, too
MIXED: Final = {**TRADING, "sell": 6, "buy": 6, "order": 8, "orders": 2, "trades": 2, "depth": 6}
_RESTING: Final = {"side": "buy", "type": "limit", "price": "1.00", "quantity": "10.000"}
_MATCHING: Final = {"type": "limit", "price": "100.00", "quantity": "0.010"}


class Fate(IntEnum):
    """What is known of an order."""

    ABSENT = 0  # never sent, or certainly not executed
    UNKNOWN = 1  # it may or may not have been placed
    PLACED = 2
    ENDING = 3  # placed; whether it was canceled is unknown
    CANCELED = 4  # at its caller's wish


class Request(NamedTuple):
    """What goes over the wire, and the order it is about; −1: none."""

    what: str
    data: bytes
    shards: tuple[int, ...]  # that must be there for it
    number: int = -1
    resting: "Resting | None" = None


class Resting(NamedTuple):
    """An acknowledged order that is open."""

    number: int
    id: str
    account: Account
    market: Market
    is_spot: bool


class Orders:
    """Makes requests at random, of both products, and notes their answers."""

    def __init__(self, spot: Floor, futures: Floor, rnd: random.Random, mix: dict[str, int]) -> None:
        self._spot, self._futures, self._rnd = spot, futures, rnd
        shards = range(spot.shard_count)
        self._accounts = {floor: [floor.accounts_of(shard) for shard in shards] for floor in (spot, futures)}
        self._acts, self._weights = list(mix), list(mix.values())
        self._resting: deque[Resting] = deque()
        self.fates = bytearray()
        self.faults: list[str] = []

    @property
    def accounts(self) -> Sequence[Account]:
        """All who trade, on either product."""
        return [account for each in self._accounts.values() for account in each]

    @property
    def futures_symbols(self) -> Sequence[str]:
        """The symbols of the futures markets."""
        return [market.symbol for market in self._futures.markets]

    def make(self) -> Request:
        """The next request."""
        (act,) = self._rnd.choices(self._acts, self._weights)
        if act == "place" and len(self._resting) >= OPEN_MAX:
            act = "cancel"
        if act in ("cancel", "order") and not self._resting:
            act = "place"
        request: Request = getattr(self, f"_{act}")()
        return request

    def ended(self) -> None:
        """All that rests has been canceled."""
        self._resting.clear()

    # Requests

    def _place(self) -> Request:
        return self._new(self._rnd.random() < 0.5, "place", _RESTING, self._rnd.randrange(self._spot.shard_count))

    def _sell(self) -> Request:
        return self._new(True, "sell", {**_MATCHING, "side": "sell"}, 0)

    def _buy(self) -> Request:
        return self._new(True, "buy", {**_MATCHING, "side": "buy", "tif": "ioc"}, -1)

    def _new(self, is_spot: bool, what: str, terms: dict[str, str], who: int) -> Request:
        floor = self._spot if is_spot else self._futures
        account, market = self._accounts[floor][who], self._rnd.choice(floor.markets)
        number = len(self.fates)
        self.fates.append(Fate.UNKNOWN)
        resting = Resting(number, "", account, market, is_spot)
        shards = (market.shard, account.account_shard)
        if is_spot:
            body = encode({"symbol": market.symbol, "client_order_id": str(number), **terms})
            return Request(what, _spot(account, "POST", ORDERS, body), shards, number, resting)
        sent = {"symbol": market.symbol, "side": "BUY", "type": "LIMIT", "price": "100.0", "quantity": "0.1"}
        named = {**sent, "newClientOrderId": str(number)}
        return Request(what, _futures(account, "POST", "/v1/order", named), shards, number, resting)

    def _cancel(self) -> Request:
        resting = self._resting.popleft()
        return Request("cancel", _about(resting, "DELETE"), (resting.market.shard,), resting.number, resting)

    def _order(self) -> Request:
        resting = self._rnd.choice(self._resting)
        return Request("order", _about(resting, "GET"), (resting.market.shard,))

    def _balances(self) -> Request:
        if self._rnd.random() < 0.5:
            account = self._rnd.choice(self._accounts[self._spot])
            return Request("balances", _spot(account, "GET", "/api/v1/spot/balances"), (account.account_shard,))
        account = self._rnd.choice(self._accounts[self._futures])
        return Request("balances", _futures(account, "GET", "/v2/balance", {}), (account.account_shard,))

    def _orders(self) -> Request:
        account = self._rnd.choice(self._accounts[self._spot])
        return Request("orders", _spot(account, "GET", ORDERS, limit=20), tuple(range(self._spot.shard_count)))

    def _trades(self) -> Request:
        account = self._rnd.choice(self._accounts[self._futures])
        symbol = self._rnd.choice(self._futures.markets).symbol
        shards = tuple(range(self._spot.shard_count))
        return Request("trades", _futures(account, "GET", "/v1/userTrades", {"symbol": symbol}), shards)

    def _depth(self) -> Request:
        market = self._rnd.choice(self._spot.markets)
        return Request("depth", _wire("GET", f"/api/v1/spot/depth?symbol={market.symbol}", ""), (market.shard,))

    # Answers

    def note_answer(self, request: Request, status: int, body: bytes) -> str:
        """Take note of an answer; its word: "200", a refusal's, or "lost" (status 0: there will be none)."""
        word = "200" if status == 200 else _word(status, body)
        if request.what == "cancel":
            self._note_cancel(request, word, status)
        elif request.resting is not None:
            self._note_new(request, word, body)
        elif status not in (0, 200) and word not in (*BUSY, *TIMED_OUT, *STALE):
            self.faults.append(f"{request.what}: {status} {word}")
        return word or "stale"

    def _note_new(self, request: Request, word: str, body: bytes) -> None:
        assert request.resting is not None
        if word == "200":
            answer = json.loads(body)
            self.fates[request.number] = Fate.PLACED
            if request.what == "place":
                self._resting.append(request.resting._replace(id=str(answer.get("id", answer.get("orderId")))))
        elif word in (*BUSY, *STALE):
            self.fates[request.number] = Fate.ABSENT
        elif word not in (*TIMED_OUT, "lost"):
            self.faults.append(f"{request.what} {request.number}: {word}")

    def _note_cancel(self, request: Request, word: str, status: int) -> None:
        assert request.resting is not None
        if word == "200":
            self.fates[request.number] = Fate.CANCELED
        elif word in (*BUSY, *STALE):
            self._resting.append(request.resting)
        elif word in (*TIMED_OUT, "lost"):
            self.fates[request.number] = Fate.ENDING
        else:
            self.faults.append(f"cancel of the open order {request.number}: {status} {word}")


def _word(status: int, body: bytes) -> str:
    if not status:
        return "lost"
    try:
        return error_of(json.loads(body)) if body else ""
    except ValueError:
        return f"{status}, not JSON"


def _about(resting: Resting, method: str) -> bytes:
    if resting.is_spot:
        return _spot(resting.account, method, f"{ORDERS}/{resting.id}")
    return _futures(resting.account, method, "/v1/order", {"symbol": resting.market.symbol, "orderId": resting.id})


def _spot(account: Account, method: str, path: str, body: bytes = b"", **query: int) -> bytes:
    headers, signed = sign_spot(account, query, body)
    return _wire(method, f"{path}?{signed}", headers["X-MBX-APIKEY"], body)


def _futures(account: Account, method: str, path: str, sent: dict[str, Any]) -> bytes:
    headers, signed = sign_futures(account, sent)
    return _wire(method, f"/fapi{path}?{signed}", headers["X-MBX-APIKEY"])


def _wire(method: str, target: str, key: str, body: bytes = b"") -> bytes:
    who = f"X-MBX-APIKEY: {key}\r\n" if key else ""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {target} HTTP/1.1\r\nHost: x\r\n{who}{length}\r\n".encode() + body
