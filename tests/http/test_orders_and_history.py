"""Lists of orders and trades: the open and the archived as one, page by page, while rows move to the archive; and the
history in SQL."""

import itertools
import random
import time
from collections.abc import Iterator

import pytest

from tests.exchange import until
from tests.http.flow import Flow
from tests.http.venue import ARCHIVED_S, Json, Pair, User, Venue
from tests.model.seeds import read_seed

STATUSES = ("open", "partially_filled", "filled", "canceled", "rejected", "expired")
ROUND_COUNT = 120  # orders placed while the list is read once
AT_ONCE = 5  # orders that one caller after the other can place in a millisecond


def pages(user: User, limit: int, path: str = "orders", **query: str | int) -> Iterator[Json]:
    """The whole list, a page at a time."""
    name = {"orders": "id", "trades": "trade_id"}[path]
    read = user.orders if path == "orders" else user.trades
    before: dict[str, str] = {}
    while True:
        page = read(limit=limit, **before, **query)
        assert len(page) <= limit
        yield from page
        if len(page) < limit:
            return
        before = {"before": page[-1][name]}


def check_newest_first(found: list[Json], placed: list[str]) -> None:
    """As they were placed; of several markets in one millisecond, in any order."""
    turn = {order: number for number, order in enumerate(placed)}
    shown = [order for order in reversed(found) if order["id"] in turn]
    for symbol in {order["symbol"] for order in shown}:
        own = [turn[order["id"]] for order in shown if order["symbol"] == symbol]
        assert own == sorted(own)
    assert all(abs(number - turn[order["id"]]) < AT_ONCE for number, order in enumerate(shown))


def test_pages_while_archiving_goes_on(venue: Venue) -> None:
    """Orders placed before the first page was asked for come exactly once, newest first, whatever becomes of them."""
    seed = read_seed()
    pairs = [venue.pair(shard) for shard in (*venue.shards, 0)]
    user = venue.user(0, USDT="100000")
    rng = random.Random(seed)
    placed: list[str] = []
    rest: list[str] = []

    def trade() -> None:
        order = user.place(rng.choice(pairs), "buy", "1", "1")["id"]
        rest.append(order)
        placed.append(order)
        while len(rest) > 100 or (rest and rng.random() < 0.6):
            user.cancel(rest.pop(rng.randrange(len(rest)))).ok()

    with Flow(trade, ROUND_COUNT) as flow:
        for limit in (200, 37, 7, 50, 23, 11, 100, 64):
            flow.go_on()
            before = placed[:]
            found = list(pages(user, limit))
            ids = [order["id"] for order in found]
            assert len(set(ids)) == len(ids)
            assert set(before) <= set(ids)
            check_newest_first(found, before)
    check_newest_first(list(pages(user, 200)), placed)
    user.cancel_all()
    venue.wait_archived()
    at_rest = list(pages(user, 41))
    check_newest_first(at_rest, placed)
    assert {order["status"] for order in at_rest} == {"canceled"}


class Cast:
    """One user's orders of every status, on markets of several shards."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.pairs = [venue.pair(0), venue.pair(venue.shard_count - 1)]
        self.user = venue.user(0, USDT="10000", DF="10000")
        other = venue.user(None, USDT="10000", DF="10000")
        self.expected: dict[str, tuple[str, str]] = {}  # id → status, symbol
        self.trades: list[str] = []
        for _, pair in itertools.product(range(4), self.pairs):
            other.place(pair, "sell", "1.1", "2")
            filled = self.user.place(pair, "buy", "1.1", "2")
            self.trades += [fill["trade_id"] for fill in filled["fills"]]
            assert self.user.try_place(pair, "buy", "1", "2").status == 200
            opened = self.user.orders(limit=1)[0]
            canceled = self.user.place(pair, "buy", "1", "3")
            self.user.cancel(canceled["id"]).ok()
            assert self.user.try_place(pair, "sell", "1", "2").brief() == "400 SELF_TRADE"
            rejected = self.user.orders(limit=1)[0]
            for order, status in ((filled, "filled"), (opened, "open"), (canceled, "canceled"), (rejected, "rejected")):
                self.expected[order["id"]] = (status, pair.symbol)
        for pair in self.pairs:
            part = self.user.place(pair, "sell", "1.2", "5")
            self.trades += [fill["trade_id"] for fill in other.place(pair, "buy", "1.2", "2")["fills"]]
            self.expected[part["id"]] = ("partially_filled", pair.symbol)

    def wanted(self, status: str | None, pair: Pair | None) -> list[str]:
        """Newest first."""
        return [
            order
            for order, (its_status, symbol) in reversed(self.expected.items())
            if status in (None, its_status) and pair in (None, *(p for p in self.pairs if p.symbol == symbol))
        ]


@pytest.fixture(scope="session")
def cast(venue: Venue) -> Cast:
    return Cast(venue)


@pytest.mark.parametrize("archived", [False, True])
def test_filters(cast: Cast, archived: bool) -> None:
    if archived:
        cast.venue.wait_archived()
    for status, pair in itertools.product((None, *STATUSES), (None, *cast.pairs)):
        query = ({"status": status} if status else {}) | ({"symbol": pair.symbol} if pair else {})
        wanted = cast.wanted(status, pair)
        listed = cast.user.orders(limit=200, **query)
        assert [order["id"] for order in listed] == wanted
        assert [order["id"] for order in pages(cast.user, 3, **query)] == wanted
        assert all(order["status"] == status for order in listed if status)
        assert [cast.user.order(order["id"]) for order in listed] == listed


def test_limits(cast: Cast) -> None:
    everything = cast.wanted(None, None)
    for limit, count in ((0, 1), (1, 1), (33, 33), (34, 34), (200, 34), (201, 34), (10**18, 34)):
        assert [order["id"] for order in cast.user.orders(limit=limit)] == everything[:count]
    assert len(everything) == len(cast.user.orders()) == 34


def test_before_names_a_place_not_a_filter(cast: Cast) -> None:
    """``before`` may be an order that the filter leaves out."""
    everything = cast.wanted(None, None)
    for place, status in itertools.product((0, 5, 17, 33), ("open", "filled", "rejected")):
        older = set(everything[place + 1 :])
        listed = cast.user.orders(before=everything[place].upper(), status=status, limit=200)
        assert [order["id"] for order in listed] == [o for o in cast.wanted(status, None) if o in older]


def test_start_and_end(venue: Venue) -> None:
    """Seconds, both inclusive, on the time of placing: of open, of canceled and of archived orders."""
    pair, user = venue.pair(venue.shard_count - 1), venue.user(0, USDT="100")
    placed: list[Json] = []
    while len({order["created_at"] for order in placed}) < 3:
        placed.append(user.place(pair, "buy", "1", "1"))
        if len(placed) % 2:
            user.cancel(placed[-1]["id"]).ok()
        time.sleep(0.05)  # orders of three different seconds are what this is about
    first, middle, last = sorted({order["created_at"] for order in placed})

    def wanted(start: int, end: int) -> list[str]:
        return [order["id"] for order in reversed(placed) if start <= order["created_at"] <= end]

    for start, end in itertools.product((first - 1, first, middle, last, last + 1), repeat=2):
        assert [order["id"] for order in user.orders(start=start, end=end, limit=200)] == wanted(start, end)
    for moment in (first, middle, last):
        assert [order["id"] for order in user.orders(start=moment, limit=200)] == wanted(moment, last)
        assert [order["id"] for order in user.orders(end=moment, limit=200)] == wanted(first, moment)
        paged = pages(user, 2, start=moment, end=moment)
        assert [order["id"] for order in paged] == wanted(moment, moment)
    user.cancel_all()


@pytest.mark.parametrize("archived", [False, True])
def test_own_trades(cast: Cast, archived: bool) -> None:
    if archived:
        cast.venue.wait_archived()
    fields = ["trade_id", "symbol", "price", "quantity", "side", "fee", "fee_token", "role", "order_id", "ts"]
    listed = cast.user.trades(limit=200)
    assert [trade["trade_id"] for trade in listed] == cast.trades[::-1]
    assert [trade["trade_id"] for trade in pages(cast.user, 3, "trades")] == cast.trades[::-1]
    for trade in listed:
        assert list(trade) == fields
        status, symbol = cast.expected[trade["order_id"]]
        taker = status == "filled"
        assert (trade["symbol"], trade["side"], trade["role"]) == (
            symbol,
            "buy" if taker else "sell",
            "taker" if taker else "maker",
        )
        assert (trade["quantity"], trade["fee"], trade["fee_token"]) == ("2", "0", "DF" if taker else "USDT")
    for pair in cast.pairs:
        of_pair = [trade for trade in listed if trade["symbol"] == pair.symbol]
        assert cast.user.trades(symbol=pair.symbol, limit=200) == of_pair
        assert list(pages(cast.user, 2, "trades", symbol=pair.symbol)) == of_pair
    newest = listed[0]["ts"]
    assert cast.user.trades(start=newest + 1) == cast.user.trades(end=listed[-1]["ts"] - 1) == []
    assert cast.user.trades(start=listed[-1]["ts"], end=newest, limit=200) == listed


def test_why_each_order_ended(venue: Venue) -> None:
    """The row of an ended order is in the history soon, with the reason, on the running exchange."""
    pair, gone = venue.pair(0), venue.pair(venue.shard_count - 1)
    user, other = venue.user(0, USDT="1000", DF="1000"), venue.user(None, USDT="1000", DF="1000")
    expected: dict[str, str] = {}

    def ended(reason: str, order: str) -> None:
        expected[order] = reason

    order = user.place(pair, "buy", "1", "2", client_order_id="a/b")["id"]
    user.cancel(order).ok()
    ended("user", order)
    order = user.place(pair, "buy", "1", "2", client_order_id="a/b")["id"]
    user.by_client_id("DELETE", pair, "a/b").ok()
    ended("user", order)
    for scope in (pair, None):
        order = user.place(pair, "buy", "1", "2")["id"]
        user.cancel_all(scope)
        ended("cancel_all", order)
    ended("ioc", user.place(pair, "buy", "1", "2", tif="ioc")["id"])
    ended("market_rest", user.place(pair, "buy", None, None, quote_quantity="5.5")["id"])
    other.place(pair, "sell", "1.25", "2")
    ended("filled", user.place(pair, "buy", "1.5", "2")["id"])
    bid = user.place(pair, "buy", "1", "2")["id"]
    assert user.try_place(pair, "sell", "1", "2").brief() == "400 SELF_TRADE"
    ended("self_trade", user.orders(status="rejected")[0]["id"])
    other.place(pair, "sell", "1.25", "2")
    assert user.try_place(pair, "buy", "1.25", "2", tif="post_only").brief() == "400 POST_ONLY_REJECT"
    ended("post_only", user.orders(status="rejected")[0]["id"])
    ended("delist", user.place(gone, "buy", "1", "2")["id"])
    venue.set_status(gone, "delisted")

    statement = f"SELECT id::VARCHAR AS id, end_reason FROM orders WHERE account = '{user.name}'"

    def rows() -> dict[str, str]:
        return {row["id"]: row["end_reason"] for row in venue.sql(statement)}

    until(lambda: len(rows()) >= len(expected), ARCHIVED_S, "in the history")
    assert rows() == expected
    assert bid not in rows()
    columns = "id::VARCHAR AS id, symbol, side, status, client_id, quantity::VARCHAR AS quantity, time_on_book_ms"
    first = next(iter(expected))
    (row,) = venue.sql(f"SELECT {columns} FROM orders WHERE id = '{first}'")
    assert row.pop("time_on_book_ms") >= 0
    assert float(row.pop("quantity")) == 2
    assert row == {"id": first, "symbol": pair.symbol, "side": "buy", "status": "canceled", "client_id": "a/b"}
    trades = venue.sql(f"SELECT count(*) AS n FROM trades WHERE taker_account = '{user.name}'")
    assert trades == [{"n": 1}]
    listed = {order["id"]: order["status"] for order in user.orders(limit=200)}
    assert set(listed) == {*expected, bid}
    user.cancel_all()
    other.cancel_all()


def test_ids_in_any_letter_case(venue: Venue) -> None:
    pair, user = venue.pair(), venue.user(None, USDT="100")
    order = user.place(pair, "buy", "1", "2")["id"]
    assert order == order.lower()
    assert user.order(order.upper())["id"] == order
    assert user.cancel(order.upper()).ok()["id"] == order
