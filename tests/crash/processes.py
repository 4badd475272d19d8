"""The processes of an exchange under test: ending and stopping them, counting their resources."""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from shards.ipc.client import Client
from shards.model.queries import GetStatus
from shards.model.replies import ShardStatus
from shards.verify.folder import verify_folder
from tests.exchange import Exchange, kill, until
from web.cli.run import Service

BACK_S: Final = 20.0  # longer means: it never recovers
_LIFE: Final = re.compile(r"-\w+(?=\.mailbox)|-\w+ \(deleted\)")  # the part of a name that differs in each life
QUIET_S: Final = 10.0  # at most so long after the last call, nothing is pending


def kill_service(service: Service) -> None:
    """kill -9 a service's first process, wait until the others have ended, restart it."""
    assert service.pid is not None
    kill(service.pid)
    revive(service)


def revive(service: Service) -> None:
    """Reap a service whose first process was killed, and restart it."""
    until(lambda: service.reap() is not None, BACK_S, f"the {service.name} side ended")
    service.start()


def end_everything(exchange: Exchange) -> None:
    """kill -9 all processes at once, parents first."""
    for how in (signal.SIGSTOP, signal.SIGKILL):  # stopped first, so that none notices another's end
        for pid in exchange.processes():
            with suppress(ProcessLookupError):  # a snapshot process has just finished
                os.kill(pid, how)


def kill_everything(exchange: Exchange) -> None:
    """Kill all processes, and restart both services."""
    end_everything(exchange)
    for service in (exchange.engine, exchange.web):
        revive(service)


def shard_process(exchange: Exchange, shard: int, after: int | None = None) -> int:
    """The process of a shard, which may still be recovering; ``after``: not the one that was killed."""
    return _await_process(lambda: exchange.shard_pid(shard), after)


def serving_process(exchange: Exchange, shard: int) -> int:
    """The process of a shard once it serves: one that cannot open its files yet keeps trying."""
    with connected(exchange) as client:
        until(lambda: client.is_serving(shard), BACK_S, f"shard {shard} serves")
        return shard_process(exchange, shard)


def archive_process(exchange: Exchange) -> int:
    return _await_process(exchange.archive_pid, None)


def worker_processes(exchange: Exchange) -> list[int]:
    """gunicorn's workers, once there are any."""
    until(lambda: bool(exchange.worker_pids()), BACK_S, "there are workers")
    return exchange.worker_pids()


def _await_process(find: Callable[[], int], after: int | None) -> int:
    end = time.monotonic() + BACK_S
    while True:
        try:
            found = find()
        except AssertionError:  # it is just starting, or forks
            assert time.monotonic() < end, "it was not started again"
        else:
            if found != after:
                return found
        time.sleep(0.002)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process (SIGSTOP) for the duration of the context."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def connected(exchange: Exchange) -> Iterator[Client]:
    """A client of the engine, as web workers have."""
    client = Client(exchange.folder)
    try:
        assert client.wait_connected(BACK_S)
        yield client
    finally:
        client.close()


def await_archived(client: Client, seconds: float = BACK_S) -> None:
    """Wait until the archive has confirmed everything that has ended so far."""
    shards = range(client.shard_count)

    def lag(shard: int) -> int:
        status = client.call(shard, GetStatus())
        return status.archive_lag if isinstance(status, ShardStatus) else 1

    until(lambda: not any(map(lag, shards)), seconds, "all is archived")


# Their resources


def descriptors(pid: int) -> Counter[str]:
    """The open descriptors of a process, by kind; empty without /proc."""
    folder = Path(f"/proc/{pid}/fd")
    kinds: Counter[str] = Counter()
    with suppress(OSError):  # it is ending, or there is no /proc
        for entry in folder.iterdir():
            with suppress(OSError):  # closed in the meantime
                kinds[_LIFE.sub("", os.readlink(entry)).partition(":")[0]] += 1
    return kinds


class Holdings:
    """Resources of an exchange's processes when nothing is pending, for later comparison."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._before = self._count()

    def _count(self) -> dict[str, Counter[str]]:
        shards = range(self._exchange.folder.shard_count)
        pids = {f"shard {shard}": shard_process(self._exchange, shard) for shard in shards}
        pids["archive"] = archive_process(self._exchange)
        held = {name: descriptors(pid) for name, pid in pids.items()}
        for number, pid in enumerate(worker_processes(self._exchange)):
            kinds = descriptors(pid)  # it also opens files for its counts and for reference data on first use
            held[f"worker {number}"] = Counter(
                {kind: kinds[kind] for kind in kinds if kind == "socket" or ".mailbox" in kind}
            )
        return held

    def check_same(self) -> None:
        """No process has more than it or its predecessor had; no socket and no counters are left over.

        Less is no finding: a client's connection may have been about to end when the first count was made.
        """
        try:
            until(lambda: not any(self._more().values()), QUIET_S, "descriptors as before")
        except AssertionError:
            raise AssertionError(f"more than before: {self._more()}") from None
        until(lambda: self._counters() == self._living(), QUIET_S, "counters of the living only")

    def _more(self) -> dict[str, Counter[str]]:
        return {name: held - self._before[name] for name, held in self._count().items()}

    def _counters(self) -> list[str]:
        return sorted(path.name.rpartition("-")[0] for path in (self._exchange.data / "run").glob("*.mailbox"))

    def _living(self) -> list[str]:
        return sorted(["archive", *(f"shard-{shard}" for shard in range(self._exchange.folder.shard_count))])


# Afterwards


def check_quiet(exchange: Exchange) -> None:
    """Without load, every mailbox is empty, every row archived, and the folder intact."""
    with connected(exchange) as client:
        shards = range(client.shard_count)
        until(lambda: all(client.is_serving(shard) for shard in shards), BACK_S, "all shards serve")
        until(lambda: not any(client.depth(shard) for shard in shards), QUIET_S, "every mailbox is empty")
        assert verify_folder(exchange.folder, client.ask_archive) == []


def check_at_rest(exchange: Exchange) -> None:
    """Stop both services; nothing of them is left, and the folder is intact."""
    exchange.stop()
    assert exchange.strays == []
    assert [path.name for path in (exchange.data / "run").glob("*.mailbox")] == []
    assert verify_folder(exchange.folder) == []
