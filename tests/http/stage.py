"""The cast of the tables: two users, three markets, an order of every kind, and credentials good and bad."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Final
from uuid import uuid4

from tests.http.table import TableRow, expand, fill
from tests.http.venue import Answer, Key, User, Venue

State = tuple[object, ...]


class Stage:
    """``own`` is who asks, ``other`` somebody else; money and markets lie on different shards where there are several.

    own buys 100 at 0.5 (client id open-1); other sells 100 at 0.6 (foreign-1): nothing crosses.
    """

    def __init__(self, venue: Venue) -> None:
        last = venue.shard_count - 1
        self.venue = venue
        self.own = venue.user(0, USDT="1000", DF="1000")
        self.other = venue.user(last, USDT="1000", DF="1000")
        self.listed = venue.pair(last)
        self.halted = venue.pair(0)
        self.delisted = venue.pair(last)
        self.elsewhere = venue.pair()  # of no table: its book may change
        self.read_key = self.own.make_key("read")
        self.values = self._make_values()
        venue.set_status(self.halted, "halted")
        venue.set_status(self.delisted, "delisted")
        self._known = self.state()

    def _make_values(self) -> dict[str, str]:
        own, other, listed = self.own, self.other, self.listed
        done = own.place(listed, "buy", "0.5", "10", client_order_id="done-1")
        own.cancel(done["id"]).ok()
        foreign_done = other.place(listed, "buy", "0.5", "10", client_order_id="foreign-done-1")
        other.cancel(foreign_done["id"]).ok()
        filled = own.place(listed, "buy", "0.5", "10", client_order_id="filled-1")
        foreign_filled = other.place(listed, "sell", "0.5", "10")
        trade = own.trades()[0]["trade_id"]
        opened = own.place(listed, "buy", "0.5", "100", client_order_id="open-1")
        foreign = other.place(listed, "sell", "0.6", "100", client_order_id="foreign-1")
        assert own.try_place(listed, "sell", "0.5", "10").brief() == "400 SELF_TRADE"
        third = self.venue.user(None, DF="2")
        third.place(listed, "sell", "0.5", "2")
        return {
            "listed": listed.symbol,
            "halted": self.halted.symbol,
            "delisted": self.delisted.symbol,
            "own": own.name,
            "other": other.name,
            "order": own.orders(status="partially_filled")[0]["id"],
            "on_halted": own.place(self.halted, "buy", "0.5", "10")["id"],
            "ended_by_delisting": own.place(self.delisted, "buy", "0.5", "10")["id"],
            "done": done["id"],
            "filled": filled["id"],
            "rejected": own.orders(status="rejected")[0]["id"],
            "foreign": foreign["id"],
            "foreign_done": foreign_done["id"],
            "foreign_filled": foreign_filled["id"],
            "trade": trade,
            "foreign_trade": self.trade(self.venue.user()),
            "never_placed": self.venue.unused_id(listed),
            "made_up": str(uuid4()),
            "key": own.key.key,
            "secret": own.key.secret,
            "foreign_key": other.key.key,
            "opened": opened["id"],
        }

    def trade(self, buyer: User) -> str:
        """A trade of this user, elsewhere."""
        buyer.deposit("USDT", "2")
        self.venue.user(DF="2").place(self.elsewhere, "sell", "1", "2")
        trade_id: str = buyer.place(self.elsewhere, "buy", "1", "2")["fills"][0]["trade_id"]
        return trade_id

    def state(self) -> State:
        """All that a refusal leaves as it was."""
        return self.own.state(), self.other.state(), self.venue.depth(self.listed), self.venue.depth(self.halted)

    def check_unchanged(self) -> None:
        """Fails if anything is not as it was at the last look."""
        before, self._known = self._known, self.state()
        assert self._known == before

    def accept_change(self) -> None:
        """What has changed since was meant to."""
        self._known = self.state()

    def play(self, row: TableRow) -> Answer:
        """The answer to a row of a table."""
        with self.venue.trading_disabled() if row.section == "trading off" else nullcontext():
            return self.send(row["who"], expand(row["request"]).decode(), row["body"])

    def send(self, who: str, request: str, body: str) -> Answer:
        """The request of a table's row: "METHOD path", the path after ``/api/v1`` unless it begins with "//"."""
        method, _, target = fill(request, self.values).partition(" ")
        target = target[1:] if target.startswith("//") else f"/api/v1{target}"
        content = expand(fill(body, self.values))
        headers, target = WHO[who](self, target, content)
        return self.venue.send(method, target, headers, content if body else None)


Headers = dict[str, str]
Credentials = Callable[[Stage, str, bytes], tuple[Headers, str]]


def _signed(key: Key, target: str, body: bytes) -> tuple[Headers, str]:
    path, _, query = target.partition("?")
    text = fill(f"{query}&timestamp={{now}}" if query else "timestamp={now}", {})
    return {"X-MBX-APIKEY": key.key}, f"{path}?{text}&signature={key.sign(text.encode() + body)}"


def _broken(headers: Headers, target: str) -> tuple[Headers, str]:
    return headers, target[:-1] + ("0" if target[-1] != "0" else "1")


WHO: Final[Mapping[str, Credentials]] = {
    "nobody": lambda stage, target, body: ({}, target),
    "own": lambda stage, target, body: (stage.own.bearer, target),
    "other": lambda stage, target, body: (stage.other.bearer, target),
    "stranger": lambda stage, target, body: (User(stage.venue, "stranger").bearer, target),
    "bad token": lambda stage, target, body: ({"Authorization": stage.own.bearer["Authorization"][:-4]}, target),
    "key": lambda stage, target, body: _signed(stage.own.key, target, body),
    "foreign key": lambda stage, target, body: _signed(stage.other.key, target, body),
    "read key": lambda stage, target, body: _signed(stage.read_key, target, body),
    "bad key": lambda stage, target, body: _broken(*_signed(stage.own.key, target, body)),
    "operator": lambda stage, target, body: ({"X-API-Key": stage.venue.exchange.admin_key}, target),
    "bad operator": lambda stage, target, body: ({"X-API-Key": stage.venue.exchange.admin_key[:-1]}, target),
}
"""Who may stand in a table, and how each shows who it is."""
