"""From disk to a running engine: the newest intact snapshot, then the journal after it through the same ``apply``."""

from collections.abc import Callable
from pathlib import Path

from shards.engine.engine import Engine
from shards.engine.state import dump_state, load_engine
from shards.model.codec import decode_input
from storage.journal import START, Journal, JournalDamaged, Position, Record
from storage.snapshot import Snapshot, SnapshotDamaged, list_snapshots, read_snapshot, state_hash


def apply_record(engine: Engine, record: Record) -> None:
    """Apply one journal record and discard the reply.

    Raises JournalDamaged if it is inconsistent with the records before.
    """
    try:
        engine.apply(record.sequence, record.stamp_ms, record.source, record.number, decode_input(record.body))
    except Exception as error:
        raise JournalDamaged(f"record {record.sequence} does not fit what came before: {error!r}") from error


def engine_at(snapshot: Snapshot | None, shard: int, shard_count: int) -> tuple[Engine, Position]:
    """Return the engine of a snapshot, or an empty one, and its journal position.

    Raises SnapshotDamaged if the loaded state differs from the written one.
    """
    if snapshot is None:
        return Engine(shard, shard_count), START
    engine = load_engine(snapshot.state, snapshot.underway)
    same = engine.sequence == snapshot.position.sequence
    if not same or state_hash(dump_state(engine)) != state_hash(snapshot.state):
        raise SnapshotDamaged(f"the snapshot at record {snapshot.position.sequence} does not load to its own state")
    return engine, snapshot.position


def check_reaches(journal: Journal, folder: Path, position: Position) -> None:
    """Check that the journal of ``folder`` contains a snapshot's position. Raises JournalDamaged."""
    last = journal.last_sequence()
    if last < position.sequence:
        raise JournalDamaged(f"{folder}: the journal ends at record {last}, before its snapshot at {position.sequence}")
    if journal.checksum(position.sequence) not in (None, position.checksum):
        raise JournalDamaged(f"{folder}: record {position.sequence} is not the one at which its snapshot was taken")


def newest_snapshot(folder: Path) -> Snapshot | None:
    """Return the newest snapshot; None if there is none. Raises SnapshotDamaged: an older one is not used instead."""
    for path in reversed(list_snapshots(folder)):
        try:
            return read_snapshot(path)
        except FileNotFoundError:
            continue
    return None


def recover(
    folder: Path, shard: int, shard_count: int, progress: Callable[[int, int], None] = lambda done, all_: None
) -> tuple[Engine, Journal, int]:
    """Return the recovered engine, its journal ready to append, and the snapshot's sequence (0: none).

    ``progress`` is called with the last replayed record and the journal's last one. Raises JournalDamaged or
    SnapshotDamaged with the location.
    """
    journal = Journal(folder / "journal.sqlite")
    try:
        engine, sequence = _replay(folder, journal, shard, shard_count, progress)
    except BaseException:
        journal.close()
        raise
    return engine, journal, sequence


def _replay(
    folder: Path, journal: Journal, shard: int, shard_count: int, progress: Callable[[int, int], None]
) -> tuple[Engine, int]:
    """Return the engine at the journal's end, and the snapshot's sequence."""
    kept = journal.last_sequence()
    progress(0, kept)
    snapshot = newest_snapshot(folder)
    engine, position = engine_at(snapshot, shard, shard_count)
    check_reaches(journal, folder, position)
    journal.check_end()
    progress(position.sequence, kept)
    for record in journal.read(position):
        apply_record(engine, record)
        progress(record.sequence, kept)
    return engine, position.sequence
