"""Verification of a data folder from the outside, at rest or under a running engine; nothing is written.

Every journal is read and replayed: gaps, checksums, the state hash at each snapshot. The shards are advanced to one
consistent moment (no shard has received what its sender has not sent), at which all invariants are checked. Then the
archive's rows are compared with the events of the replay, and the reference file with the assets and markets in the
journals. At rest, every message that a receiver lacks must still be held by its sender.
"""

from contextlib import closing
from pathlib import Path

import duckdb

from shards.archive.mark import HistoryLost
from shards.archive.service import History
from shards.engine.engine import Engine
from shards.engine.state import dump_state
from shards.folder import Folder
from shards.model.queries import GetArchiveStatus
from shards.model.replies import ArchiveStatus
from shards.runtime.recovery import apply_record, engine_at
from shards.runtime.terms import find_differences
from shards.verify.archive import Ask, Unanswered, compare_archive
from shards.verify.invariants import find_violations
from shards.verify.links import find_gaps
from storage.files import describe_fault
from storage.journal import Journal, JournalDamaged, StorageUnavailable
from storage.reference_file import ReferenceFile, ReferenceUnusable, Terms
from storage.snapshot import Snapshot, SnapshotDamaged, list_snapshots, read_snapshot, state_hash

_TRIES = 3  # a running shard may replace a snapshot and trim its journal while they are read


class _Moved(Exception):
    """The files changed while they were read."""


class _Replay:
    """One shard replayed from its files, at a position that can be advanced."""

    def __init__(self, folder: Path, shard: int, shard_count: int) -> None:
        self.paths = list_snapshots(folder)
        self._folder = folder
        self._journal = Journal(folder / "journal.sqlite", read_only=True)
        self._journal.check_end()
        self._snapshots = [read_snapshot(path) for path in self.paths]
        whole = self._journal.first_sequence() <= 1
        start = None if whole or not self._snapshots else self._snapshots[0]
        self.engine, self._position = engine_at(start, shard, shard_count)
        self.engine.accounts.margins.watched = True
        self.findings: list[str] = []

    @property
    def newest(self) -> Snapshot | None:
        """The snapshot the shard would start from."""
        return self._snapshots[-1] if self._snapshots else None

    def advance_to_end(self) -> None:
        """Replay everything on disk now, and compare with every snapshot on the way."""
        end = self._journal.last_sequence()
        for snapshot in self._snapshots:
            if self.engine.sequence <= snapshot.position.sequence <= end:
                self._advance(snapshot.position.sequence)
                self._compare(snapshot)
        self._advance(end)
        if self._snapshots and self._snapshots[-1].position.sequence > end:
            self.findings.append(f"the journal ends at record {end}, before its newest snapshot")

    def advance_one(self) -> bool:
        """Replay one more record; False if there is none."""
        before = self.engine.sequence
        self._advance(before + 1)
        return self.engine.sequence > before

    def moved(self) -> bool:
        """Whether a snapshot was added or removed since the start."""
        return list_snapshots(self._folder) != self.paths

    def close(self) -> None:
        self._journal.close()

    def _advance(self, until: int) -> None:
        for record in self._journal.read(self._position, until):
            apply_record(self.engine, record)
            self._position = self._journal.last

    def _compare(self, snapshot: Snapshot) -> None:
        if state_hash(dump_state(self.engine)) != state_hash(snapshot.state):
            self.findings.append(f"replay and snapshot differ at record {snapshot.position.sequence}")


def verify_folder(folder: Folder, ask_archive: Ask | None = None) -> list[str]:
    """Return a description of every fault; empty if there is none.

    ``ask_archive`` queries the archive of a running engine; without it the DuckDB file is opened, which requires the
    engine to be stopped.
    """
    if ask_archive is not None:
        return _verify(folder, ask_archive, at_rest=False)
    try:
        history = History(folder.history, bytes.fromhex(folder.secrets().id_key))
    except HistoryLost as lost:
        return [f"archive: {lost}"]
    except duckdb.Error as fault:
        return [f"archive: {folder.history} cannot be opened: {fault}"]
    except OSError as error:
        return [f"archive: {describe_fault(error, folder.history)}"]
    try:
        return _verify(folder, history.answer, at_rest=True)
    finally:
        history.close()


def _verify(folder: Folder, ask: Ask, *, at_rest: bool) -> list[str]:
    for _ in range(_TRIES):
        try:
            return _verify_once(folder, ask, at_rest=at_rest)
        except _Moved:
            continue
    return ["the shards take snapshots faster than they can be read: try again under less load"]


def _verify_once(folder: Folder, ask: Ask, *, at_rest: bool) -> list[str]:
    status = ask(GetArchiveStatus())  # before the journals are read: they are ahead of the archive, never behind
    replays: list[_Replay] = []
    try:
        before = _read_terms(folder)  # before the journals for the same reason: whatever is active is journaled
        for shard in range(folder.shard_count):
            found = _open(folder, shard, replays)
            if found:
                return found
        engines = [replay.engine for replay in replays]
        findings = [f"shard {shard}: {text}" for shard, replay in enumerate(replays) for text in replay.findings]
        _bring_together(replays)
        findings += find_violations(engines)
        findings += _compare_terms(engines, before, _read_terms(folder))
        if not isinstance(status, ArchiveStatus):
            return [*findings, f"archive: cannot be queried: {status}"]
        if at_rest:
            findings += find_gaps(engines, [replay.newest for replay in replays], status)
        return findings + [f"archive: {text}" for text in compare_archive(engines, status, ask)]
    except ReferenceUnusable as error:
        return [f"reference: {error}"]
    except Unanswered as error:
        return [f"archive: cannot be compared: {error}"]
    finally:
        for replay in replays:
            replay.close()


def _read_terms(folder: Folder) -> Terms:
    with closing(ReferenceFile(folder.reference)) as file:
        return file.terms()


def _compare_terms(engines: list[Engine], before: Terms, after: Terms) -> list[str]:
    return [f"shard {engine.shard}: {text}" for engine in engines for text in find_differences(engine, before, after)]


def _open(folder: Folder, shard: int, replays: list[_Replay]) -> list[str]:
    """Open and replay one shard; return descriptions of damage."""
    own = folder.shard(shard)
    before = list_snapshots(own)
    try:
        replay = _Replay(own, shard, folder.shard_count)
        replays.append(replay)
        replay.advance_to_end()
    except (JournalDamaged, SnapshotDamaged, StorageUnavailable, OSError) as damage:
        if list_snapshots(own) != before:
            raise _Moved from damage
        return [f"shard {shard}: {describe_fault(damage, own) if isinstance(damage, OSError) else damage}"]
    return []


def _bring_together(replays: list[_Replay]) -> None:
    """Advance senders until no shard has received what its sender has not sent.

    Under a running engine the journals were read one after the other; what a receiver has, its sender has journaled
    before.
    """
    again = True
    while again:
        again = False
        for sender in replays:
            for receiver in replays:
                while _is_ahead(receiver.engine, sender.engine) and sender.advance_one():
                    again = True


def _is_ahead(receiver: Engine, sender: Engine) -> bool:
    if receiver is sender:
        return False
    return receiver.received[sender.shard] > sender.outboxes[receiver.shard].last_number
