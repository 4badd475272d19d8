"""When a shard takes a snapshot, and what it may forget afterwards.

A forked child writes it: it has the state as of one moment, while the parent goes on.
"""

import gc
import os
from pathlib import Path

from shards.engine import Engine
from shards.limits import SNAPSHOTS_KEPT_COUNT
from shards.outbox import ARCHIVE
from shards.state import dump_state, dump_underway
from storage.journal import Journal, Position
from storage.snapshot import Snapshot, keep_newest, list_snapshots, write_snapshot

_TRIM_PATIENCE_S = 0.5  # between two pieces of trimming on an idle shard


class Snapshots:
    """The snapshots of one shard."""

    def __init__(self, folder: Path, every_records: int, sequence: int) -> None:
        """``sequence``: the position of the newest snapshot, 0 if there is none."""
        self._folder = folder
        self._every = every_records
        self.sequence = sequence
        self._due = sequence + every_records
        self._child: int | None = None
        self._child_sequence = 0
        self._child_rows = 0  # number of the newest row to the archive at that moment
        self._trim_until = 0

    def patience_s(self) -> float | None:
        """How long the loop may wait for other work; None: for ever."""
        return _TRIM_PATIENCE_S if self._child is not None or self._trim_until else None

    def step(self, engine: Engine, journal: Journal) -> None:
        """Start, finish or clean up after a snapshot, as it is time."""
        if self._child is not None:
            self._reap()
        elif engine.sequence >= self._due:
            self._fork(engine, journal.last)
        elif self._trim_until:
            self._trim(engine, journal)

    def wait(self) -> None:
        """Let a snapshot under way finish."""
        if self._child is not None:
            self._finish(os.waitpid(self._child, 0)[1])

    def _fork(self, engine: Engine, position: Position) -> None:
        self._child_sequence = position.sequence
        self._child_rows = engine.outboxes[ARCHIVE].last_number
        self._due = position.sequence + self._every
        pid = os.fork()
        if pid:
            self._child = pid
            return
        status = 1
        try:
            # the parent's sockets must close when the parent dies, not when this child ends
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            gc.disable()
            write_snapshot(self._folder, Snapshot(position, dump_state(engine), dump_underway(engine)))
            status = 0
        finally:
            os._exit(status)

    def _reap(self) -> None:
        assert self._child is not None
        pid, status = os.waitpid(self._child, os.WNOHANG)
        if pid:
            self._finish(status)

    def _finish(self, status: int) -> None:
        self._child = None
        if status == 0:
            self.sequence = self._child_sequence
            keep_newest(self._folder, SNAPSHOTS_KEPT_COUNT)
            kept = list_snapshots(self._folder)
            oldest = int(kept[0].stem.removeprefix("snapshot-"))
            self._trim_until = oldest if len(kept) == SNAPSHOTS_KEPT_COUNT else 0

    def _trim(self, engine: Engine, journal: Journal) -> None:
        """Remove a piece of the journal before the oldest kept snapshot, once the archive has its rows."""
        if engine.outboxes[ARCHIVE].confirmed >= self._child_rows and not journal.trim(self._trim_until):
            self._trim_until = 0
