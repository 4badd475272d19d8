"""When a shard takes snapshots, and what it may discard afterward.

A forked child writes the snapshot: it has a consistent state, while the parent continues.
"""

import gc
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from shards.engine.engine import Engine
from shards.engine.outbox import ARCHIVE
from shards.engine.state import dump_state, dump_underway
from shards.limits import SNAPSHOTS_KEPT_COUNT
from shards.model.reasons import RejectReason
from shards.model.replies import CountReply, Rejected
from shards.process import log
from storage.journal import Journal, Position
from storage.keeping import may_discard
from storage.snapshot import Snapshot, keep_newest, list_snapshots, remove_unfinished, sequence_of, write_snapshot

_PATIENCE_S = 0.5  # poll interval for pending work on an idle shard
_REQUESTED_PATIENCE_S = 0.02  # while a caller waits for it

Tell = Callable[[CountReply | Rejected], None]
"""Answers a snapshot request."""


class Snapshots:
    """The snapshots of one shard."""

    def __init__(self, folder: Path, every_records: int, sequence: int) -> None:
        """``sequence``: that of the newest snapshot, 0 if there is none."""
        self._folder = folder
        self._every = every_records
        self.sequence = sequence
        self._due = sequence + every_records
        self._child: int | None = None
        self._child_sequence = 0
        self._rows_needed: int | None = None  # archived before the journal is trimmed; None: not known yet
        self._surplus = True  # whether there may be surplus snapshots; at first some of an earlier run
        self._trim_until = 0
        self._waiting: list[Tell] = []
        self._answered_by_child: list[Tell] = []

    def patience_s(self) -> float | None:
        """Return how long the loop may wait for other work; None: indefinitely."""
        if self._answered_by_child:
            return _REQUESTED_PATIENCE_S
        return _PATIENCE_S if self._child is not None or self._surplus or self._trim_until else None

    def ask(self, tell: Tell) -> None:
        """Request a snapshot of everything applied so far; :meth:`step` passes its sequence to ``tell``."""
        self._waiting.append(tell)

    def step(self, engine: Engine, journal: Journal) -> bool:
        """Start, finish or clean up after a snapshot when due. Return whether a request was answered."""
        if self._child is not None:
            return self._reap()
        if self._waiting and engine.sequence == self.sequence:
            return self._answer(self._waiting, CountReply(self.sequence))
        if self._waiting or engine.sequence >= self._due:
            self._fork(engine, journal.last)
        elif self._surplus or self._trim_until:
            self._tidy(engine, journal)
        return False

    def wait(self, until_s: float = float("inf")) -> None:
        """Wait for a pending snapshot, at most until this ``time.monotonic`` time."""
        while self._child is not None and time.monotonic() < until_s:
            self._reap()
            time.sleep(0.001)

    def finish(self, engine: Engine, journal: Journal, patience_s: float) -> None:
        """Take a last snapshot so that the next start need not replay, unless it takes too long.

        Nothing is lost without it: the journal is complete.
        """
        until_s = time.monotonic() + patience_s
        self.wait(until_s)
        if self._child is None and engine.sequence > self.sequence:
            self._fork(engine, journal.last)
            self.wait(until_s)
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            remove_unfinished(self._folder)
            log.warning("no snapshot within %g s: the next start replays from record %d", patience_s, self.sequence)

    def _fork(self, engine: Engine, position: Position) -> None:
        self._child_sequence = position.sequence
        self._rows_needed = engine.outboxes[ARCHIVE].last_number
        self._due = position.sequence + self._every
        self._answered_by_child, self._waiting = self._waiting, []
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
        except Exception as error:
            log.error("the snapshot at record %d was not written: %s", position.sequence, error)
        finally:
            os._exit(status)

    def _reap(self) -> bool:
        assert self._child is not None
        pid, status = os.waitpid(self._child, os.WNOHANG)
        if not pid:
            return False
        self._child = None
        if status == 0:
            self.sequence = self._child_sequence
            self._surplus = True
            return self._answer(self._answered_by_child, CountReply(self.sequence))
        return self._answer(self._answered_by_child, Rejected(RejectReason.STORAGE_FULL))

    @staticmethod
    def _answer(requested: list[Tell], reply: CountReply | Rejected) -> bool:
        """Answer all requests; return whether there were any."""
        waiting = requested.copy()
        requested.clear()
        for tell in waiting:
            tell(reply)
        return bool(waiting)

    def _tidy(self, engine: Engine, journal: Journal) -> None:
        """Remove surplus snapshots or trim part of the journal before the oldest one kept, unless a backup runs."""
        if self._rows_needed is None:
            self._rows_needed = engine.outboxes[ARCHIVE].last_number
        if not self._surplus and engine.outboxes[ARCHIVE].confirmed < self._rows_needed:
            return
        with may_discard(self._folder) as allowed:
            if not allowed:
                return
            if self._surplus:
                self._remove_surplus()
            elif not journal.trim(self._trim_until):
                self._trim_until = 0

    def _remove_surplus(self) -> None:
        keep_newest(self._folder, SNAPSHOTS_KEPT_COUNT)
        kept = list_snapshots(self._folder)
        oldest = sequence_of(kept[0]) if kept else 0
        self._trim_until = oldest if len(kept) == SNAPSHOTS_KEPT_COUNT else 0
        self._surplus = False
