"""What a real exchange counts of its requests: several workers, reloaded, stopped and killed."""

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.exchange import Exchange, kill, until
from web.monitoring.shared_counts import WRITE_S

WORKERS = 3
BACK_S = 20.0
ROUTE = 'method="GET",route="/api/v1/spot/markets"'


@pytest.fixture(scope="module", params=["hub", "gthread"])
def exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    with Exchange(1, {"SHARDEX_WORKERS": str(WORKERS), "SHARDEX_WORKER_CLASS": request.param}) as exchange:
        yield exchange


def ask(exchange: Exchange, count: int) -> None:
    """On connections of their own: all workers answer some."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: exchange.call("GET", "/api/v1/spot/markets", account=None), range(count)))


def answered(exchange: Exchange) -> tuple[int, int, int]:
    """How many requests were answered, by each of the metrics that count them."""
    text = exchange.call("GET", "/metrics", account=None).text
    return (
        read(text, f'shardex_requests_total{{{ROUTE},status="200"}}'),
        read(text, f'shardex_request_seconds_bucket{{le="+Inf",{ROUTE}}}'),
        read(text, f"shardex_request_seconds_count{{{ROUTE}}}"),
    )


def read(text: str, name: str) -> int:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def await_successors(exchange: Exchange, pids: list[int]) -> None:
    until(
        lambda: len(exchange.worker_pids()) == WORKERS and not set(pids) & set(exchange.worker_pids()),
        BACK_S,
        "all workers are new",
    )
    exchange.wait_ready()


def test_counts_of_all_workers(exchange: Exchange) -> None:
    """All of them are counted soon, none is lost by a reload, and a kill loses no more than the last second's."""
    before = answered(exchange)[0]  # readiness checks ask for no markets
    ask(exchange, 60)
    until(lambda: answered(exchange) == (before + 60,) * 3, 5, "all are counted")
    ask(exchange, 40)
    pids = exchange.worker_pids()
    assert exchange.web.pid is not None
    os.kill(exchange.web.pid, signal.SIGHUP)
    await_successors(exchange, pids)
    assert answered(exchange) == (before + 100,) * 3
    ask(exchange, 30)
    time.sleep(2 * WRITE_S)
    pids = exchange.worker_pids()
    for pid in pids:
        kill(pid)
    await_successors(exchange, pids)
    assert answered(exchange) == (before + 130,) * 3
    files = [path.name for path in (exchange.data / "run" / "metrics").iterdir()]
    assert set(files) <= {f"{slot}.counts" for slot in range(2 * WORKERS)}
    exchange.web.stop(15)
    exchange.web.start()
    exchange.wait_ready()
    assert answered(exchange) == (0, 0, 0)  # the master began anew


@pytest.mark.parametrize("exchange", ["hub"], indirect=True)
def test_counters_never_fall(exchange: Exchange) -> None:
    """Whichever worker answers: one that falls is taken for one that began anew."""
    last = 0
    for _ in range(60):
        ask(exchange, 2)
        now = answered(exchange)[0]
        assert now >= last
        last = now
