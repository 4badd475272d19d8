"""The cast of the tables about futures orders: two accounts, three markets, an order of every kind and every end."""

from typing import Final

from shards.model.ids import make_number, market_of
from tests.http.futures.actor import Actor, set_status
from tests.http.futures.caller import Answer, now_ms
from tests.http.futures.trader import list_contract, set_mark
from tests.http.table import expand, fill
from tests.http.venue import Venue

State = tuple[object, ...]

CHILDREN_MAX: Final = 10  # of one parent


class OrderStage:
    """``own`` asks, ``other`` is somebody else; money and markets lie on different shards where there are several."""

    def __init__(self, venue: Venue) -> None:
        last = venue.shard_count - 1
        self.venue = venue
        self.own = Actor(venue, 0, "10000")
        self.other = Actor(venue, last)
        self.callers = {"own": self.own.caller, "other": self.other.caller, "reader": self.own.reader}
        self.listed = list_contract(venue, last, max_notional="2000000", max_position_notional=1_500_000)
        self.halted = list_contract(venue, 0)
        self.delisted = list_contract(venue, last)
        self.values = {**self._make_ends(), **self._make_open()}
        set_status(venue, self.halted, "halted")
        set_status(venue, self.delisted, "delisted")
        self._known = self.state()

    def _make_ends(self) -> dict[str, str]:
        """Orders that have ended, each in its way; own has no position after them."""
        own, other, listed = self.own, self.other, self.listed
        other.place(listed, "SELL", "100", "1")
        filled = own.place(listed, "BUY", "100", "1", newClientOrderId="filled-1")
        reduce = {"reduceOnly": "true", "quantity": "1", "workingType": "MARK_PRICE"}
        closed = own.trigger(listed, "SELL", "STOP_MARKET", stopPrice="90", newClientOrderId="closed-1", **reduce)
        fired = own.trigger(listed, "SELL", "STOP_MARKET", stopPrice="95", newClientOrderId="fired-1", **reduce)
        other.place(listed, "BUY", "100", "1")
        set_mark(self.venue, listed, "95")
        set_mark(self.venue, listed, None)
        done = own.place(listed, "BUY", "90", "1", newClientOrderId="done-1")
        gone = own.stop(listed, "SELL", "80", "1", newClientOrderId="gone-1")
        foreign_done = other.place(listed, "BUY", "90", "1")
        foreign_gone = other.stop(listed, "SELL", "80", "1")
        for actor, order in ((own, done), (own, gone), (other, foreign_done), (other, foreign_gone)):
            actor.cancel(listed, order["orderId"])
        ended = {
            "filled": filled,
            "closed": closed,
            "fired": fired,
            "done": done,
            "gone": gone,
            "foreign_done": foreign_done,
            "foreign_gone": foreign_gone,
        }
        return {name: str(order["orderId"]) for name, order in ended.items()}

    def _make_open(self) -> dict[str, str]:
        """Open orders of every kind; the last price is 110 after them, and own is short 1."""
        own, other, listed = self.own, self.other, self.listed
        part = own.place(listed, "SELL", "110", "2")
        set_mark(self.venue, listed, "110")
        other.place(listed, "BUY", "110", "1")
        set_mark(self.venue, listed, None)
        own.modify(listed, part["orderId"], price="130").ok()
        crowded = own.place(listed, "BUY", "60", "1")
        for _ in range(CHILDREN_MAX):
            own.trigger(listed, "SELL", "STOP_MARKET", stopPrice="55", parentOrderId=crowded["orderId"])
        opened = {
            "part": part,
            "crowded": crowded,
            "open": own.place(listed, "BUY", "90", "1", newClientOrderId="open-1"),
            "maker": own.place(listed, "BUY", "70", "1", timeInForce="GTX"),
            "waiting": own.stop(listed, "SELL", "50", "1", newClientOrderId="waiting-1"),
            "stop": own.trigger(listed, "BUY", "STOP", stopPrice="150", price="151", quantity="1"),
            "closing": own.trigger(listed, "SELL", "STOP_MARKET", stopPrice="40", closePosition="true"),
            "trailing": own.trigger(listed, "BUY", "TRAILING_STOP_MARKET", callbackRate="1", quantity="1"),
            "foreign": other.place(listed, "SELL", "115", "5", newClientOrderId="foreign-1"),
            "foreign_trigger": other.stop(listed, "SELL", "80", "1", newClientOrderId="foreign-trigger-1"),
            "elsewhere": own.place(self.halted, "BUY", "90", "1"),
        }
        numbers = {name: str(order["orderId"]) for name, order in opened.items()}
        return {
            **numbers,
            "on_halted": numbers["elsewhere"],
            "never": str(make_number(market_of(int(numbers["open"])), 1 << 39)),
            "listed": listed,
            "small": listed.lower(),
            "halted": self.halted,
            "delisted": self.delisted,
        }

    def state(self) -> State:
        """All that a refusal leaves as it was."""
        depth = self.own.caller.send("GET", "/v1/depth", f"symbol={self.listed}").ok()
        seen = [(actor.seen(), actor.get("/openOrders")) for actor in (self.own, self.other)]
        return seen, depth["bids"], depth["asks"]

    def check_unchanged(self) -> None:
        """Fails if anything is not as it was when the stage was set."""
        assert self.state() == self._known

    def send(self, who: str, request: str) -> Answer:
        """The request of a table's row: "METHOD path?query", the path after ``/fapi/v1``."""
        method, _, target = expand(fill(request, self.values)).decode().partition(" ")
        path, _, query = target.partition("?")
        if who == "nobody":
            return self.own.caller.send(method, f"/v1{path}", query, headers={"X-MBX-APIKEY": ""})
        query = f"{query}&timestamp={now_ms()}" if query else f"timestamp={now_ms()}"
        caller = self.callers[who]
        return caller.send(method, f"/v1{path}", caller.signed(query))
