"""Recovery refuses what does not fit together, though each part of it is whole."""

import sqlite3
from pathlib import Path

import pytest

from shards.engine.engine import Engine
from shards.engine.state import dump_state, dump_underway
from shards.model.codec import encode
from shards.model.commands import Deposit
from shards.runtime.recovery import apply_record, recover
from storage.journal import Journal, JournalDamaged, Record
from storage.snapshot import Snapshot, SnapshotDamaged, write_snapshot


def fill(folder: Path, count: int) -> tuple[Engine, Journal]:
    """So many deposits, journaled and applied."""
    engine, journal = Engine(0, 1), Journal(folder / "journal.sqlite")
    for sequence in range(1, count + 1):
        record = Record(sequence, 1_000, -1, 0, encode(Deposit("alice", "USDT", 5, f"number {sequence}")))
        journal.append([record])
        apply_record(engine, record)
    return engine, journal


def test_a_snapshot_and_the_journal_after_it(tmp_path: Path) -> None:
    engine, journal = fill(tmp_path, 3)
    write_snapshot(tmp_path, Snapshot(journal.last, dump_state(engine), dump_underway(engine)))
    journal.close()
    again, journal, sequence = recover(tmp_path, 0, 1)
    assert (dump_state(again), sequence, journal.last.sequence) == (dump_state(engine), 3, 3)
    journal.close()


def test_a_snapshot_that_does_not_load_to_itself_is_refused(tmp_path: Path) -> None:
    """Its hash is right: it was written so, by a program that dumps what it does not load."""
    engine, journal = fill(tmp_path, 3)
    state = dump_state(engine).replace(b'"USDT"', b'"US\\u0044T"')
    write_snapshot(tmp_path, Snapshot(journal.last, state, dump_underway(engine)))
    journal.close()
    with pytest.raises(SnapshotDamaged, match="does not load to its own state"):
        recover(tmp_path, 0, 1)


def test_a_journal_that_ends_before_its_snapshot_is_refused(tmp_path: Path) -> None:
    engine, journal = fill(tmp_path, 3)
    write_snapshot(tmp_path, Snapshot(journal.last, dump_state(engine), dump_underway(engine)))
    journal.close()
    with sqlite3.connect(tmp_path / "journal.sqlite") as db:
        db.execute("DELETE FROM journal WHERE sequence > 1")
    db.close()
    with pytest.raises(JournalDamaged, match="ends at record 1, before its snapshot at 3"):
        recover(tmp_path, 0, 1)
