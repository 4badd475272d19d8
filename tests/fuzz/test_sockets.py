"""What comes over sockets and is hardly a request: noise, pieces, and callers who take their time."""

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from tests.exchange import Exchange, until
from tests.fuzz.wire import PROBE, Broken, Connection, is_of_server
from tests.model.seeds import read_count, read_seed
from web.cli.run import ROOT

SOUPS: Final = 1_000  # connections that send noise
THREADS: Final = 8
SLOW_COUNT: Final = 500  # callers with one byte a second
SLOW_S: Final = read_count("SHARDEX_SLOW_SECONDS", 15)  # so long they are there
PATIENT_S: Final = 60  # the server waits at least so long for the end of a head
ROUNDS: Final = 4  # of measuring with them; as many before and after without
ALONE_S: Final = 1.0  # a round without them
RATIO_MAX: Final = 2.0  # of what a healthy caller waits, with slow callers and without
DESCRIPTORS_S: Final = 10.0  # until a worker has closed what its callers have closed

WORDS: Final = (
    *(
        b"GET ",
        b"POST ",
        b"DELETE ",
        b"/",
        b"/healthz",
        b"/api/v1/spot/orders",
        b"/fapi/v1/order",
        b"?",
        b"&",
        b"=",
        b"%",
    ),
    *(
        b" HTTP/1.1",
        b" HTTP/1.0",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b": ",
        b"Host: x",
        b"Content-Length: ",
        b"0",
        b"1",
        b"5",
    ),
    *(
        b"Transfer-Encoding: chunked",
        b"Connection: keep-alive",
        b"Expect: 100-continue",
        b"X-MBX-APIKEY: a",
        b"{}",
        b"\x00",
    ),
    *(
        b"Authorization: Bearer ",
        b"\xff\xfe",
        b"symbol=BTCUSDT",
        b"signature=",
        b"A" * 1_000,
        b"HTTP/2.0",
        b"a\r\n0\r\n\r\n",
    ),
)


@pytest.fixture(scope="module", params=["hub"])
def exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """Served by workers of that class."""
    with Exchange(2, {"SHARDEX_WORKER_CLASS": request.param}) as made:
        yield made


def soup(chance: random.Random) -> bytes:
    """Noise: bytes, or words of the protocol in any order, or a request that ends anywhere."""
    kind = chance.randrange(3)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 5_000))
    words = b"".join(chance.choices(WORDS, k=chance.randrange(1, 30)))
    return words if kind == 1 else PROBE[: chance.randrange(1, len(PROBE))] + words


def send_soups(port: int, chance: random.Random, count: int) -> None:
    """Each on a connection of its own; whatever is answered is an answer."""
    for _ in range(count):
        data = soup(chance)
        with Connection(port) as connection:
            try:
                answers = connection.ask_last(data)
            except ConnectionError:
                continue  # it was closed before all was sent
            except Broken as fault:
                if "100 Continue" in str(fault) or "reset" in str(fault).lower():
                    continue
                raise AssertionError(f"{fault} for {data!r}") from fault
        for answer in answers:
            assert is_of_server(answer) or answer.status < 500, f"{answer.status} {answer.body[:200]!r} for {data!r}"


def descriptors(exchange: Exchange) -> list[int]:
    """How many each worker has open."""
    return [len(os.listdir(f"/proc/{pid}/fd")) for pid in exchange.worker_pids()]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("exchange", ["hub", "gthread"], indirect=True)
def test_noise(exchange: Exchange) -> None:
    seed = read_seed()
    workers, open_before = exchange.worker_pids(), descriptors(exchange)
    with ThreadPoolExecutor(THREADS) as pool:
        runs = [
            pool.submit(send_soups, exchange.port, random.Random(f"{seed}-{number}"), SOUPS // THREADS)
            for number in range(THREADS)
        ]
    for run in runs:
        run.result()
    with Connection(exchange.port) as connection:
        assert connection.is_live()
    assert exchange.worker_pids() == workers
    until(lambda: descriptors(exchange) <= open_before, DESCRIPTORS_S, "descriptors closed again")
    assert "Traceback" not in exchange.log() and "fault in" not in exchange.log()


class Healthy:
    """A caller who places orders, cancels them, and notes how long each answer takes."""

    def __init__(self, exchange: Exchange) -> None:
        self._connections = [Connection(exchange.port) for _ in range(8)]  # some on every worker
        head = f"Host: x\r\nAuthorization: Bearer {exchange.accounts[0].jwt}\r\n"
        order = '{"symbol":"DFUSDT","side":"buy","type":"limit","price":"0.4","quantity":"10"}'
        self._requests = [
            f"POST /api/v1/spot/orders HTTP/1.1\r\n{head}Content-Length: {len(order)}\r\n\r\n{order}".encode(),
            f"GET /api/v1/spot/balances HTTP/1.1\r\n{head}\r\n".encode(),
            f"DELETE /api/v1/spot/orders?symbol=DFUSDT HTTP/1.1\r\n{head}\r\n".encode(),
        ]

    def measure(self, seconds: float) -> list[float]:
        """How long each answer took, in seconds; all are 200."""
        taken = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for connection in self._connections:
                for request in self._requests:
                    start = time.perf_counter()
                    answer = connection.ask(request)
                    taken.append(time.perf_counter() - start)
                    assert answer.status == 200, answer
        return taken

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


class SlowCallers:
    """A process full of them."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, "-m", "tests.fuzz.slow", str(port), str(SLOW_COUNT)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def stop(self) -> int:
        """How many had been turned away until now."""
        output, _ = self._process.communicate("\n", timeout=30)
        return int(output)


@pytest.mark.timeout(160 + SLOW_S)
def test_slow_callers(exchange: Exchange) -> None:
    """500 of them cost the others little: the best of some rounds with them against the worst without."""
    workers = exchange.worker_pids()
    healthy = Healthy(exchange)
    try:
        healthy.measure(1.0)
        alone = [healthy.measure(ALONE_S) for _ in range(ROUNDS)]
        slow = SlowCallers(exchange.port)
        beside = [healthy.measure(SLOW_S / ROUNDS) for _ in range(ROUNDS)]
        turned_away = slow.stop()
        assert turned_away == 0 or SLOW_S > PATIENT_S, turned_away
        alone += [healthy.measure(ALONE_S) for _ in range(ROUNDS)]
    finally:
        healthy.close()
    for name, share in (("median", 0.5), ("p99", 0.99)):
        best, worst = min(quantile(taken, share) for taken in beside), max(quantile(taken, share) for taken in alone)
        print(f"{name}: {best * 1_000:.2f} ms beside {SLOW_COUNT} slow callers, {worst * 1_000:.2f} ms alone")
        assert best <= RATIO_MAX * worst, name
    assert exchange.worker_pids() == workers


def quantile(taken: list[float], share: float) -> float:
    """The time that this share of the answers came within."""
    return statistics.quantiles(taken, n=100, method="inclusive")[round(share * 100) - 1]
