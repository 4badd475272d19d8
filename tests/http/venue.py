"""Clients of a real exchange: new accounts and markets on chosen shards, with every call over HTTP."""

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from threading import Barrier
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import jwt

from loadtest import http
from loadtest.http import ANSWER_S
from loadtest.signing import add_signature, signature, stamp
from shards.ipc.client import Client
from shards.model.commands import Deposit
from shards.model.ids import to_uuid
from shards.model.markets import Market, shard_of_account, shard_of_symbol
from shards.model.replies import AmountReply
from storage.reference import Reference
from tests.exchange import Exchange, until
from tests.http.shell import succeed
from web.exchange.catalog import Catalog
from web.http.tokens import Tokens

API: Final = "/api/v1"
ARCHIVED_S: Final = 10.0  # rows are archived within half a second under load; a busy machine takes longer
ORDER_FIELDS: Final = (
    "id symbol side type tif price quantity quote_quantity filled_qty avg_fill_price status reject_reason"
    " created_at updated_at"
).split()

T = TypeVar("T")
Json = Any


class Answer(http.Answer):
    """A response of the spot or operator API."""

    def brief(self) -> str:
        """Status and error in one line, for a body that contains nothing else: "404 ORDER_NOT_FOUND"."""
        if self.status == 200:
            return "200"
        if self.status == 401:
            assert self.body == b"" and self.headers["Content-Type"] is None, self
            return "401"
        assert self.headers["Content-Type"] == "application/json", self
        body = self.json
        assert list(body) == ["error"], self
        assert (self.headers["Retry-After"] is not None) == (self.status == 503), self
        assert self.status != 503 or int(self.headers["Retry-After"]) >= 1
        assert (self.headers["Allow"] is not None) == (self.status == 405), self
        return f"{self.status} {body['error']}"


@dataclass(frozen=True)
class Pair:
    """A spot market with the terms given by its test."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    maker_bps: int
    taker_bps: int


class Venue:
    """An exchange and its clients."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        folder = exchange.folder
        secrets = folder.secrets()
        self.shard_count = folder.shard_count
        self.shards = range(folder.shard_count)
        self.id_key = bytes.fromhex(secrets.id_key)
        self._jwt_secret = secrets.jwt
        self._tokens = Tokens(secrets.jwt, {}, "HS256")
        self._storage_key = secrets.storage_key
        self._counter = itertools.count(1)

    # Calls

    def send(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """One call on a connection of its own: any worker may take it."""
        return Answer(*http.ask(self.exchange.port, method, target, headers, body))

    def operate(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """A call of the operator API; ``path`` after ``/api/v1/admin``."""
        content = None if body is None else json.dumps(body).encode()
        return self.send(method, f"{API}/admin{path}", {"X-API-Key": self.exchange.admin_key}, content)

    def public(self, path: str, **query: str | int) -> Answer:
        """Market data; ``path`` after ``/api/v1``."""
        return self.send("GET", _target(path, query))

    def token(self, account: str, **claims: Any) -> str:
        """A bearer token; ``claims`` replace its claims."""
        if not claims:
            return self._tokens.mint(account, 3_600)
        complete = {"sub": account, "exp": int(time.time()) + 3_600, **claims}
        return jwt.encode({name: value for name, value in complete.items() if value is not None}, self._jwt_secret)

    # Accounts and markets

    def number(self) -> int:
        """A number never returned before."""
        return next(self._counter)

    def user(self, account_shard: int | None = None, /, **funds: str) -> "User":
        """A new account, on that account shard, with these amounts of assets."""
        names = (f"user-{self.number()}" for _ in itertools.count())
        user = User(
            self, next(name for name in names if account_shard in (None, shard_of_account(name, self.shard_count)))
        )
        for asset, amount in funds.items():
            user.deposit(asset, amount)
        return user

    def asset(self, decimals: int) -> str:
        """A new asset."""
        symbol = f"T{self.number()}"
        self.operate("POST", "/assets", {"symbol": symbol, "decimals": decimals}).ok()
        return symbol

    def pair(
        self,
        shard: int | None = None,
        base: str = "DF",
        quote: str = "USDT",
        *,
        tick: str = "0.0001",
        lot: str = "0.01",
        min_notional: str = "1",
        maker_bps: int = 0,
        taker_bps: int = 0,
    ) -> Pair:
        """A new market, with its book on that shard."""
        names = (f"M{self.number()}" for _ in itertools.count())
        symbol = next(name for name in names if shard in (None, shard_of_symbol(name, self.shard_count)))
        terms = {
            "id": symbol,
            "base_token": base,
            "quote_token": quote,
            "tick_size": tick,
            "lot_size": lot,
            "min_notional": min_notional,
            "maker_fee_bps": maker_bps,
            "taker_fee_bps": taker_bps,
        }
        assert self.operate("POST", "/spot/markets", terms).ok() == {"ok": True, "id": symbol}
        return Pair(symbol, base, quote, Decimal(tick), Decimal(lot), maker_bps, taker_bps)

    def set_status(self, pair: Pair, status: str) -> None:
        """List, halt or delist."""
        answer = self.operate("PATCH", f"/spot/markets/{pair.symbol}/status", {"status": status})
        assert answer.ok() == {"ok": True, "id": pair.symbol, "status": status}

    def set_trading(self, state: str) -> None:
        """Set spot trading to ``enabled`` or ``disabled``."""
        assert self.operate("POST", "/trading", {"spot": state}).ok() == {"ok": True, "spot": state}

    @contextmanager
    def trading_disabled(self) -> Iterator[None]:
        """Spot trading is disabled meanwhile."""
        self.set_trading("disabled")
        try:
            yield
        finally:
            self.set_trading("enabled")

    def unused_id(self, pair: Pair) -> str:
        """A valid order id of that market, of an order that was never placed."""
        return to_uuid(self.market(pair).number << 40 | 1 << 39, self.id_key)

    def market(self, pair: Pair) -> Market:
        """The market as the shards know it."""
        reference = Reference(self.exchange.folder.reference, self._storage_key)
        try:
            return Catalog(reference.facts()).spot[pair.symbol]
        finally:
            reference.close()

    def depth(self, pair: Pair) -> dict[str, list[list[str]]]:
        """The book's levels."""
        depth = self.public("/spot/depth", symbol=pair.symbol, limit=1_000).ok()
        assert list(depth) == ["symbol", "last_update_id", "bids", "asks"]
        return {"bids": depth["bids"], "asks": depth["asks"]}

    def archive_lag(self) -> int:
        """How many rows are on their way to the archive."""
        return sum(shard["archive_lag"] for shard in self.operate("GET", "/shards").ok()["shards"])

    def wait_archived(self) -> None:
        """Until every row is in the archive and no shard has it any more."""
        until(lambda: self.archive_lag() == 0, ARCHIVED_S, "all is archived")

    def sql(self, statement: str) -> list[dict[str, Json]]:
        """The output of ``shardex sql`` on the running exchange."""
        rows: list[dict[str, Json]] = json.loads(succeed(self.exchange.data, "sql", "--json", statement))
        return rows


class User:
    """An account and its credentials."""

    def __init__(self, venue: Venue, name: str) -> None:
        self.venue = venue
        self.name = name
        self.account_shard = shard_of_account(name, venue.shard_count)
        self.jwt = venue.token(name)
        self._key: Key | None = None

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.jwt}"}

    @property
    def key(self) -> "Key":
        """Its API key, created on first use."""
        if self._key is None:
            self._key = self.make_key()
        return self._key

    def make_key(self, *permissions: str) -> "Key":
        """A new API key."""
        body: dict[str, Any] = {"permissions": list(permissions)} if permissions else {}
        made = self.call("POST", "/api-keys", body).ok()
        return Key(self.venue, made["api_key"], made["api_secret"])

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, /, **query: str | int) -> Answer:
        """A call with the token; ``path`` after ``/api/v1``."""
        content = None if body is None else json.dumps(body).encode()
        return self.venue.send(method, _target(path, query), self.bearer, content)

    def deposit(self, asset: str, amount: str) -> None:
        payment = {"account": self.name, "wallet": "spot", "asset": asset, "amount": amount}
        self.venue.operate("POST", "/deposits", {**payment, "reference": f"r{self.venue.number()}"}).ok()

    def endow(self, asset: str, units: int) -> None:
        """Credit more than an operator may deposit at a time."""
        deposit = Deposit(self.name, asset, units, f"r{self.venue.number()}")
        with closing(Client(self.venue.exchange.folder)) as client:
            client.wait_connected(5)
            assert isinstance(client.call(self.account_shard, deposit), AmountReply)

    def try_place(self, pair: Pair, side: str, price: str | None, quantity: str | None, **more: str) -> Answer:
        return self.call("POST", "/spot/orders", new_order(pair, side, price, quantity, **more))

    def place(self, pair: Pair, side: str, price: str | None, quantity: str | None, **more: str) -> Json:
        """A new order: limit with a price, market without one."""
        placed = self.try_place(pair, side, price, quantity, **more).ok()
        assert list(placed) == [*ORDER_FIELDS, "fills"]
        return placed

    def cancel(self, order: str) -> Answer:
        return self.call("DELETE", f"/spot/orders/{order}")

    def cancel_all(self, pair: Pair | None = None) -> list[Json]:
        query: dict[str, str] = {"symbol": pair.symbol} if pair else {}
        body = self.call("DELETE", "/spot/orders", **query).ok()
        assert list(body) == ["canceled"]
        canceled: list[Json] = body["canceled"]
        assert all(list(order) == ORDER_FIELDS and order["status"] == "canceled" for order in canceled)
        return canceled

    def by_client_id(self, method: str, pair: Pair, client_id: str) -> Answer:
        return self.call(method, f"/spot/orders/by-client-id/{pair.symbol}/{quote(client_id, safe='')}")

    def order(self, order: str) -> Json:
        return self.call("GET", f"/spot/orders/{order}").ok()

    def orders(self, **query: str | int) -> list[Json]:
        listed: list[Json] = self.call("GET", "/spot/orders", **query).ok()
        assert all(list(order) == ORDER_FIELDS for order in listed)
        return listed

    def trades(self, **query: str | int) -> list[Json]:
        listed: list[Json] = self.call("GET", "/spot/trades/me", **query).ok()
        return listed

    def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Token → (available, frozen)."""
        return {token: (Decimal(available), Decimal(frozen)) for token, available, frozen in self._balance_rows()}

    def wallets(self) -> dict[str, str]:
        """Token → "available frozen", as written in the response."""
        return {token: f"{available} {frozen}" for token, available, frozen in self._balance_rows()}

    def _balance_rows(self) -> list[tuple[str, str, str]]:
        rows = self.call("GET", "/spot/balances").ok()["balances"]
        tokens = [row["token"] for row in rows]
        assert tokens == sorted(set(tokens))
        assert all(list(row) == ["token", "available", "frozen"] for row in rows)
        return [tuple(row.values()) for row in rows]

    def state(self) -> tuple[bytes, bytes]:
        """Everything that a rejected request must not have changed."""
        return self.call("GET", "/spot/balances").body, self.call("GET", "/spot/orders", limit=200).body


class Key(NamedTuple):
    """An API key."""

    venue: Venue
    key: str
    secret: str

    def sign(self, payload: str | bytes) -> str:
        return signature(self.secret, payload)

    def target(self, path: str, body: bytes = b"", /, **query: str | int) -> str:
        """``path`` with query, timestamp and signature."""
        return f"{API}{path}?{add_signature(self.secret, stamp(urlencode(query)), body)}"

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, /, **query: str | int) -> Answer:
        """A signed call."""
        content = b"" if body is None else json.dumps(body).encode()
        return self.send(method, self.target(path, content, **query), content)

    def send(self, method: str, target: str, body: bytes = b"") -> Answer:
        """Repeat a request signed before."""
        return self.venue.send(method, target, {"X-MBX-APIKEY": self.key}, body or None)


def new_order(pair: Pair, side: str, price: str | None, quantity: str | None, **more: str) -> dict[str, str]:
    """The body of a new order: limit with a price, market without one."""
    body = {"symbol": pair.symbol, "side": side, "type": "market" if price is None else "limit"}
    if price is not None:
        body["price"] = price
    if quantity is not None:
        body["quantity"] = quantity
    return {**body, **more}


def _target(path: str, query: Mapping[str, str | int]) -> str:
    return f"{API}{path}?{urlencode(query)}" if query else API + path


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all calls, started at the same moment."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        barrier.wait(ANSWER_S)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def total(users: Iterable[User], asset: str) -> Decimal:
    """The sum of available and frozen over all users."""
    return sum((sum(user.balances().get(asset, ()), Decimal(0)) for user in users), Decimal(0))


def plain(value: Decimal) -> str:
    """As the API writes amounts: no exponent, no trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
