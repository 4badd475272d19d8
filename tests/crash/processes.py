"""The processes of an exchange under test: ending, stopping, counting what they hold."""

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

BACK_S: Final = 20.0  # longer means: it never comes back
_LIFE: Final = re.compile(r"-\w+(?=\.mailbox)|-\w+ \(deleted\)")  # the part of a name that is another in each life
QUIET_S: Final = 10.0  # so long after the last call at most, nothing is under way any more


def kill_service(service: Service) -> None:
    """kill -9 the first process of a service, wait until the rest has left, start it again."""
    assert service.pid is not None
    kill(service.pid)
    revive(service)


def revive(service: Service) -> None:
    """Reap a service whose first process was ended, and start it again."""
    until(lambda: service.reap() is not None, BACK_S, f"the {service.name} side ended")
    service.start()


def end_everything(exchange: Exchange) -> None:
    """kill -9 all processes at one moment, the starters first."""
    for how in (signal.SIGSTOP, signal.SIGKILL):  # stopped first: nobody shall notice the end of another
        for pid in exchange.processes():
            with suppress(ProcessLookupError):  # a snapshot has just been finished
                os.kill(pid, how)


def kill_everything(exchange: Exchange) -> None:
    """The same, and start both services again."""
    end_everything(exchange)
    for service in (exchange.engine, exchange.web):
        revive(service)


def shard_process(exchange: Exchange, shard: int, after: int | None = None) -> int:
    """The process of a shard, which may still be recovering; ``after``: not the one that was killed."""
    return _await_process(lambda: exchange.shard_pid(shard), after)


def serving_process(exchange: Exchange, shard: int) -> int:
    """The process of a shard once it serves: one that cannot open its files yet does not end, but tries again."""
    with connected(exchange) as client:
        until(lambda: client.is_serving(shard), BACK_S, f"shard {shard} serves")
        return shard_process(exchange, shard)


def archive_process(exchange: Exchange) -> int:
    """The process of the archive."""
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
        except AssertionError:  # it is just being started, or forks
            assert time.monotonic() < end, "it was not started again"
        else:
            if found != after:
                return found
        time.sleep(0.002)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that stands still (SIGSTOP) while the context lasts."""
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


def await_archived(client: Client) -> None:
    """Until the archive has confirmed all that has ended so far."""
    shards = range(client.shard_count)

    def lag(shard: int) -> int:
        status = client.call(shard, GetStatus())
        return status.archive_lag if isinstance(status, ShardStatus) else 1

    until(lambda: not any(map(lag, shards)), BACK_S, "all is archived")


# What they hold


def descriptors(pid: int) -> Counter[str]:
    """What a process has open, by kind; empty where /proc does not say."""
    folder = Path(f"/proc/{pid}/fd")
    kinds: Counter[str] = Counter()
    with suppress(OSError):  # it ends, or there is no /proc
        for entry in folder.iterdir():
            with suppress(OSError):  # closed in the meantime
                kinds[_LIFE.sub("", os.readlink(entry)).partition(":")[0]] += 1
    return kinds


class Holdings:
    """What the processes of an exchange hold when nothing is under way, to be compared later."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._before = self._count()

    def _count(self) -> dict[str, Counter[str]]:
        shards = range(self._exchange.folder.shard_count)
        pids = {f"shard {shard}": shard_process(self._exchange, shard) for shard in shards}
        pids["archive"] = archive_process(self._exchange)
        held = {name: descriptors(pid) for name, pid in pids.items()}
        for number, pid in enumerate(worker_processes(self._exchange)):
            kinds = descriptors(pid)  # it also opens files for its counts and for reference data as they are first used
            held[f"worker {number}"] = Counter(
                {kind: kinds[kind] for kind in kinds if kind == "socket" or ".mailbox" in kind}
            )
        return held

    def check_same(self) -> None:
        """No process holds more than it or its predecessor held; no socket and no counters are left over.

        Less is no fault: a caller's connection may have been about to end when this began.
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
    """Nobody calls any more: every mailbox is empty, every row archived, and the folder is right."""
    with connected(exchange) as client:
        shards = range(client.shard_count)
        until(lambda: all(client.is_serving(shard) for shard in shards), BACK_S, "all shards serve")
        until(lambda: not any(client.depth(shard) for shard in shards), QUIET_S, "every mailbox is empty")
        assert verify_folder(exchange.folder, client.ask_archive) == []


def check_at_rest(exchange: Exchange) -> None:
    """Stop both services; nothing is left of them, and the folder is right."""
    exchange.stop()
    assert exchange.strays == []
    assert [path.name for path in (exchange.data / "run").glob("*.mailbox")] == []
    assert verify_folder(exchange.folder) == []
