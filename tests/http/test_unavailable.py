"""An exchange that cannot do what it is asked: stopped shards, full mailboxes, dead processes, a history out of reach.

What is known before a shard is asked is answered as ever; the rest says why not; and afterwards all is as it was.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import pytest

from shards.ipc.client import ThreadedShardChannel
from storage.operations import PutMarket
from storage.reference_file import ReferenceFile
from tests.exchange import Exchange, kill, until
from tests.http.stage import Stage
from tests.http.table import TableRow, expand, read_table
from tests.http.venue import Answer, Pair, User, Venue

DEPTH = 4


@pytest.fixture(scope="module")
def small() -> Iterator[Venue]:
    """Two shards with room for four messages each."""
    with Exchange(2, {"SHARDEX_QUEUE_DEPTH": str(DEPTH)}) as exchange:
        yield Venue(exchange)


@contextmanager
def paused(pids: Sequence[int]) -> Iterator[None]:
    """These processes do nothing for a while."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def queue_depth(venue: Venue) -> int:
    depth: int = venue.public("/spot/health").ok()["queue_depth"]
    return depth


def begin(pool: ThreadPoolExecutor, venue: Venue, calls: Sequence[Callable[[], Answer]]) -> list[Future[Answer]]:
    """Make the calls, each of which takes one place in a mailbox; returns once all have it."""
    begun = []
    for number, call in enumerate(calls, 1):
        begun.append(pool.submit(call))
        until(lambda least=number: queue_depth(venue) >= least, 3, "in the mailbox")  # type: ignore[misc]
    return begun


def busy_calls(user: User, pair: Pair, order: str) -> list[Callable[[], Answer]]:
    """Every kind of call that asks the shard of that market."""
    return [
        partial(user.try_place, pair, "buy", "1", "2"),
        partial(user.cancel, order),
        partial(user.by_client_id, "DELETE", pair, "b-1"),
        partial(user.call, "DELETE", "/spot/orders"),
        partial(user.call, "DELETE", "/spot/orders", symbol=pair.symbol),
        partial(user.call, "GET", f"/spot/orders/{order}"),
        partial(user.by_client_id, "GET", pair, "b-1"),
        partial(user.call, "GET", "/spot/orders"),
        partial(user.call, "GET", "/spot/trades/me"),
        partial(user.call, "GET", "/spot/balances"),
        partial(user.venue.public, "/spot/depth", symbol=pair.symbol),
        partial(user.venue.operate, "GET", f"/accounts/{user.name}"),
    ]


def test_mailbox_full_and_no_answer(small: Venue) -> None:
    """Who has a place and no answer by the deadline is told so; who finds no place is told at once. Nothing of either
    is carried out later. Cancel-all everywhere takes a place in every mailbox or in none."""
    pair, elsewhere = small.pair(0), small.pair(1)
    user = small.user(0, USDT="100")
    order = user.place(pair, "buy", "1", "10", client_order_id="b-1")["id"]
    kept = user.place(elsewhere, "buy", "1", "10")["id"]
    before = user.state()
    user.key  # noqa: B018 (made while all is well)
    with ThreadPoolExecutor(DEPTH) as pool, paused([small.exchange.shard_pid(0)]):
        holders = begin(
            pool,
            small,
            [
                partial(user.try_place, pair, "buy", "1", "2"),
                partial(user.cancel, order),
                partial(user.by_client_id, "DELETE", pair, "b-1"),
                partial(user.call, "DELETE", "/spot/orders", symbol=pair.symbol),
            ],
        )
        assert [call().brief() for call in busy_calls(user, pair, order)] == ["503 ENGINE_BUSY"] * 12
        assert user.key.call("DELETE", f"/spot/orders/{order}").brief() == "503 ENGINE_BUSY"
        # what is known without asking a shard
        assert user.cancel("x").brief() == "400 invalid id"
        assert user.cancel(small.unused_id(elsewhere)).brief() == "404 ORDER_NOT_FOUND"
        assert user.call("DELETE", "/spot/orders", symbol="NONE").ok() == {"canceled": []}
        assert user.try_place(pair, "buy", "0", "2").brief() == "400 INVALID_TICK"
        # the other shard goes on, and was not touched by the cancel-alls
        assert user.order(kept)["status"] == "open"
        assert [holder.result().brief() for holder in holders] == ["504 ENGINE_TIMEOUT"] * DEPTH
    until(lambda: queue_depth(small) == 0, 10, "the mailbox is empty")
    assert user.state() == before
    assert user.cancel(order).ok()["status"] == "canceled"
    assert user.cancel(kept).ok()["status"] == "canceled"
    assert user.wallets() == {"USDT": "100 0"}


def test_shard_dies_while_processing_commands(small: Venue) -> None:
    """A cancel may be repeated in any case; of a new order nobody can say."""
    pair, user = small.pair(1), small.user(1, USDT="100")
    order = user.place(pair, "buy", "1", "10")["id"]
    shard = small.exchange.shard_pid(1)
    with ThreadPoolExecutor(DEPTH) as pool:
        os.kill(shard, signal.SIGSTOP)
        try:
            calls: list[Callable[[], Answer]] = [
                partial(user.cancel, order),
                partial(user.call, "DELETE", "/spot/orders", symbol=pair.symbol),
                partial(user.try_place, pair, "buy", "1", "2", client_order_id="d-1"),
                partial(user.call, "GET", "/spot/balances"),
            ]
            begun = begin(pool, small, calls)
        finally:
            kill(shard)
        told = [call.result().brief() for call in begun]
    assert told == ["503 ENGINE_RESTARTING", "503 ENGINE_RESTARTING", "504 ENGINE_TIMEOUT", "503 ENGINE_RESTARTING"]
    small.exchange.wait_ready()
    assert user.by_client_id("GET", pair, "d-1").brief() == "404 ORDER_NOT_FOUND"  # killed before it read them
    assert user.wallets() == {"USDT": "90 10"}
    assert user.cancel(order).ok()["status"] == "canceled"
    assert user.wallets() == {"USDT": "100 0"}


def test_history_out_of_reach(small: Venue) -> None:
    pair, user, other = small.pair(1), small.user(0, USDT="100"), small.user(None, USDT="100")
    order = user.place(pair, "buy", "1", "10")["id"]
    foreign = other.place(pair, "buy", "1", "10")["id"]
    other.cancel(foreign).ok()
    small.wait_archived()
    assert user.cancel(foreign).brief() == "403 FORBIDDEN"
    unreadable = [
        partial(user.call, "GET", "/spot/orders"),
        partial(user.call, "GET", "/spot/trades/me"),
        partial(other.call, "GET", f"/spot/orders/{foreign}"),
        partial(small.public, "/spot/trades", symbol=pair.symbol),
        partial(small.public, "/spot/klines", symbol=pair.symbol, interval="1m"),
        partial(small.public, "/spot/ticker/24hr", symbol=pair.symbol),
    ]
    first, more = unreadable[:DEPTH], unreadable[DEPTH:]
    archive = ThreadedShardChannel(small.exchange.folder, "archive")
    until(archive.serving, 10, "connected")
    with paused([small.exchange.archive_pid()]), ThreadPoolExecutor(DEPTH) as pool:
        waiting = [pool.submit(call) for call in first]
        until(lambda: archive.qsize() == DEPTH, 10, "its mailbox is full")
        assert [call().brief() for call in more] == ["503 ENGINE_BUSY"] * len(more)
        # whether it was the caller's cannot be told: then neither 404 nor 403 is said
        assert user.cancel(foreign).brief() == "503 ENGINE_BUSY"
        # orders, cancels and balances do without
        assert user.order(order)["status"] == "open"
        assert [each["id"] for each in user.orders(status="open")] == [order]
        assert user.orders(status="partially_filled") == []
        assert user.wallets() == {"USDT": "90 10"}
        assert user.cancel(order).ok()["status"] == "canceled"
        assert [call.result().brief() for call in waiting] == ["504 ENGINE_TIMEOUT"] * len(first)
    until(lambda: archive.qsize() == 0, 10, "its mailbox is empty")
    archive.close()
    with paused([small.exchange.archive_pid()]), ThreadPoolExecutor(DEPTH) as pool:
        late = [partial(user.cancel, foreign), partial(user.cancel, small.unused_id(pair)), *more]
        assert [answer.brief() for answer in pool.map(lambda call: call(), late)] == ["504 ENGINE_TIMEOUT"] * len(late)
    until(lambda: user.call("GET", "/spot/orders").status == 200, 10, "its mailbox is empty")
    assert user.orders()[0]["id"] == order
    assert user.cancel(foreign).brief() == "403 FORBIDDEN"


def test_a_fault_of_ours(small: Venue) -> None:
    """Before the engine is asked: nothing was done, and the next call after the cause is gone works."""
    pair, user = small.pair(0), small.user(None, USDT="100")
    order = user.place(pair, "buy", "1", "10")["id"]
    with closing(ReferenceFile(small.exchange.folder.reference)) as file:
        (row,) = (market for market in file.facts().markets if market.symbol == pair.symbol)
        file.change(PutMarket(row.number, b"nonsense").apply)
        try:
            told = [
                call().brief()
                for call in (
                    partial(user.try_place, pair, "buy", "1", "2"),
                    partial(user.cancel, order),
                    partial(user.call, "DELETE", "/spot/orders"),
                    partial(small.public, "/spot/markets"),
                )
            ]
        finally:
            file.change(PutMarket(row.number, row.spec).apply)
    assert told == ["500 internal error"] * 4
    assert user.wallets() == {"USDT": "90 10"}
    assert user.cancel(order).ok()["status"] == "canceled"


# The engine is stopped: the tables of refusals hold up to where a shard is asked


NEEDS_ENGINE = {"404 ORDER_NOT_FOUND", "403 FORBIDDEN", "409 DUPLICATE_CLIENT_ORDER_ID", "409 MARKET_HALTED"}
NEEDS_ENGINE |= {"410 MARKET_DELISTED", "400 INSUFFICIENT_BALANCE"}
KNOWN_TO_WEB = ("{made_up}", "{trade}", "/NONE/")  # not found without asking anybody


@pytest.fixture(scope="module")
def stopped() -> Iterator[Stage]:
    """The cast of the tables, on an exchange whose engine was stopped afterwards."""
    with Exchange(2) as exchange:
        stage = Stage(Venue(exchange))
        assert exchange.engine.stop(30)
        until(lambda: stage.venue.send("GET", "/readyz").status == 503, 10, "noticed")
        yield stage


@pytest.mark.parametrize("table", ["cancel_one", "cancel_all", "place"])
def test_engine_stopped(stopped: Stage, table: str) -> None:
    requested = 0
    for row in read_table(table):
        if row.section == "trading off":
            continue
        answer = stopped.send(row["who"], expand(row["request"]).decode(), row["body"])
        if asks_engine(row):
            requested += 1
            assert answer.brief() == "503 ENGINE_RESTARTING", row
        elif row["answer"].startswith("200"):
            assert answer.ok() == {"canceled": []}, row
        else:
            assert answer.brief() == row["answer"], row
    assert requested >= 4


def asks_engine(row: TableRow) -> bool:
    if row.section:
        return True
    if any(text in row["request"] for text in KNOWN_TO_WEB):
        return False
    if row["answer"].startswith("200"):
        request = row["request"]
        named = "symbol" in request or (request.startswith("DELETE") and "symbol" in row["body"])
        return not named or request.endswith(("={listed}", "={halted}", "={delisted}"))
    return row["answer"] in NEEDS_ENGINE


def test_engine_stopped_reads(stopped: Stage) -> None:
    own, venue = stopped.own, stopped.venue
    for path in ("/spot/balances", "/spot/orders", "/spot/trades/me", f"/spot/orders/{stopped.values['order']}"):
        assert own.call("GET", path).brief() == "503 ENGINE_RESTARTING"
    assert venue.public("/spot/depth", symbol=stopped.listed.symbol).brief() == "503 ENGINE_RESTARTING"
    assert venue.operate("GET", f"/accounts/{own.name}").brief() == "503 ENGINE_RESTARTING"
    assert venue.operate("PATCH", f"/spot/markets/{stopped.halted.symbol}/status", {"status": "listed"}).brief() == (
        "503 ENGINE_RESTARTING"
    )
    assert venue.public("/spot/health").ok()["books_loaded"] == 0
    assert venue.public("/spot/markets").ok() and venue.public("/wallet/tokens").ok()
    assert venue.send("GET", "/healthz").ok() == {"status": "live"}
    ready = venue.send("GET", "/readyz")
    assert (ready.status, ready.json["status"]) == (503, "not ready")
    assert int(ready.headers["Retry-After"]) >= 1
    assert set(ready.json["shards"].values()) == {"stopped"}
    told = venue.operate("GET", "/shards").ok()
    assert {shard["pid"] for shard in told["shards"]} == {told["archive"]["pid"]} == {None}
    assert {shard["state"] for shard in told["shards"]} == {told["archive"]["state"]} == {"stopped"}
    assert own.call("POST", "/api-keys", {}).ok()["api_key"]  # keys need no engine
