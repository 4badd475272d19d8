"""Faults injected into an exchange under load. Each returns the time of its (last) injection."""

import os
import resource
import signal
import time
from pathlib import Path
from typing import Final

from tests.crash.calls import now
from tests.crash.processes import (
    BACK_S,
    archive_process,
    kill_everything,
    kill_service,
    serving_process,
    shard_process,
    stopped,
    worker_processes,
)
from tests.crash.storm import Storm
from tests.exchange import Exchange, kill, until
from web.cli.run import STOP_S, Service

_FAULTS: Final = (str(Path(__file__).with_name("failing_sync")), *filter(None, [os.environ.get("PYTHONPATH")]))
SYNCS_MAY_FAIL: Final = {"PYTHONPATH": os.pathsep.join(_FAULTS)}  # settings of an exchange
SYNC_FAILED: Final = "disk I/O error"  # in its log
STILL_S: Final = 5.0  # longer than a command's deadline


def strike(pid: int) -> float:
    """kill -9, now."""
    moment = now()
    kill(pid)
    return moment


def kill_a_shard(storm: Storm, shard: int) -> float:
    """At an arbitrary moment."""
    return strike(shard_process(storm.exchange, shard))


def kill_in_recovery(storm: Storm, shard: int) -> float:
    """Once, and again at an arbitrary point of its recovery."""
    pid = shard_process(storm.exchange, shard)
    kill(pid)
    pid = shard_process(storm.exchange, shard, after=pid)
    time.sleep(storm.rnd.uniform(0, 0.05))
    return strike(pid)


def kill_in_snapshot(storm: Storm, shard: int) -> float:
    """While its child process writes a snapshot."""
    pid = shard_process(storm.exchange, shard)
    folder = storm.exchange.folder.shard(shard)
    end = time.monotonic() + BACK_S
    while not any(name.startswith(".snapshot-") for name in os.listdir(folder)):
        assert time.monotonic() < end, "no snapshot was seen"
    time.sleep(storm.rnd.uniform(0, 0.005))
    return strike(pid)


def kill_a_worker(storm: Storm, _: int = 0) -> float:
    """A random gunicorn worker."""
    return strike(storm.rnd.choice(worker_processes(storm.exchange)))


def kill_the_archive(storm: Storm, _: int = 0) -> float:
    """At an arbitrary moment, possibly within a transaction."""
    return strike(archive_process(storm.exchange))


def kill_the_supervisor(storm: Storm, _: int = 0) -> float:
    """The engine's child processes end by themselves; then it is restarted."""
    moment = now()
    kill_service(storm.exchange.engine)
    return moment


def kill_all(storm: Storm, _: int = 0) -> float:
    """Every process of both services at once."""
    moment = now()
    kill_everything(storm.exchange)
    return moment


def stand_still(storm: Storm, shard: int) -> float:
    """SIGSTOP for longer than any order's deadline, while the others continue. Returns the time of SIGCONT."""
    with stopped(shard_process(storm.exchange, shard)):
        seen = len(storm.load.calls)
        time.sleep(STILL_S)
        others = [
            call
            for call in storm.load.calls[seen:]
            if call.shards and shard not in {*call.shards, call.owner.account_shard}
        ]
        assert any(call.status == 200 for call in others), f"while shard {shard} stood still nobody was served"
    return now()


def fail_writes(storm: Storm, shard: int) -> float:
    """All its writes fail: it ends, and its successor can write."""
    pid = serving_process(storm.exchange, shard)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
    until(lambda: pid not in storm.exchange.processes(), BACK_S, "a shard that cannot write ends")
    return now()


def fail_syncs(storm: Storm, shard: int) -> float:
    """Its writes succeed but its syncs fail: it ends, and its successor's syncs succeed."""
    pid, noted = serving_process(storm.exchange, shard), storm.exchange.log().count(SYNC_FAILED)
    os.kill(pid, signal.SIGUSR1)
    until(lambda: pid not in storm.exchange.processes(), BACK_S, "a shard that cannot sync ends")
    assert storm.exchange.log().count(SYNC_FAILED) > noted, "it ended, but not by its disk"
    return now()


def end_orderly(storm: Storm, _: int = 0) -> float:
    """SIGTERM to one of the services, and a restart. Returns the time of its end: until then it serves."""
    return restart(storm.rnd.choice((storm.exchange.web, storm.exchange.engine)))


def reload(storm: Storm, _: int = 0) -> float:
    """SIGHUP to gunicorn."""
    moment = now()
    reload_workers(storm.exchange)
    return moment


def restart(service: Service) -> float:
    """SIGTERM, and a restart once everything has ended by itself; returns the time in between."""
    assert service.stop(STOP_S[service.name]), f"the {service.name} side had to be killed"
    moment = now()
    service.start()
    return moment


def reload_workers(exchange: Exchange) -> None:
    """SIGHUP, and wait until all workers are new, and as many as before."""
    before = set(worker_processes(exchange))
    assert exchange.web.pid is not None
    os.kill(exchange.web.pid, signal.SIGHUP)

    def are_new() -> bool:
        now = set(exchange.worker_pids())
        return len(now) >= len(before) and not now & before

    until(are_new, BACK_S, "all workers are new")
