"""States are reported as they are: of a shard that recovers, stands still or finds no room, an archive that is away."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from storage.journal import Journal, Position, Record
from tests.crash.processes import BACK_S, shard_process, stopped
from tests.crash.test_disk import Disk, small_exchange
from tests.exchange import Exchange, kill, until

STILL_S: Final = 6
CLOCK: Final = str(Path(__file__).with_name("jumping_clock"))
SYMBOLS: Final = ("DFUSDT", "BTCUSDT", "ETHUSDT")
DEPOSIT: Final = {"account": "slow", "wallet": "spot", "asset": "DF", "amount": "1"}

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """Two shards, replaced soon when they stand still; their clock is in the test's hands."""
    clock = tmp_path_factory.mktemp("clock") / "off"
    settings = {"PYTHONPATH": CLOCK, "CLOCK_FILE": str(clock), "COMPUTE_S": str(STILL_S + 4)}
    settings["SHARDEX_STILL_S"] = str(STILL_S)
    with Exchange(2, settings) as made:
        yield made


def ready(exchange: Exchange, query: str = "") -> tuple[int, dict[str, Any]]:
    answer = exchange.call("GET", f"/readyz{query}", account=None)
    return answer.status_code, answer.json()


def shard_states(exchange: Exchange) -> dict[str, str]:
    states: dict[str, str] = ready(exchange)[1]["shards"]
    return states


def gauge(exchange: Exchange, name: str) -> float:
    text = exchange.call("GET", "/metrics", account=None).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found, name
    return float(found[1])


def warnings(exchange: Exchange, text: str) -> list[str]:
    return [line for line in exchange.log().splitlines() if text in line and " WARNING " in line]


@linux
def test_names_and_pids(exchange: Exchange) -> None:
    """What ``ps`` shows is what the operator is shown."""
    reported = exchange.operate("GET", "/shards").json()
    pids = {f"shardex shard {shard['shard']}": shard["pid"] for shard in reported["shards"]}
    pids["shardex archive"] = reported["archive"]["pid"]
    pids["shardex engine"], pids["shardex gunicorn"] = exchange.engine.pid, exchange.web.pid
    shown = {name: Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0") for name, pid in pids.items()}
    assert shown == {name: name for name in pids}
    assert [reported["shards"][shard]["pid"] for shard in (0, 1)] == [exchange.shard_pid(0), exchange.shard_pid(1)]
    workers = {Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0") for pid in exchange.worker_pids()}
    assert workers == {"shardex gunicorn worker 0", "shardex gunicorn worker 1"}
    assert Path(f"/proc/{pids['shardex shard 0']}/comm").read_text() == "shardex shard 0\n"


def test_an_archive_that_is_away_does_not_stop_trading(exchange: Exchange) -> None:
    assert [ready(exchange)[0], ready(exchange, "?history=required")[0], ready(exchange, "?history=1")[0]] == [
        200,
        200,
        400,
    ]
    with stopped(exchange.archive_pid()):
        until(lambda: ready(exchange)[1]["archive"] == "stopped", BACK_S, "the archive is missed")
        assert ready(exchange) == (
            200,
            {"status": "ready", "shards": dict.fromkeys("01", "serving"), "archive": "stopped"},
        )
        status, reported = ready(exchange, "?history=required")
        assert (status, reported["status"], reported["archive"]) == (503, "not ready", "stopped")
        order = {"symbol": "DFUSDT", "side": "buy", "type": "limit", "price": "0.5", "quantity": "10"}
        placed = exchange.call("POST", "/api/v1/spot/orders", order)
        assert placed.status_code == 200
        assert exchange.call("DELETE", f"/api/v1/spot/orders/{placed.json()['id']}").status_code == 200
    until(lambda: ready(exchange, "?history=required")[0] == 200, BACK_S, "it is back")


@linux
def test_what_stands_still_is_replaced_and_what_computes_is_not(exchange: Exchange) -> None:
    """Both are named, once, with their pids; nobody else is harmed."""
    exchange.wait_ready()
    busy, still = exchange.shard_pid(0), exchange.shard_pid(1)
    os.kill(busy, signal.SIGUSR1)
    os.kill(still, signal.SIGSTOP)
    until(lambda: shard_states(exchange) == dict.fromkeys("01", "stopped"), BACK_S, "they are missed")
    assert ready(exchange)[0] == 503
    assert [shard["pid"] for shard in exchange.operate("GET", "/shards").json()["shards"]] == [busy, still]
    until(lambda: gauge(exchange, 'shardex_shard_silence_seconds{shard="1"}') > 2, BACK_S, "its silence is measured")
    reported = [f"shard-{shard} (pid {pid}) has sent no heartbeat" for shard, pid in enumerate((busy, still))]
    until(lambda: all(warnings(exchange, text) for text in reported), BACK_S, "both are logged")
    assert "it computes" in warnings(exchange, reported[0])[0]
    assert "it is stopped by a signal" in warnings(exchange, reported[1])[0]
    until(lambda: bool(warnings(exchange, f"shard-0 (pid {busy}) is running again after")), BACK_S, "it has computed")
    replaced = f"shard-1 (pid {still}) has been stalled for {STILL_S} s and is being replaced"
    until(lambda: replaced in exchange.log(), BACK_S, "it is replaced")
    exchange.wait_ready()
    assert exchange.shard_pid(1) != still
    assert exchange.shard_pid(0) == busy
    assert [len(warnings(exchange, text)) for text in reported] == [1, 1]


@linux
def test_a_clock_that_jumps_is_reported(exchange: Exchange) -> None:
    """Once for each jump, either way, and nobody is held to stand still for it."""
    off = next(Path(value) for value in environment_of(exchange, "CLOCK_FILE"))
    pids = [exchange.shard_pid(shard) for shard in (0, 1)]
    jumps = gauge(exchange, "shardex_clock_jumps_total")
    for number, (at, by) in enumerate(((3600.0, 3600.0), (3590.0, -10.0), (0.0, -3590.0)), 1):
        aside = off.with_suffix(".new")
        aside.write_text(str(at))
        aside.replace(off)
        until(lambda n=number: gauge(exchange, "shardex_clock_jumps_total") == jumps + n, BACK_S, "reported")  # type: ignore[misc]
        assert gauge(exchange, "shardex_clock_jump_seconds") == pytest.approx(by, abs=0.4)
        assert len(warnings(exchange, f"the clock jumped by {by:+.1f} s")) == 1
    assert [exchange.shard_pid(shard) for shard in (0, 1)] == pids


def environment_of(exchange: Exchange, name: str) -> Iterator[str]:
    for entry in Path(f"/proc/{exchange.engine.pid}/environ").read_bytes().split(b"\0"):
        if entry.startswith(f"{name}=".encode()):
            yield entry.partition(b"=")[2].decode()


@linux
def test_a_recovery_shows_how_far_it_is(exchange: Exchange) -> None:
    """From a journal that takes its time; no shard is reported as stopped."""
    for number in range(3):
        assert exchange.operate("POST", "/deposits", {**DEPOSIT, "reference": f"d-{number}"}).status_code == 200
    shard = next(s for s in (0, 1) if b'"slow"' in journal_bodies(exchange, s))
    assert exchange.engine.stop(20)
    count = lengthen(exchange.data / f"shard-{shard}", 150_000)
    exchange.engine.start()
    seen: list[tuple[int, int]] = []

    def is_back() -> bool:
        state = shard_states(exchange)[str(shard)]
        found = re.fullmatch(r"recovering (\d+)/(\d+)", state)
        seen.extend([(int(found[1]), int(found[2]))] if found else [])
        assert state != "stopped" or not seen, seen
        return state == "serving"

    until(is_back, 60, "recovered")
    half_way = [done for done, all_ in seen if 0 < done < all_ == count]
    assert len(set(half_way)) > 2 and half_way == sorted(half_way), seen
    exchange.wait_ready()


def journal_bodies(exchange: Exchange, shard: int) -> bytes:
    journal = Journal(exchange.data / f"shard-{shard}" / "journal.sqlite", read_only=True)
    return b"".join(record.body for record in journal.read(Position(0, 0)))


def lengthen(folder: Path, count: int) -> int:
    """Add so many records that change nothing: a deposit that was made already. How many there are now."""
    journal = Journal(folder / "journal.sqlite")
    records = list(journal.read(Position(0, 0)))
    again = next(record for record in records if b'"slow"' in record.body)
    last = records[-1]
    journal.append(
        [Record(last.sequence + n, last.stamp_ms, again.source, again.number, again.body) for n in range(1, count + 1)]
    )
    journal.close()
    return last.sequence + count


@contextmanager
def full(exchange: Exchange) -> Iterator[None]:
    disk = Disk(exchange.data)
    disk.fill(0)
    try:
        yield
    finally:
        disk.free()


@linux
def test_a_full_disk_is_reported_once() -> None:
    """Also of a shard that cannot even start for it; and its end is reported with nobody asking for anything."""
    with small_exchange({}) as exchange:
        for episode in (1, 2):
            with full(exchange):
                until(lambda: not any(try_deposits(exchange)), BACK_S, "refused by both shards")
                until(lambda: set(shard_states(exchange).values()) == {"full"}, BACK_S, "both are full")
                try_deposits(exchange)
                assert ready(exchange)[0] == 503
                assert gauge(exchange, 'shardex_shard_full{shard="0"}') == 1
                assert exchange.operate("GET", "/shards").json()["shards"][1]["state"] == "full"
                if episode == 2:
                    pid = exchange.shard_pid(0)
                    kill(pid)
                    shard_process(exchange, 0, after=pid)
                    until(lambda: shard_states(exchange)["0"] in ("full", "serving"), BACK_S, "reported as it is")
            until(lambda: ready(exchange)[0] == 200, BACK_S, "ready by itself")
            reported = warnings(exchange, "the disk is full: commands are refused")
            for shard in (0, 1):
                assert len([line for line in reported if f" shard-{shard} " in line]) == episode
        assert gauge(exchange, 'shardex_shard_full{shard="0"}') == 0
        assert any(try_deposits(exchange))


def try_deposits(exchange: Exchange) -> list[bool]:
    """Of many accounts, so that each shard gets some: whether they are made."""
    answers = [
        exchange.operate("POST", "/deposits", {**DEPOSIT, "account": f"a{n}", "reference": os.urandom(6).hex()})
        for n in range(8)
    ]
    return [answer.status_code == 200 for answer in answers]
