"""Starts the shards and the archive, restarts crashed processes, replaces stalled ones, and stops all in order."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any

from shards.archive.process import run_archive
from shards.folder import Folder
from shards.limits import RESTART_PAUSE_MIN_S, SNAPSHOT_STOP_MS, STOP_MS
from shards.process import EXIT_DAMAGED, enter, lock_file, log
from shards.restarts import Restarts
from shards.runtime.process import run_shard
from shards.settings import Settings, count_shards, default_shard_count
from shards.vitals import ARCHIVE_NAME, ENGINE, State, Vitals, vitals_path
from shards.watch import ClockWatch, StillWatch
from storage.reference_file import ReferenceFile

_LOCK_PATIENCE_S = 1  # checking whether an engine runs holds the lock for a moment
_context = multiprocessing.get_context("spawn")  # a fresh interpreter: it inherits nothing of the supervisor


class Child:
    """One process and its restarts."""

    def __init__(self, folder: Folder, name: str, target: Callable[..., None], settings: Settings, *args: Any) -> None:
        self.name = name
        self._target = target
        self._args = (settings, *args)
        self._watch = StillWatch(name, vitals_path(folder, name))
        self._still_s_max = settings.still_s
        self._restarts = Restarts()
        self.process: SpawnProcess | None = None
        self.given_up = False

    def is_due(self) -> bool:
        return self.process is None and not self.given_up and self._restarts.is_due()

    def start(self) -> None:
        self._restarts.started()
        self.process = _context.Process(target=self._target, args=self._args, name=self.name)
        self.process.start()

    def look(self) -> None:
        """Check its heartbeat; a process that stalls for too long is killed, to be restarted."""
        if self.process is None or self.process.pid is None:
            return
        self._watch.look(self.process.pid)
        if self._watch.still_s >= self._still_s_max:
            still_s = self._watch.still_s
            log.error(
                "%s (pid %d) has been stalled for %.0f s and is being replaced", self.name, self.process.pid, still_s
            )
            self.process.kill()
            self.process.join()

    def reap(self) -> None:
        """Schedule the next start after its end.

        Immediately if it was killed; with growing delays if it fails by itself repeatedly; never if its data is
        damaged.
        """
        assert self.process is not None
        self.process.join()
        code, self.process = self.process.exitcode, None
        if code == EXIT_DAMAGED:
            self.given_up = True
            log.error("%s will not be restarted: its data needs attention", self.name)
            return
        self._restarts.ended(failed=code is not None and code > 0)
        log.warning("%s ended with %s and is being restarted", self.name, code)

    def stop(self) -> None:
        """Send it SIGTERM."""
        if self.process is not None:
            self.process.terminate()

    def end(self, until: float) -> None:
        """Wait for its end, then kill it."""
        if self.process is None:
            return
        self.process.join(max(0.1, until - time.monotonic()))
        if self.process.is_alive():
            log.error("%s did not stop and was killed", self.name)
            self.process.kill()
            self.process.join()


def supervise(settings: Settings) -> None:
    """Run the engine until SIGTERM or SIGINT.

    Raises FolderError, ReferenceUnusable or LockTaken before anything is started.
    """
    enter("shardex engine")
    fresh = not os.path.exists(settings.data / "shardex.json")  # or inaccessible: Folder.open reports that
    count = settings.shard_count or (default_shard_count() if fresh else None)
    folder = Folder.open(settings.data, count)
    folder.secrets()
    ReferenceFile(folder.reference).close()  # must be intact, or nothing is started
    lock_file(folder.run / f"{ENGINE}.lock", _LOCK_PATIENCE_S)
    clock = ClockWatch(_tell(folder))
    shards = [Child(folder, f"shard-{index}", run_shard, settings, index) for index in range(folder.shard_count)]
    archive = Child(folder, ARCHIVE_NAME, run_archive, settings)
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log.info("%s on %s", count_shards(folder.shard_count), settings.data)
    while not stopping:
        clock.look()
        _tend([*shards, archive])
    _stop(shards, (2 * STOP_MS + SNAPSHOT_STOP_MS) / 1000)
    _stop([archive], 2 * STOP_MS / 1000)  # last: it stores what the shards flush
    log.info("stopped")


def _tell(folder: Folder) -> Vitals:
    """Return the supervisor's vitals; without disk space they are not published, and it runs anyway."""
    try:
        vitals = Vitals(vitals_path(folder, ENGINE))
    except OSError as error:
        log.warning("the supervisor's heartbeat cannot be written: %s", error)
        vitals = Vitals(None)
    vitals.state = State.SERVING
    return vitals


def _tend(children: list[Child]) -> None:
    """Start due processes, check running ones and reap ended ones; wait a moment for one to end."""
    for child in children:
        if child.is_due():
            child.start()
        child.look()
    by_sentinel = {child.process.sentinel: child for child in children if child.process is not None}
    for sentinel in wait(list(by_sentinel), timeout=RESTART_PAUSE_MIN_S):
        by_sentinel[sentinel].reap()  # type: ignore[index]


def _stop(children: list[Child], patience_s: float) -> None:
    for child in children:
        child.stop()
    until = time.monotonic() + patience_s
    for child in children:
        child.end(until)
