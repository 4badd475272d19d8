"""When the journal may forget: not before two snapshots cover it and the archive has its rows."""

from pathlib import Path

from shards.engine.engine import Engine
from shards.engine.outbox import ARCHIVE
from shards.engine.state import dump_state
from shards.model.codec import encode
from shards.model.commands import Deposit
from shards.runtime.recovery import apply_record, recover
from shards.runtime.snapshots import Snapshots
from storage.journal import Journal, Record
from storage.snapshot import list_snapshots


class Shard:
    """An engine, its journal and its snapshots, one after each third record."""

    def __init__(self, folder: Path) -> None:
        self.engine, self.journal = Engine(0, 1), Journal(folder / "journal.sqlite")
        self.snapshots = Snapshots(folder, 3, 0)

    def go_on(self, count: int) -> None:
        """So many inputs, each with a row for the archive."""
        for _ in range(count):
            sequence = self.engine.sequence + 1
            record = Record(sequence, 1_000, -1, 0, encode(Deposit("alice", "USDT", 5, f"number {sequence}")))
            self.journal.append([record])
            apply_record(self.engine, record)
            self.turn()

    def turn(self) -> None:
        """What follows a turn of the loop, until there is nothing more to do."""
        for _ in range(4):
            self.snapshots.step(self.engine, self.journal)
            self.snapshots.wait()

    def archive(self) -> None:
        """The archive has all rows."""
        self.engine.confirm(ARCHIVE, self.engine.outboxes[ARCHIVE].last_number)
        self.turn()


def test_nothing_is_trimmed_before_the_archive_has_its_rows(tmp_path: Path) -> None:
    shard = Shard(tmp_path)
    shard.go_on(7)
    assert len(list_snapshots(tmp_path)) == 2
    assert shard.journal.first_sequence() == 1
    shard.archive()
    assert shard.journal.first_sequence() == 4


def test_the_journal_reaches_back_to_the_oldest_snapshot(tmp_path: Path) -> None:
    """With the older of two snapshots and the rest of the journal the newer one can be proved, or done without."""
    shard = Shard(tmp_path)
    shard.go_on(4)
    shard.archive()
    assert shard.journal.first_sequence() == 1
    shard.go_on(6)
    shard.archive()
    oldest, newest = list_snapshots(tmp_path)
    assert shard.journal.first_sequence() == int(oldest.stem.removeprefix("snapshot-")) + 1
    newest.unlink()
    shard.journal.close()
    engine, journal, _ = recover(tmp_path, 0, 1)
    assert dump_state(engine) == dump_state(shard.engine)
    journal.close()
