"""One gunicorn on an address: another one is refused, however it is started and whatever it serves."""

import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import pytest

from tests.exchange import clean_environment, group_members, hold_port, kill, until
from tests.http.venue import Venue
from web.cli.service import ROOT, WEB, read_procfile, service_environment
from web.server.claims import Claimed, claim_all

COMMAND: Final = read_procfile()[WEB]
START_S: Final = 30.0


class ByHand:
    """A gunicorn as the Procfile names it, on a data folder of its own; it needs no engine to say that it lives."""

    def __init__(self, folder: Path, port: int, *arguments: str, **settings: str) -> None:
        environment = clean_environment(**{"PORT": str(port), "SHARDEX_SHARDS": "1", **settings})
        self.port = port
        self._out = Path(tempfile.mkstemp(dir=folder)[1])
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [*COMMAND[:-1], *arguments, COMMAND[-1]],
                cwd=ROOT,
                env=service_environment(environment, Path(tempfile.mkdtemp(dir=folder))),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def output(self) -> str:
        return self._out.read_text()

    def workers(self) -> list[int]:
        return [pid for pid in group_members(self.process.pid) if pid != self.process.pid]

    def lives(self) -> bool:
        return is_live(self.port)

    def await_live(self) -> None:
        until(lambda: self.lives() or self.process.poll() is not None, START_S, "it answers")
        assert self.process.poll() is None, self.output()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGQUIT)
        assert self.process.wait(20) == 0, self.output()


def is_live(port: int, host: str = "127.0.0.1") -> bool:
    connection = HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


Start = Callable[..., ByHand]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts gunicorns, and ends what is left of them."""
    started: list[ByHand] = []

    def make(port: int, *arguments: str, **settings: str) -> ByHand:
        started.append(ByHand(folder, port, *arguments, **settings))
        return started[-1]

    yield make
    for each in started:
        for pid in group_members(each.process.pid):
            kill(pid)
        each.process.wait()


@pytest.fixture
def port() -> Iterator[int]:
    holder, found = hold_port()
    yield found
    holder.close()


def test_a_second_one_is_refused(venues: Callable[[int], Venue], start: Start) -> None:
    """Callers of the first always reach it; before, every other one came to the second and got 401."""
    exchange = venues(1).exchange
    at = exchange.port
    others = [
        start(at),
        start(at, SHARDEX_HOST="0.0.0.0"),
        start(at, "-b", f"127.0.0.1:{at}"),
        start(at, "-b", "127.0.0.1:0", "-b", f"127.0.0.1:{at}"),
        *([start(at, SHARDEX_HOST="::")] if has_ipv6() else []),
    ]
    for other in others:
        until(lambda it=other: it.process.poll() is not None, START_S, "it is refused")  # type: ignore[misc]
        assert other.process.returncode == 1, other.output()
        assert "is in use by another process" in other.output() and "Traceback" not in other.output()
    for _ in range(20):
        assert exchange.call("GET", "/api/v1/spot/balances").status_code == 200


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def test_what_was_killed_keeps_nobody_away(start: Start, port: int) -> None:
    """Its workers leave by themselves; whoever comes in the meantime waits for that, and is not refused."""
    first = start(port)
    first.await_live()
    connections = [HTTPConnection("127.0.0.1", port) for _ in range(5)]
    for connection in connections:  # they are open when the listener ends, and last beyond it
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
    left = first.workers()
    kill(first.process.pid)
    second = start(port)
    second.await_live()
    until(lambda: not set(left) & set(group_members(first.process.pid)), 15, "no orphan is left")
    for connection in connections:
        connection.close()


def test_workers_come_and_go(start: Start, port: int) -> None:
    """After a reload and a death the new ones listen as the first ones did, and the claim lasts."""
    first = start(port)
    first.await_live()
    old = set(first.workers())
    first.process.send_signal(signal.SIGHUP)
    until(lambda: len(first.workers()) == 2 and not old & set(first.workers()), START_S, "reloaded")
    killed = min(first.workers())
    kill(killed)
    until(lambda: len(first.workers()) == 2 and killed not in first.workers(), START_S, "there is another")
    first.await_live()
    with pytest.raises(Claimed):
        claim_all([("127.0.0.1", port)], 0)
    first.stop()


def test_addresses_of_one_master_are_all_its_own(start: Start, port: int) -> None:
    """Also where one covers another, and where the system chooses the port."""
    hosts = ["127.0.0.1", "0.0.0.0", *(["[::]"] if has_ipv6() else [])]
    bound = [argument for host in hosts for argument in ("-b", f"{host}:{port}")]
    one = start(port, *bound, "-b", "127.0.0.1:0")
    one.await_live()
    if has_ipv6():
        assert is_live(port, "::1")
    with pytest.raises(Claimed):
        claim_all([("127.0.0.2", port)], 0)
    one.stop()
