"""The disk of one shard, in memory: its journal and its snapshots, and their failures.

Its contents survive the process. A batch is written completely or not at all.
"""

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence

from shards.engine.engine import Engine
from shards.engine.outbox import ARCHIVE
from shards.engine.state import dump_state, dump_underway
from shards.limits import SNAPSHOTS_KEPT_COUNT
from storage.journal import START, JournalDamaged, Position, Record, StorageFull, chain
from storage.snapshot import Snapshot
from tests.sim.network import Killed, Life

KEEPING = 0.5  # probability that a batch is on disk when its sync failed, or its process died in it
TRIM_COUNT = 60  # records removed at once


class SimDisk:
    """One shard's files."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.full = False
        self.fails_next = False  # the next sync fails
        self.history: list[tuple[Record, int]] = []  # everything ever written, with checksums; never trimmed
        self.first = 1  # the oldest record not trimmed
        self.snapshots: list[Snapshot] = []  # oldest first

    def records(self, after: int, until: int) -> list[tuple[Record, int]]:
        """The journal's records past ``after``."""
        return self.history[max(after, self.first - 1) : until]


class SimJournal:
    """Stand-in for a shard's Journal, for one life."""

    def __init__(self, disk: SimDisk, life: Life, written: Callable[[Sequence[Record]], None]) -> None:
        """``written`` is called with the records that reached the disk."""
        self.last = START
        self._disk = disk
        self._life = life
        self._written = written

    def append(self, records: Sequence[Record]) -> None:
        disk = self._disk
        assert records[0].sequence == self.last.sequence + 1, "journal sequences have no gaps"
        if disk.full:
            raise StorageFull("the disk is full")
        try:
            self._life.call()
        except Killed:
            self._keep_by_chance(records)
            raise
        if disk.fails_next:
            disk.fails_next = False
            self._keep_by_chance(records)
            raise sqlite3.OperationalError("disk I/O error")
        self.write(records)

    def write(self, records: Sequence[Record]) -> None:
        """Write ``records`` to disk."""
        sequence, checksum = self.last
        assert sequence == len(self._disk.history), "two processes write to one journal"
        for record in records:
            checksum = chain(checksum, record)
            self._disk.history.append((record, checksum))
        self.last = Position(records[-1].sequence, checksum)
        self._written(records)

    def _keep_by_chance(self, records: Sequence[Record]) -> None:
        if self._disk.chance.random() < KEEPING:
            self.write(records)

    def read(self, after: Position, until: int | None = None) -> Iterator[Record]:
        self.last = after
        for record, checksum in self._disk.records(after.sequence, len(self._disk.history) if until is None else until):
            if record.sequence != self.last.sequence + 1 or chain(self.last.checksum, record) != checksum:
                raise JournalDamaged(f"record {record.sequence}")
            self.last = Position(record.sequence, checksum)
            yield record

    def trim(self, until: int) -> int:
        if self._disk.full:
            return 0
        first = max(self._disk.first, min(until + 1, self.last.sequence, self._disk.first + TRIM_COUNT))
        removed, self._disk.first = first - self._disk.first, first
        return removed


class SimSnapshots:
    """Stand-in for a shard's Snapshots, for one life: a child writes one, for some turns, and dies with it."""

    def __init__(self, disk: SimDisk, every_records: int) -> None:
        self._disk = disk
        self._every = every_records
        self.sequence = disk.snapshots[-1].position.sequence if disk.snapshots else 0
        self._due = self.sequence + every_records
        self._child: Snapshot | None = None
        self._turns_left = 0
        self._child_rows = 0
        self._trim_until = 0

    def step(self, engine: Engine, journal: SimJournal) -> None:
        if self._child is not None:
            self._turns_left -= 1
            if self._turns_left <= 0:
                self._finish(self._child)
        elif engine.sequence >= self._due:
            self._child = Snapshot(journal.last, dump_state(engine), dump_underway(engine))
            self._child_rows = engine.outboxes[ARCHIVE].last_number
            self._due = engine.sequence + self._every
            self._turns_left = self._disk.chance.randint(0, 20)
        elif self._trim_until:
            self._trim(engine, journal)

    def patience_s(self) -> float | None:
        return None

    def _finish(self, written: Snapshot) -> None:
        self._child = None
        if self._disk.full:
            return
        self.sequence = written.position.sequence
        self._disk.snapshots = [*self._disk.snapshots, written][-SNAPSHOTS_KEPT_COUNT:]
        kept = self._disk.snapshots
        self._trim_until = kept[0].position.sequence if len(kept) == SNAPSHOTS_KEPT_COUNT else 0

    def _trim(self, engine: Engine, journal: SimJournal) -> None:
        if engine.outboxes[ARCHIVE].confirmed >= self._child_rows and not journal.trim(self._trim_until):
            self._trim_until = 0
