"""A full disk: certainly not executed, reads go on, and it goes on by itself when there is room again."""

import os
import random
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from storage.journal import START, Journal, Record, StorageFull
from tests.crash.calls import Call
from tests.crash.futures_floor import FuturesFloor
from tests.crash.processes import BACK_S, archive_process, await_archived, check_at_rest, connected, shard_process
from tests.crash.settings import make_random, times
from tests.crash.storm import Stage, Storm
from tests.exchange import Exchange, kill, until
from tests.http.futures.caller import Answer, Caller, now_ms, sender

DISK: Final = "100m"
POINTS: Final = 20
ARCHIVE_WAITS: Final = "the archive cannot start yet"
LIMITED: Final = {
    "SHARDEX_RATE_LIMITS": "on",
    "SHARDEX_FUTURES_WEIGHT": "100000",
    "SHARDEX_FUTURES_ORDERS": "100000",
    "SHARDEX_TRUSTED_PROXIES": "127.0.0.0/8",
}
NO_ROOM: Final = "503 -1000"
ADDRESSES: Final = 200  # their counts are all over the tables


class Disk:
    """A file that takes all room there is but a few bytes."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self, spare: int) -> None:
        """Leave ``spare`` bytes; once more, what has become free since."""
        with self._ballast.open("ab", buffering=0) as file:
            for piece in (2**20, 512):
                try:
                    while file.write(bytes(piece)):
                        pass
                except OSError:
                    continue  # no room for a whole piece
            file.truncate(max(0, file.tell() - spare))

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink()


@contextmanager
def small_exchange(settings: dict[str, str]) -> Iterator[Exchange]:
    """An exchange on a small file system of its own. At its end nothing is left of it, and its folder is right."""
    exchange = Exchange(2, settings)
    exchange.data.mkdir()
    options = f"size={DISK},mode=700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(exchange.data)], capture_output=True)
    try:
        if mounted.returncode:
            pytest.skip("a file system can be mounted by root only")
        exchange.start()
        yield exchange
        check_at_rest(exchange)
    finally:
        exchange.stop()
        if not mounted.returncode:
            subprocess.run(["umount", "--lazy", str(exchange.data)], check=True)
        exchange.close()


@pytest.fixture
def small_stage() -> Iterator[Stage]:
    """Spot markets."""
    with small_exchange({}) as exchange:
        yield Stage.of(exchange)


@pytest.fixture
def limited_floor() -> Iterator[FuturesFloor]:
    """Futures markets, and limits that are kept but never reached."""
    with small_exchange(LIMITED) as exchange:
        yield FuturesFloor(exchange)


@pytest.mark.parametrize("number", range(times(1)))
def test_a_full_disk(small_stage: Stage, number: int) -> None:
    """Full at one point or another, in the midst of a batch; then with a shard and the archive that start on it.

    On a young folder: an older one has files that it can go on writing to.
    """
    disk = Disk(small_stage.exchange.data)
    workers = small_stage.exchange.worker_pids()
    with Storm(small_stage) as storm:

        def await_call(fits: Callable[[Call], bool], what: str) -> None:
            seen = len(storm.load.calls)
            until(lambda: any(fits(call) for call in storm.load.calls[seen:]), BACK_S, what)

        def fill() -> None:
            disk.fill(storm.rnd.randrange(0, 65_536))
            await_call(is_refused_for_room, "STORAGE_FULL")
            await_call(is_read, "reads go on")
            disk.free()
            await_call(is_placed, "it goes on")

        def fill_and_kill() -> None:
            disk.fill(0)
            await_call(is_refused_for_room, "STORAGE_FULL")
            before = storm.exchange.log().count(ARCHIVE_WAITS)
            shard = shard_process(storm.exchange, 0)
            kill(archive_process(storm.exchange))
            kill(shard)
            shard_process(storm.exchange, 0, after=shard)
            until(lambda: storm.exchange.log().count(ARCHIVE_WAITS) > before, BACK_S, "the archive tries")
            disk.free()
            await_call(is_placed, "it goes on")

        storm.strike(POINTS, fill)
        storm.check_only(is_refused_for_room)
        storm.strike(1, fill_and_kill)
    check_lived(small_stage.exchange, workers)


def test_futures_and_their_limits_on_a_full_disk(limited_floor: FuturesFloor) -> None:
    """What is signed is counted, and so is every address: workers live, and new ones come up, with or without room.

    All agree again on what was used once there is room.
    """
    exchange = limited_floor.exchange
    trader = FuturesCaller(limited_floor)
    exchange.wait_ready()
    workers = exchange.worker_pids()
    with connected(exchange) as client:  # or the archive has something to store, and is full, too
        await_archived(client)
    disk = Disk(exchange.data)
    disk.fill(0)
    until(lambda: trader.place().brief() == NO_ROOM, BACK_S, "refused for room")
    trader.look_around()
    check_lived(exchange, workers)
    kill_workers(exchange)
    trader.look_around()
    disk.fill(0)
    add_worker(exchange)
    trader.look_around()
    until(lambda: reports_unwritten_metrics(exchange), BACK_S, "metrics cannot be written")
    workers = exchange.worker_pids()
    assert tables_of(exchange) == ["0.table", "1.table"]
    assert exchange.log().count("limits are kept by this worker alone") == 1
    disk.free()
    until(lambda: trader.place().status == 200, BACK_S, "it goes on")
    until(trader.sees_all, BACK_S, "limits are kept by all workers together")
    assert tables_of(exchange) == ["0.table", "1.table", "2.table"]
    check_lived(exchange, workers)


class FuturesCaller:
    """One account, and many addresses."""

    def __init__(self, floor: FuturesFloor) -> None:
        self._send = sender(floor.exchange.port)
        self._account = floor.accounts_of(0)
        self._market = next(market for market in floor.markets if market.shard == 0)

    def place(self) -> Answer:
        """An order that rests."""
        terms = f"symbol={self._market.symbol}&side=BUY&type=LIMIT&timeInForce=GTC&price=1000&quantity=0.01"
        return Caller(self._send, self._account.api_key, self._account.api_secret).call("POST", "/v1/order", terms)

    def ping(self, address: str = "198.51.100.7") -> Answer:
        """Counted for the address."""
        return self._send("GET", "/fapi/v1/ping", {"X-Forwarded-For": address}, b"")

    def sees_all(self) -> bool:
        """Whether each worker counts on where another did."""
        used = [int(self.ping().headers["X-MBX-USED-WEIGHT-1M"]) for _ in range(20)]
        return used == [*range(used[0], used[0] + 20)]

    def look_around(self) -> None:
        """Signed queries, and an order, from everywhere."""
        caller = Caller(self._send, self._account.api_key, self._account.api_secret)
        for number in range(ADDRESSES):
            address = {"X-Forwarded-For": f"192.0.2.{number}"}
            query = f"timestamp={now_ms()}"
            signed = f"{query}&signature={caller.sign(query)}"
            assert caller.send("GET", "/v3/balance", signed, headers=address).brief() == "200"
            assert self.ping(f"203.0.113.{number}").brief() == "200"
        assert self.place().brief() in (NO_ROOM, "200")  # a shard may have a file that it can go on writing to


def kill_workers(exchange: Exchange) -> None:
    """Others must follow."""
    killed = set(exchange.worker_pids())
    for pid in killed:
        kill(pid)
    until(lambda: not killed & set(exchange.worker_pids()), BACK_S, "killed")
    await_workers(exchange, len(killed))


def add_worker(exchange: Exchange) -> None:
    """One that has no files yet."""
    assert exchange.web.pid is not None
    os.kill(exchange.web.pid, signal.SIGTTIN)
    await_workers(exchange, 3)


def await_workers(exchange: Exchange, count: int) -> None:
    """So many, which answer."""
    until(lambda: len(exchange.worker_pids()) == count, BACK_S, f"{count} workers")
    exchange.wait_ready()


def tables_of(exchange: Exchange) -> list[str]:
    return sorted(path.name for path in (exchange.data / "run" / "limits").glob("*.table"))


def reports_unwritten_metrics(exchange: Exchange) -> bool:
    """Whether a worker says that its counts stay where they are; ask for them, and there are more to write."""
    assert exchange.call("GET", "/metrics", account=None).status_code == 200
    return "metrics are counted in this worker's memory only" in exchange.log()


def check_lived(exchange: Exchange, workers: list[int]) -> None:
    """These workers, and no others: none was ended by a page for which there was no room."""
    assert "SIGBUS" not in exchange.log()
    assert exchange.worker_pids() == workers


def is_refused_for_room(call: Call) -> bool:
    return call.error == "STORAGE_FULL"


def is_read(call: Call) -> bool:
    return call.verb in ("balances", "orders") and call.status == 200


def is_placed(call: Call) -> bool:
    return call.verb == "place" and call.status == 200


def test_a_batch_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    """At any size of the file; the same records go in once there is room."""
    rnd = make_random()
    for _ in range(times(50)):
        path = tmp_path / "journal.sqlite"
        journal, db = open_journal(path)
        written = write_until_full(journal, db, rnd)
        assert [*Journal(path, read_only=True).read(START)] == written
        db.execute("PRAGMA max_page_count = 1000000")
        more = make_records(len(written), 5, rnd)
        journal.append(more)
        journal.close()
        assert [*Journal(path, read_only=True).read(START)] == [*written, *more]
        for left in tmp_path.iterdir():
            left.unlink()


def open_journal(path: Path) -> tuple[Journal, sqlite3.Connection]:
    """A journal and its own connection, on which the size of the file can be limited."""
    opened: list[sqlite3.Connection] = []

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        opened.append(sqlite3.connect(*args, **options))
        return opened[-1]

    return Journal(path, connect=connect), opened[-1]


def write_until_full(journal: Journal, db: sqlite3.Connection, rnd: random.Random) -> list[Record]:
    """Batches until one does not fit; what did."""
    db.execute(f"PRAGMA max_page_count = {rnd.randint(8, 60)}")
    written: list[Record] = []
    while True:
        batch = make_records(len(written), rnd.randint(1, 20), rnd)
        try:
            journal.append(batch)
        except StorageFull:
            assert journal.last.sequence == len(written)
            return written
        written += batch


def make_records(after: int, count: int, rnd: random.Random) -> list[Record]:
    """Records of any size."""
    numbers = range(after + 1, after + count + 1)
    return [Record(number, 1_000 + number, -1, 0, rnd.randbytes(rnd.randint(1, 3_000))) for number in numbers]
