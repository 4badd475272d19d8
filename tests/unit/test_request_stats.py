"""Counts of requests: exact, shared through files, and never in the way."""

import errno
import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from shards.model.reasons import RejectReason
from storage.files import put
from tests.exchange import until
from tests.model.seeds import read_seed
from web.exchange.gateway import ExchangeGateway
from web.monitoring import metrics
from web.monitoring.shared_counts import SECONDS, SharedRequestStats

KEY: Final = ("GET", "/a", 200)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "0.counts"


class Disk:
    """May be full."""

    def __init__(self) -> None:
        self.is_full = False

    def put(self, path: Path, content: bytes) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(path, content)


def requests_of(shared: SharedRequestStats) -> dict[tuple[str, str, int], int]:
    """How many of each kind all workers have counted."""
    return {key: round(sum(histogram[:-1])) for key, histogram in shared.total().requests.items()}


def engine_without_shards() -> ExchangeGateway:
    client = SimpleNamespace(
        shard_count=0, archive_signs=lambda: None, archive_serving=lambda: False, supervisor_signs=lambda: None
    )
    return ExchangeGateway(cast(Any, client))


def test_as_prometheus_counts() -> None:
    """The text is the one that its own counters and histograms make of the same requests."""
    stats = SharedRequestStats(None)
    registry = CollectorRegistry()
    requests = Counter("shardex_requests", "Requests answered", ("method", "route", "status"), registry=registry)
    durations = Histogram(
        "shardex_request_seconds", "Time to answer", ("method", "route"), registry=registry, buckets=SECONDS
    )
    refusals = Counter("shardex_refusals", "Messages refused", ("shard", "reason"), registry=registry)
    chance = random.Random(read_seed())
    for _ in range(2_000):
        method, route, status = (
            chance.choice("GET POST".split()),
            f'/"{chance.randrange(5)}\\',
            chance.choice((200, 400)),
        )
        seconds = chance.choice((*SECONDS, 0.0, chance.expovariate(1), chance.expovariate(100), 11.0))
        stats.count_request((method, route, status), seconds)
        requests.labels(method, route, str(status)).inc()
        durations.labels(method, route).observe(seconds)
        stats.count_refusal((status, RejectReason.TIMEOUT.value))
        refusals.labels(str(status), RejectReason.TIMEOUT.value).inc()
    ours = metrics.render(engine_without_shards(), stats)[0].decode()
    assert sorted_lines(generate_latest(registry).decode()) <= sorted_lines(ours)
    others = sorted_lines(ours) - sorted_lines(generate_latest(registry).decode())
    assert not [line for line in others if "refusals" in line or "request" in line]


def sorted_lines(text: str) -> set[str]:
    """Without the times at which something was made, and without digits that depend on the order of a sum."""
    lines = [line for line in text.splitlines() if "_created" not in line]
    return {shorten(line) if "seconds_sum" in line else line for line in lines}


def shorten(line: str) -> str:
    name, _, value = line.rpartition(" ")
    return f"{name} {float(value):.6f}"


def test_threads_count_together() -> None:
    shared = SharedRequestStats(None)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: shared.count_request(KEY, 0.001), range(20_000)))
    assert requests_of(shared) == {KEY: 20_000}


def test_all_see_what_each_has_counted(tmp_path: Path) -> None:
    """The one that is asked at once, the others within a time."""
    workers = [SharedRequestStats(tmp_path / f"{slot}.counts") for slot in range(3)]
    for number, worker in enumerate(workers, 1):
        for _ in range(number):
            worker.count_request(KEY, 0.001)
        worker.count_refusal((number, "TIMEOUT"))
        assert requests_of(worker)[KEY] >= number
    until(lambda: all(requests_of(worker) == {KEY: 6} for worker in workers), 5, "all see all")
    assert workers[0].total().refusals == {(number, "TIMEOUT"): 1 for number in (1, 2, 3)}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["0.counts", "1.counts", "2.counts"]


def test_no_counter_falls_from_worker_to_worker(tmp_path: Path) -> None:
    """A counter that falls is one that began anew: Prometheus would count all of it once more."""
    one, other = (SharedRequestStats(tmp_path / f"{slot}.counts") for slot in range(2))
    for count in range(1, 100):
        (one if count % 3 else other).count_request(KEY, 0.001)
        told = requests_of(one if count % 2 else other)
        assert requests_of(other if count % 2 else one)[KEY] >= told[KEY]


def test_it_is_written_unasked_and_not_at_once(path: Path) -> None:
    shared, reader = SharedRequestStats(path, write_s=0.3), SharedRequestStats(path.with_name("1.counts"))
    for number in range(1, 4):
        shared.count_request(KEY, 0.001)
        assert requests_of(reader).get(KEY, 0) < number
        until(lambda number=number: requests_of(reader) == {KEY: number}, 5, "written")  # type: ignore[misc]


def test_without_counts_nothing_is_written(path: Path) -> None:
    before = threading.active_count()
    SharedRequestStats(None).count_request(KEY, 0.001)
    assert threading.active_count() == before
    SharedRequestStats(path)
    assert not path.exists()


def test_a_successor_goes_on(path: Path) -> None:
    for number in range(1, 4):
        successor = SharedRequestStats(path)
        successor.count_request(KEY, 0.001)
        assert requests_of(successor) == {KEY: number}


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"\x82\xa8requests\x81\x93\xa1a\xa1b\x01\x91\x01\xa8refusals\x80"]
)
def test_what_cannot_be_read_counts_nothing(tmp_path: Path, content: bytes) -> None:
    """As of another release, before a reload."""
    for slot in range(2):
        (tmp_path / f"{slot}.counts").write_bytes(content)
    shared = SharedRequestStats(tmp_path / "0.counts")
    shared.count_request(KEY, 0.001)
    assert requests_of(shared) == {KEY: 1}


def test_on_a_full_disk(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It goes on in memory, says so once, and gives the others all of it when there is room again."""
    disk = Disk()
    shared, reader = SharedRequestStats(path, disk.put, write_s=0.1), SharedRequestStats(path.with_name("1.counts"))
    for _ in range(2):
        disk.is_full = True
        caplog.clear()
        for _ in range(3):
            shared.count_request(KEY, 0.001)
            told = requests_of(shared)
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        disk.is_full = False
        until(lambda told=told: requests_of(reader) == told, 5, "written unasked")  # type: ignore[misc]
    assert told == {KEY: 6}
