"""The journal on a real disk: dense, checked, an exact prefix after any tear, and unharmed by a full disk."""

import random
import resource
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from storage.journal import START, Journal, JournalDamaged, Position, Record, StorageFull, chain
from tests.model.seeds import read_count, read_seed


def make_records(first: int, count: int, size: int = 40) -> list[Record]:
    return [
        Record(sequence, 1_000 + sequence, -1, 0, (b"%d," % sequence) * (size // 4))
        for sequence in range(first, first + count)
    ]


def fill(path: Path, batches: int = 10, batch_size: int = 5, size: int = 40) -> Journal:
    journal = Journal(path)
    for batch in range(batches):
        journal.append(make_records(batch * batch_size + 1, batch_size, size))
    return journal


def read_all(path: Path, after: Position = START) -> list[Record]:
    journal = Journal(path)
    try:
        return list(journal.read(after))
    finally:
        journal.close()


def change(path: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(path) as db:
        db.execute(sql, values)
    db.close()


class Disk:
    """Where one journal lies: may be full."""

    def __init__(self) -> None:
        self._opened: list[sqlite3.Connection] = []

    def connect(self, *args: Any, **options: Any) -> sqlite3.Connection:
        self._opened.append(sqlite3.connect(*args, **options))
        return self._opened[-1]

    def ask(self, pragma: str) -> Any:
        """Of the newest connection."""
        return self._opened[-1].execute(f"PRAGMA {pragma}").fetchone()[0]

    def leave(self, pages: int) -> None:
        """Let the file grow by so many pages."""
        self.ask(f"max_page_count = {self.ask('page_count') + pages}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def test_what_was_appended_is_read_back_in_order(path: Path) -> None:
    fill(path).close()
    assert read_all(path) == make_records(1, 50)


def test_a_new_file_is_empty_and_private(path: Path) -> None:
    journal = Journal(path)
    assert (journal.first_sequence(), journal.last_sequence(), list(journal.read(START))) == (0, 0, [])
    assert path.stat().st_mode & 0o077 == 0
    journal.close()


def test_appending_goes_on_after_reading(path: Path) -> None:
    fill(path).close()
    journal = Journal(path)
    assert len(list(journal.read(START))) == 50
    journal.append(make_records(51, 5))
    journal.close()
    assert read_all(path) == make_records(1, 55)


def test_reading_can_start_at_any_known_position(path: Path) -> None:
    journal = fill(path)
    list(journal.read(START, 23))
    position = journal.last
    assert position.sequence == 23
    assert list(journal.read(position, 30)) == make_records(24, 7)
    journal.close()


def test_a_gap_in_what_is_appended_is_a_fault_of_the_program(path: Path) -> None:
    journal = fill(path)
    with pytest.raises(AssertionError):
        journal.append(make_records(52, 1))
    with pytest.raises(AssertionError):
        journal.append(make_records(50, 1))
    journal.close()
    assert read_all(path) == make_records(1, 50)


def test_the_checksum_covers_every_field_and_the_record_before() -> None:
    record = make_records(1, 1)[0]
    others = [
        chain(1, record),
        *(chain(0, record._replace(**{name: getattr(record, name) + 1})) for name in record._fields[:-1]),
        chain(0, record._replace(body=record.body + b"x")),
    ]
    assert chain(0, record) not in others


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("UPDATE journal SET body = CAST(body || '.' AS BLOB) WHERE sequence = 17", "record 17 does not match"),
        ("UPDATE journal SET stamp_ms = stamp_ms + 1 WHERE sequence = 17", "record 17 does not match"),
        ("UPDATE journal SET source = 2 WHERE sequence = 17", "record 17 does not match"),
        ("UPDATE journal SET number = 2 WHERE sequence = 17", "record 17 does not match"),
        ("UPDATE journal SET checksum = checksum + 1 WHERE sequence = 17", "record 17 does not match"),
        ("DELETE FROM journal WHERE sequence = 17", "record 17 is missing"),
        ("DELETE FROM journal WHERE sequence BETWEEN 17 AND 19", "record 17 is missing"),
        ("DELETE FROM journal WHERE sequence = 1", "record 1 is missing"),
        ("UPDATE journal SET sequence = sequence + 100 WHERE sequence >= 17", "record 17 is missing"),
    ],
)
def test_a_changed_or_removed_record_is_named_and_nothing_after_it_is_read(path: Path, sql: str, place: str) -> None:
    fill(path).close()
    change(path, sql)
    journal = Journal(path)
    read = []
    with pytest.raises(JournalDamaged, match=place):
        for record in journal.read(START):
            read.append(record)
    journal.close()
    assert read == make_records(1, len(read))
    assert len(read) == int(place.split()[1]) - 1


def test_records_that_changed_places_are_noticed(path: Path) -> None:
    fill(path).close()
    for before, after in ((17, -1), (18, 17), (-1, 18)):
        change(path, "UPDATE journal SET sequence = ? WHERE sequence = ?", after, before)
    with pytest.raises(JournalDamaged, match="record 17 does not match"):
        read_all(path)


def test_a_position_of_another_journal_does_not_fit(path: Path) -> None:
    fill(path).close()
    with pytest.raises(JournalDamaged, match="record 21 does not match"):
        read_all(path, Position(20, 12345))


def test_an_unknown_format_is_refused(path: Path) -> None:
    fill(path).close()
    change(path, "UPDATE facts SET value = 99 WHERE name = 'format'")
    with pytest.raises(JournalDamaged, match="format 99"):
        Journal(path)


def test_what_is_not_a_database_is_refused(path: Path) -> None:
    path.write_bytes(b"this is no database, " * 1_000)
    with pytest.raises(JournalDamaged, match="is not a database"):
        Journal(path)


def test_trimming_takes_the_oldest_in_pieces_and_leaves_the_newest(path: Path) -> None:
    journal = fill(path)
    list(journal.read(START, 30))
    position = journal.last
    list(journal.read(position))
    assert [journal.trim(30, 20), journal.trim(30, 20), journal.trim(30, 20)] == [20, 10, 0]
    assert (journal.first_sequence(), journal.last_sequence()) == (31, 50)
    assert list(journal.read(position)) == make_records(31, 20)
    journal.trim(1_000)
    assert (journal.first_sequence(), journal.last_sequence()) == (50, 50)
    journal.append(make_records(51, 1))
    journal.close()


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("DELETE FROM journal WHERE sequence > 45", "ends at record 45, but record 50 was acknowledged"),
        ("DELETE FROM journal", "ends at record 0, but record 50 was acknowledged"),
        ("UPDATE journal SET checksum = checksum + 1 WHERE sequence = 50", "record 50 is not the one"),
        ("DELETE FROM journal WHERE sequence < 50", ""),
        ("UPDATE journal SET checksum = checksum + 1 WHERE sequence = 49", ""),
    ],
)
def test_what_was_acknowledged_must_be_there(path: Path, sql: str, place: str) -> None:
    """The mark beside it says how much; where there is none, nothing is known. A reader does not move it."""
    fill(path).close()
    Journal(path, read_only=True).close()
    change(path, sql)
    journal = Journal(path)
    if place:
        with pytest.raises(JournalDamaged, match=place):
            journal.check_end()
    else:
        journal.check_end()
    journal.close()
    path.with_suffix(".mark").unlink()
    journal = Journal(path)
    journal.check_end()
    journal.close()


@pytest.mark.parametrize(("after", "until"), [(0, 50), (0, 7), (20, 50), (20, 21), (50, 50), (23, 23), (0, 0)])
def test_a_copy_goes_on_where_its_snapshot_ends(path: Path, tmp_path: Path, after: int, until: int) -> None:
    """Without further records it has the one that the next must follow, and it is appended to like the original."""
    journal, target = fill(path), tmp_path / "copy.sqlite"
    list(journal.read(START, after))
    position = journal.last
    end = journal.copy(target, position, until)
    assert end == Position(until, journal.checksum(until) or 0)
    copy = Journal(target)
    assert copy.first_sequence() == (min(after + 1, until) if until else 0) and copy.last_sequence() == until
    assert list(copy.read(position)) == make_records(after + 1, until - after)
    copy.append(make_records(until + 1, 1))
    copy.close()
    journal.close()
    assert read_all(target, position) == make_records(after + 1, until - after + 1)


def test_nothing_is_copied_past_what_is_missing(path: Path, tmp_path: Path) -> None:
    journal = fill(path)
    with pytest.raises(JournalDamaged, match="record 51 is missing"):
        journal.copy(tmp_path / "longer.sqlite", START, 60)
    change(path, "DELETE FROM journal WHERE sequence = 30")
    with pytest.raises(JournalDamaged, match="record 30 is missing"):
        journal.copy(tmp_path / "gap.sqlite", START, 50)
    journal.close()


def test_a_reader_beside_the_writer_sees_whole_batches(path: Path) -> None:
    journal = fill(path)
    reader = Journal(path, read_only=True)
    assert len(list(reader.read(START))) == 50
    journal.append(make_records(51, 5))
    assert len(list(reader.read(reader.last))) == 5
    with pytest.raises(sqlite3.OperationalError):
        reader.append(make_records(56, 1))
    reader.close()
    journal.close()


# Torn files


def cut_places(size: int, chance: random.Random, count: int) -> list[int]:
    """Everywhere, but mostly among what was written last."""
    newest = [size - round(size * chance.random() ** 3) for _ in range(count // 2)]
    return sorted({0, 1, size - 1, *newest, *(chance.randrange(size) for _ in range(count // 2))})


@pytest.mark.parametrize("filler", ["cut", "zeros", "garbage"])
@pytest.mark.parametrize("part", ["journal.sqlite", "journal.sqlite-wal"])
@pytest.mark.parametrize("moved", [False, True], ids=["in the write-ahead file", "half moved to the main file"])
def test_a_torn_copy_is_an_exact_prefix_or_refused(tmp_path: Path, part: str, filler: str, moved: bool) -> None:
    chance = random.Random(read_seed())
    journal = fill(tmp_path / "journal.sqlite", batches=30, batch_size=4, size=400)
    if moved:
        change(tmp_path / "journal.sqlite", "PRAGMA wal_checkpoint(RESTART)")
        for first in range(121, 161, 4):
            journal.append(make_records(first, 4, 400))
    last = journal.last.sequence
    files = {name: (tmp_path / name).read_bytes() for name in ("journal.sqlite", "journal.sqlite-wal")}
    outcomes = set()
    for place in cut_places(len(files[part]), chance, read_count("SHARDEX_TEST_CUTS", 200) // 6):
        copy = tmp_path / "copy"
        copy.mkdir()
        rest = len(files[part]) - place
        tail = {"cut": b"", "zeros": bytes(rest), "garbage": chance.randbytes(rest)}[filler]
        for name, content in files.items():
            (copy / name).write_bytes(content[:place] + tail if name == part else content)
        try:
            records = read_all(copy / "journal.sqlite")
        except JournalDamaged:
            outcomes.add("refused")
        else:
            assert records == make_records(1, len(records), 400), f"cut at {place}"
            assert len(records) % 4 == 0 or part == "journal.sqlite", "a batch was torn"
            outcomes.add("whole" if len(records) == last else "prefix")
        shutil.rmtree(copy)
    journal.close()
    if moved or part.endswith("wal"):  # else the main file holds nothing yet
        assert outcomes & {"refused", "prefix"}


def test_a_flipped_bit_is_an_exact_prefix_or_refused(tmp_path: Path) -> None:
    chance = random.Random(read_seed())
    journal = fill(tmp_path / "journal.sqlite", batches=30, batch_size=4, size=400)
    journal.close()  # all is in the main file now
    content = (tmp_path / "journal.sqlite").read_bytes()
    path = tmp_path / "flipped.sqlite"
    for _ in range(read_count("SHARDEX_TEST_CUTS", 200)):
        place = chance.randrange(100, len(content))
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :])
        try:
            records = read_all(path)
        except JournalDamaged:
            continue
        assert records == make_records(1, len(records), 400), f"flipped a bit of byte {place}"


# A full disk


def test_a_full_disk_refuses_the_batch_and_the_next_one_goes_on(path: Path) -> None:
    disk = Disk()
    fill(path).close()
    journal = Journal(path, connect=disk.connect)
    list(journal.read(START))
    disk.leave(0)
    refused = 0
    for _ in range(3):
        with pytest.raises(StorageFull):
            journal.append(make_records(51, 20, 4_000))
        refused += 1
        assert journal.last.sequence == journal.last_sequence() == 50
    disk.leave(1_000)
    journal.append(make_records(51, 20, 4_000))
    journal.close()
    assert refused == 3
    assert read_all(path) == make_records(1, 50) + make_records(51, 20, 4_000)


@pytest.mark.parametrize("pages", range(1, 20, 3))
def test_the_disk_may_fill_up_at_any_page(path: Path, pages: int) -> None:
    disk = Disk()
    journal = Journal(path, connect=disk.connect)
    disk.leave(pages)
    written = 0
    with pytest.raises(StorageFull):
        while True:
            journal.append(make_records(written + 1, 3, 2_500))
            written += 3
    assert journal.last.sequence == journal.last_sequence() == written
    disk.leave(1_000)
    journal.append(make_records(written + 1, 3, 2_500))
    journal.close()
    assert read_all(path) == make_records(1, written + 3, 2_500)


_WRITER = """
import resource, sys
from pathlib import Path
from storage.journal import Journal
from tests.unit.test_journal import make_records
journal = Journal(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
written = 0
while written < 3000:
    journal.append(make_records(written + 1, 3, 2_500))
    written += 3
    print(written, flush=True)
"""


@pytest.mark.parametrize("limit", [50_000, 65_536, 200_001, 1_000_000])
def test_a_short_write_ends_the_process_and_what_was_acknowledged_is_on_disk(path: Path, limit: int) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    writer = subprocess.run(
        [sys.executable, "-c", _WRITER, str(path), str(limit)],
        capture_output=True,
        check=False,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    acknowledged = int(writer.stdout.split()[-1])
    assert writer.returncode != 0 and 0 < acknowledged < 3_000
    assert read_all(path) == make_records(1, acknowledged, 2_500)
    journal = Journal(path)
    list(journal.read(START))
    journal.append(make_records(acknowledged + 1, 3, 2_500))
    journal.close()


# A sync


def test_each_commit_is_synced(path: Path) -> None:
    """SQLite syncs the log at each commit only if it is told so; a log that is not synced dies with the power."""
    disk = Disk()
    journal = Journal(path, connect=disk.connect)
    assert [disk.ask(name) for name in ("journal_mode", "synchronous")] == ["wal", 2]
    journal.close()


def test_a_failing_write_is_no_full_disk(path: Path) -> None:
    """What is on disk is unknown then: it must not pass for a batch of which nothing was written."""
    journal = fill(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("journal.sqlite-wal").stat().st_size, before[1]))
    try:
        with pytest.raises(Exception, match="I/O error") as caught:
            journal.append(make_records(51, 20, 4_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(caught.value, sqlite3.OperationalError)
