"""A load of real calls, each noted with what its caller was told; afterwards an account is given of every one.

What a caller may conclude from an answer:

* decided: 2xx and 4xx. It is so, for ever.
* not executed: ENGINE_BUSY, STORAGE_FULL, ENGINE_RESTARTING on a new order, and when there is no connection at all.
* unknown: everything else, a lost connection among it. Settled once the deadline has passed; found by client id.
"""

import gc
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal
from enum import Enum
from typing import Any, Final, NamedTuple

import requests
from urllib3.exceptions import NewConnectionError

from shards.limits import DEADLINE_BULK_MS, DEADLINE_MS
from tests.crash.floor import BASE_PLACES, FUNDS, MAKER_BPS, QUOTE, QUOTE_PLACES, TAKER_BPS, Account, Floor, Market

HUNG_S: Final = DEADLINE_BULK_MS / 1_000 + 12  # no answer after so long: nobody will ever answer
SETTLED_S: Final = DEADLINE_MS / 1_000 + 0.5  # after so long an order that nobody confirmed is placed or never will be
READABLE_S: Final = 15.0  # after the last kill everything can be read again
PAUSE_S: Final = 0.02  # after a call that came to nothing
NO_CONNECTION: Final = "no connection"  # nobody listens
CUT_OFF: Final = "cut off"  # an answer that ended too soon: only after a kill
OPEN: Final = ("open", "partially_filled")
NOT_PLACED: Final = ("INSUFFICIENT_BALANCE",)
PLACED_AND_REJECTED: Final = ("POST_ONLY_REJECT", "SELF_TRADE")
_ORDERS: Final = "/api/v1/spot/orders"


class Outcome(Enum):
    """What a caller knows."""

    DECIDED = 1
    NOT_EXECUTED = 2
    UNKNOWN = 3


class Call(NamedTuple):
    """One call and what came of it."""

    what: str  # place, cancel, cancel_by_client_id, cancel_all, or a question: get, balances, orders, trades
    account: Account
    shards: frozenset[int]  # that must be there for it
    name: str  # client id of a new order, id of an order to cancel
    sent: dict[str, Any]
    started: float
    seconds: float
    status: int  # 0: no answer; -1: an answer that must not be
    body: Any

    @property
    def error(self) -> str:
        """The refusal's word; "" if there is none."""
        return str(self.body.get("error", "")) if isinstance(self.body, dict) else ""

    @property
    def is_question(self) -> bool:
        """Whether it asks only."""
        return self.what in ("get", "balances", "orders", "trades")

    @property
    def outcome(self) -> Outcome:
        """What the caller may conclude."""
        if self.error == NO_CONNECTION:
            return Outcome.NOT_EXECUTED
        if self.status in (-1, 0, 504) or (self.error == "ENGINE_RESTARTING" and self.what != "place"):
            return Outcome.UNKNOWN
        return Outcome.NOT_EXECUTED if self.status == 503 else Outcome.DECIDED

    def __str__(self) -> str:
        return f"{self.what} {self.name} of {self.account.id}: {self.status or 'no answer'} {self.error}"


_EXPECTED: Final = {
    "place": {(400, word) for word in (*NOT_PLACED, *PLACED_AND_REJECTED)},
    "cancel": {(404, "ORDER_NOT_FOUND")},
    "cancel_by_client_id": {(404, "ORDER_NOT_FOUND")},
}
_UNAVAILABLE: Final = {(503, "ENGINE_BUSY"), (503, "ENGINE_RESTARTING"), (503, "STORAGE_FULL"), (504, "ENGINE_TIMEOUT")}


def is_as_documented(call: Call) -> bool:
    """Whether this answer is one that may be given at any time."""
    answer = call.status, call.error
    if call.status in (0, 200) or answer in _UNAVAILABLE or answer in _EXPECTED.get(call.what, ()):
        return True
    needs_archive = call.what in ("get", "orders", "trades")
    return needs_archive and answer == (500, "DB_ERROR")  # while the archive is down


class Caller:
    """One thread's connection, and the account it acts for."""

    def __init__(self, url: str, account: Account, note: Callable[[Call], None]) -> None:
        self.account = account
        self._url = url
        self._note = note
        self._session = requests.Session()
        self._session.trust_env = False

    def call(
        self,
        what: str,
        method: str,
        path: str,
        shards: Iterable[int],
        name: str = "",
        sent: dict[str, Any] | None = None,
        signed: tuple[dict[str, str], str] | None = None,
    ) -> Call:
        """Make a call and note it."""
        headers, query = signed or (self.account.bearer(), "")
        body = encode(sent) if sent else b""
        if body:
            headers = {**headers, "Content-Type": "application/json"}
        url = f"{self._url}{path}" + (f"?{query}" if query else "")
        started = time.monotonic()
        status, answer = self._exchange(method, url, headers, body)
        seconds = time.monotonic() - started
        made = Call(what, self.account, frozenset(shards), name, sent or {}, started, seconds, status, answer)
        self._note(made)
        return made

    def _exchange(self, method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        try:
            response = self._session.request(method, url, data=body, headers=headers, timeout=HUNG_S)
            return response.status_code, response.json()
        except requests.exceptions.Timeout:
            return -1, {"error": f"hung for {HUNG_S} s"}
        except requests.exceptions.JSONDecodeError:
            return -1, {"error": "the body is no JSON"}
        except requests.exceptions.ChunkedEncodingError:
            return 0, {"error": CUT_OFF}
        except requests.exceptions.ConnectionError as error:
            refused = isinstance(getattr(error.args[0], "reason", None), NewConnectionError)
            return 0, {"error": NO_CONNECTION} if refused else None

    def close(self) -> None:
        """Drop the connection."""
        self._session.close()


def encode(sent: dict[str, Any]) -> bytes:
    """A body; the same bytes each time, as its signature asks for."""
    return json.dumps(sent).encode()


class Trader:
    """One thread that trades at random and remembers what it has."""

    def __init__(self, number: int, floor: Floor, caller: Caller, rnd: random.Random) -> None:
        self._number = number
        self._markets = floor.markets
        self._all_shards = range(floor.shard_count)
        self._caller = caller
        self._home = caller.account.home
        self._rnd = rnd
        self._open: list[tuple[Market, str, str]] = []  # market, order id, client id
        self._count = 0
        self.faults: list[str] = []

    def step(self) -> Call:
        """One call."""
        acts = (self._place, self._cancel, self._cancel_by_client_id, self._cancel_all, self._ask)
        (act,) = self._rnd.choices(acts, (45, 28, 6, 1, 12))
        return act()

    def _place(self) -> Call:
        rnd, market = self._rnd, self._rnd.choice(self._markets)
        self._count += 1
        client_id = f"{self._number}-{self._count}"
        sent = {"symbol": market.symbol, "client_order_id": client_id, **make_terms(rnd)}
        signed = self._caller.account.sign(encode(sent)) if rnd.random() < 0.3 else None
        call = self._send_order(market, client_id, sent, signed)
        if signed and (call.outcome is Outcome.UNKNOWN or rnd.random() < 0.1):
            self._repeat(call, market, client_id, sent, signed)
        elif call.status == 200 and rnd.random() < 0.1:
            self._look_for(market, call.body["id"])
        return call

    def _send_order(self, market: Market, client_id: str, sent: dict[str, Any], signed: Any) -> Call:
        call = self._caller.call("place", "POST", _ORDERS, {market.shard, self._home}, client_id, sent, signed)
        if call.status == 200 and call.body["status"] in OPEN:
            self._open.append((market, call.body["id"], client_id))
        return call

    def _repeat(self, first: Call, market: Market, client_id: str, sent: dict[str, Any], signed: Any) -> None:
        """The very same signed request again: the same order."""
        again = self._caller.call("repeat", "POST", _ORDERS, {market.shard, self._home}, client_id, sent, signed)
        if first.status == again.status == 200 and first.body["id"] != again.body["id"]:
            self.faults.append(f"{again}: a second order for the same signed request")

    def _look_for(self, market: Market, order_id: str) -> None:
        """What was acknowledged can be read."""
        call = self._caller.call("get", "GET", f"{_ORDERS}/{order_id}", {market.shard}, order_id)
        if call.status == 404:
            self.faults.append(f"order {order_id} was acknowledged and could not be found right after")

    def _cancel(self) -> Call:
        if not self._open:
            return self._place()
        market, order_id, _ = self._open.pop(self._rnd.randrange(len(self._open)))
        return self._caller.call("cancel", "DELETE", f"{_ORDERS}/{order_id}", {market.shard}, order_id)

    def _cancel_by_client_id(self) -> Call:
        if not self._open:
            return self._place()
        market, order_id, client_id = self._open.pop(self._rnd.randrange(len(self._open)))
        path = f"{_ORDERS}/by-client-id/{market.symbol}/{client_id}"
        return self._caller.call("cancel_by_client_id", "DELETE", path, {market.shard}, order_id)

    def _cancel_all(self) -> Call:
        market = self._rnd.choice([*self._markets, None])
        if market is None:
            return self._caller.call("cancel_all", "DELETE", _ORDERS, self._all_shards)
        return self._caller.call("cancel_all", "DELETE", f"{_ORDERS}?symbol={market.symbol}", {market.shard})

    def _ask(self) -> Call:
        what = self._rnd.choice(("balances", "balances", "orders", "trades"))
        if what == "balances":
            return self._caller.call(what, "GET", "/api/v1/spot/balances", {self._home})
        path = _ORDERS if what == "orders" else "/api/v1/spot/trades/me"
        return self._caller.call(what, "GET", f"{path}?limit=20", self._all_shards)


def make_terms(rnd: random.Random) -> dict[str, str]:
    """A new order of any kind around a price of 100; one in a hundred is more than anybody can pay for."""
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


class Load:
    """Traders at work in threads, from ``with`` to its end."""

    def __init__(self, floor: Floor, rnd: random.Random, traders_per_account: int = 2) -> None:
        """Two accounts at home on each shard, at least four."""
        self.floor = floor
        self.calls: list[Call] = []
        per_shard = max(2, 4 // floor.shard_count)
        self.accounts = [floor.accounts_of(shard) for shard in range(floor.shard_count) for _ in range(per_shard)]
        self._stop = threading.Event()
        self._traders = []
        self._callers = []
        for number, account in enumerate(self.accounts * traders_per_account):
            caller = Caller(floor.exchange.base_url, account, self.calls.append)
            self._callers.append(caller)
            self._traders.append(Trader(number, floor, caller, random.Random(rnd.random())))
        self._threads = [threading.Thread(target=self._work, args=(trader,)) for trader in self._traders]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for caller in self._callers:
            caller.close()
        gc.collect()  # a session forgets a connection that failed, but does not close it

    def _work(self, trader: Trader) -> None:
        while not self._stop.is_set():
            try:
                call = trader.step()
            except Exception as error:
                trader.faults.append(f"a trader failed: {error!r}")
                raise
            if call.outcome is not Outcome.DECIDED:
                self._stop.wait(PAUSE_S)

    def decided_count(self) -> int:
        """Calls that came to something so far."""
        return sum(call.outcome is Outcome.DECIDED for call in list(self.calls))

    def faults(self) -> Iterator[str]:
        """What was wrong with an answer by itself."""
        for trader in self._traders:
            yield from trader.faults
        for call in self.calls:
            if call.what == "repeat":
                continue  # it may come too late for its signature
            if not is_as_documented(call):
                yield f"{call}: not an answer to expect"

    def summary(self) -> str:
        """How often each answer was given."""
        counts = Counter(f"{call.what} {call.status or 'none'} {call.error}".strip() for call in self.calls)
        slowest = max((call.seconds for call in self.calls), default=0)
        return f"{len(self.calls)} calls, the slowest {slowest:.2f} s: {dict(sorted(counts.items()))}"


# The audit


class Statement(NamedTuple):
    """What the exchange says of an account, by id."""

    orders: dict[str, dict[str, Any]]
    trades: dict[str, dict[str, Any]]
    balances: dict[str, tuple[Decimal, Decimal]]  # available, frozen


class Audit:
    """One account's calls against what the exchange says of it, once nothing is under way."""

    def __init__(self, floor: Floor, account: Account, calls: Sequence[Call]) -> None:
        self._markets = {market.symbol: market for market in floor.markets}
        self._account = account
        self._calls = [call for call in calls if call.account is account]
        self._caller = Caller(floor.exchange.base_url, account, lambda call: None)

    def findings(self) -> list[str]:
        """Everything that is wrong, in words."""
        try:
            self._wait_settled()
            known, found = self._resolve()
            said = self._read_statement()
            found += self._check_orders(known, said)
            found += self._check_cancels(said)
            found += self._check_trades(said)
            found += self._check_balances(said)
        finally:
            self._caller.close()
        return [f"{self._account.id}: {text}" for text in found]

    def _wait_settled(self) -> None:
        unknown = [call.started for call in self._calls if call.outcome is Outcome.UNKNOWN and not call.is_question]
        if unknown:
            time.sleep(max(0.0, max(unknown) + SETTLED_S - time.monotonic()))

    def _read(self, path: str) -> Call:
        """A question, until it is answered."""
        end = time.monotonic() + READABLE_S
        while True:
            call = self._caller.call("get", "GET", path, ())
            if call.status in (200, 404):
                return call
            assert time.monotonic() < end, f"cannot be read for {READABLE_S} s: {path}: {call}"
            time.sleep(PAUSE_S)

    def _read_pages(self, path: str, key: str) -> dict[str, dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        before = ""
        while True:
            page = self._read(f"{path}?limit=200{before}").body
            for row in page:
                assert row[key] not in rows, f"{row[key]} is on two pages of {path}"
                rows[row[key]] = row
            if len(page) < 200:
                return rows
            before = f"&before={page[-1][key]}"

    def _read_statement(self) -> Statement:
        rows = self._read("/api/v1/spot/balances").body["balances"]
        return Statement(
            self._read_pages(_ORDERS, "id"),
            self._read_pages("/api/v1/spot/trades/me", "trade_id"),
            {row["token"]: (Decimal(row["available"]), Decimal(row["frozen"])) for row in rows},
        )

    # Orders

    def _resolve(self) -> tuple[dict[str, Call], list[str]]:
        """Order id → the call that placed it; what is unknown is asked for by its client id."""
        known: dict[str, Call] = {}
        found: list[str] = []
        by_name = defaultdict(list)
        for call in self._calls:
            if call.what in ("place", "repeat"):
                by_name[call.name].append(call)
        for name, calls in by_name.items():
            told = {call.body["id"] for call in calls if call.status == 200}
            if len(told) > 1:
                found.append(f"client id {name} was told of several orders: {told}")
            rejected = any(call.error in PLACED_AND_REJECTED for call in calls)
            if not told and (rejected or any(call.outcome is Outcome.UNKNOWN for call in calls)):
                told = self._ask_by_client_id(calls[0])
                if rejected and not told:
                    found.append(f"{calls[0]}: its rejected order does not exist")
            known.update(dict.fromkeys(told, calls[0]))
        return known, found

    def _ask_by_client_id(self, call: Call) -> set[str]:
        answer = self._read(f"{_ORDERS}/by-client-id/{call.sent['symbol']}/{call.name}")
        return {answer.body["id"]} if answer.status == 200 else set()

    def _check_orders(self, known: dict[str, Call], said: Statement) -> Iterator[str]:
        for order_id in known.keys() - said.orders.keys():
            yield f"order {order_id} is lost; {known[order_id]}"
        for order_id in said.orders.keys() - known.keys():
            yield f"nobody was told of {said.orders[order_id]}: placed twice, or after 'not executed'"
        for order_id in known.keys() & said.orders.keys():
            order, call = said.orders[order_id], known[order_id]
            for name, value in call.sent.items():
                if name != "client_order_id" and not _same(order[name], value):
                    yield f"order {order_id} has {name} {order[name]}, wanted was {value}"
            if call.error in PLACED_AND_REJECTED and (order["status"], order["reject_reason"]) != (
                "rejected",
                call.error,
            ):
                yield f"{call}, but {order}"
            if call.status == 200:
                yield from _check_fills(call, said)

    def _check_cancels(self, said: Statement) -> Iterator[str]:
        for call in self._calls:
            if call.what in ("cancel", "cancel_by_client_id") and call.status == 404:
                order = said.orders.get(call.name)
                if order and order["status"] in OPEN:
                    yield f"{call}, but it is {order['status']}"
            elif call.status == 200 and call.what.startswith("cancel"):
                for told in call.body["canceled"] if call.what == "cancel_all" else [call.body]:
                    if said.orders.get(told["id"]) != told or told["status"] != "canceled":
                        yield f"{call}: told {told}, now {said.orders.get(told['id'])}"

    # Trades and money

    def _check_trades(self, said: Statement) -> Iterator[str]:
        done: Counter[str] = Counter()
        value: Counter[str] = Counter()
        for trade in said.trades.values():
            quantity, price = Decimal(trade["quantity"]), Decimal(trade["price"])
            done[trade["order_id"]] += quantity  # type: ignore[assignment]
            value[trade["order_id"]] += quantity * price  # type: ignore[assignment]
            yield from _check_fee(trade, quantity, price)
        for order_id, order in said.orders.items():
            if not _same(order["filled_qty"], done[order_id]):
                yield f"its trades fill {done[order_id]} of {order}"
            elif done[order_id] and not _is_average(order, Decimal(value[order_id]) / Decimal(done[order_id])):
                yield f"its trades are worth {value[order_id]}: {order}"
            elif order["status"] == "filled" and order["quantity"] and not _same(order["quantity"], done[order_id]):
                yield f"it is not filled: {order}"
        for order_id in done.keys() - said.orders.keys():
            yield f"a trade of order {order_id}, which is not in the list"

    def _check_balances(self, said: Statement) -> Iterator[str]:
        have = {token: Decimal(FUNDS) for token in said.balances}
        for trade in said.trades.values():
            base, quantity = self._markets[trade["symbol"]].base, Decimal(trade["quantity"])
            sign = 1 if trade["side"] == "buy" else -1
            have[base] += sign * quantity
            have[QUOTE] -= sign * quantity * Decimal(trade["price"])
            have[trade["fee_token"]] -= Decimal(trade["fee"])
        frozen = dict.fromkeys(have, Decimal(0))
        for order in said.orders.values():
            if order["status"] in OPEN:
                left = Decimal(order["quantity"]) - Decimal(order["filled_qty"])
                base = self._markets[order["symbol"]].base
                token, amount = (QUOTE, left * Decimal(order["price"])) if order["side"] == "buy" else (base, left)
                frozen[token] += amount
        for token, told in said.balances.items():
            if told != (have[token] - frozen[token], frozen[token]):
                yield f"{token}: told {told}, orders and trades say {(have[token] - frozen[token], frozen[token])}"


def _same(told: str | None, wanted: str | Decimal | int) -> bool:
    try:
        return told is not None and Decimal(told) == Decimal(wanted)
    except ArithmeticError:
        return told == wanted


def _is_average(order: dict[str, Any], exact: Decimal) -> bool:
    told = Decimal(order["avg_fill_price"])
    return told == exact or told == exact.quantize(Decimal(1).scaleb(-10), ROUND_HALF_EVEN)


def _check_fills(call: Call, said: Statement) -> Iterator[str]:
    for fill in call.body["fills"]:
        trade = said.trades.get(fill["trade_id"])
        if trade is None or any(trade[name] != fill[name] for name in fill) or trade["order_id"] != call.body["id"]:
            yield f"{call}: told of the match {fill}, now {trade}"


def _check_fee(trade: dict[str, Any], quantity: Decimal, price: Decimal) -> Iterator[str]:
    bps = MAKER_BPS if trade["role"] == "maker" else TAKER_BPS
    received, places = (quantity, BASE_PLACES) if trade["side"] == "buy" else (quantity * price, QUOTE_PLACES)
    fee = (received * bps / 10_000).quantize(Decimal(1).scaleb(-places), ROUND_UP)
    if Decimal(trade["fee"]) != fee:
        yield f"the fee should be {fee}: {trade}"


def audit(load: Load) -> list[str]:
    """Everything that is wrong with what a load was told; the load must have ended, and the exchange must be ready."""
    found = list(load.faults())
    for account in load.accounts:
        found += Audit(load.floor, account, load.calls).findings()
    return found
