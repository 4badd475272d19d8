"""A shard's journal: the ordered list of its inputs, one SQLite file, the only source of truth.

Appending is one transaction with one sync (``synchronous=FULL``). Every record carries a checksum over itself and the
previous record's checksum, so that a changed, removed or moved record is detected; nothing is ever skipped. A mark next
to the file records how much was acknowledged, so the loss of its newest records is detected, too.
"""

import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from storage.files import sync_directory
from storage.mark import Marked, MarkWriter, mark_path, read_mark

FORMAT = 1
CHECKPOINT_PAGES = 4_000  # of 4 kB in the write-ahead log before SQLite checkpoints it: fewer, larger stalls
COPY_COUNT = 10_000  # records copied at a time: a few megabytes

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE journal (
    sequence INTEGER PRIMARY KEY,
    stamp_ms INTEGER NOT NULL,
    source INTEGER NOT NULL,
    number INTEGER NOT NULL,
    body BLOB NOT NULL,
    checksum INTEGER NOT NULL
);
"""


class StorageUnavailable(Exception):
    """The file cannot be used now, but may be later. The text says why."""


class StorageFull(StorageUnavailable):
    """The disk is full: nothing was written."""


class JournalDamaged(Exception):
    """The journal cannot be trusted; the text names the file and the place."""


class Record(NamedTuple):
    """One input."""

    sequence: int  # 1, 2, 3 …
    stamp_ms: int  # never decreases
    source: int  # sending shard of a link message; -1: from the mailbox
    number: int  # that of a link message; 0: from the mailbox
    body: bytes


class Position(NamedTuple):
    """A position in a journal: the next record continues from it."""

    sequence: int
    checksum: int


START = Position(0, 0)


def chain(checksum: int, record: Record) -> int:
    """Return the checksum of ``record`` after a record with ``checksum``."""
    head = b"%d,%d,%d,%d,%d;" % (checksum, record.sequence, record.stamp_ms, record.source, record.number)
    return zlib.crc32(record.body, zlib.crc32(head))


class Journal:
    """The journal file of one shard. One process writes; others may read at the same time."""

    def __init__(
        self, path: Path, *, read_only: bool = False, connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    ) -> None:
        """Open the file with ``connect``; create it if it does not exist.

        Nothing is added to an existing file: anything missing in it has been lost. Raises JournalDamaged if its content
        cannot be trusted, StorageUnavailable if that cannot be determined now.
        """
        self._path = path
        self._last = START
        self._marked = read_mark(mark_path(path))  # first: the file may grow meanwhile
        try:
            self._db = self._open(connect, read_only)
        except (sqlite3.DatabaseError, TypeError, ValueError) as error:
            kind = StorageUnavailable if _says_nothing_of_content(error) else JournalDamaged
            raise (StorageFull if is_full(error) else kind)(f"{path}: {error}") from error
        self._mark = None if read_only else MarkWriter(mark_path(path))

    def _open(self, connect: Callable[..., sqlite3.Connection], read_only: bool) -> sqlite3.Connection:
        mode = "ro" if read_only else "rw"
        if not read_only and not self._path.exists():
            _make(self._path)
        db = connect(f"{self._path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
        try:
            if not read_only:
                self._path.chmod(0o600)
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=FULL")
                db.execute("PRAGMA fullfsync=ON")  # on macOS a plain fsync does not reach the disk
                db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            (made_in,) = db.execute("SELECT value FROM facts WHERE name = 'format'").fetchone()
            if made_in != FORMAT:
                raise JournalDamaged(f"{self._path}: format {made_in}, this program reads format {FORMAT}")
        except BaseException:
            db.close()
            raise
        return db

    @property
    def last(self) -> Position:
        """The position after the newest record read or written."""
        return self._last

    def append(self, records: Sequence[Record]) -> None:
        """Write ``records``, which must follow the last one, with one sync.

        Raises StorageFull with nothing written. After any other failure it is unknown what is on disk: the process must
        end and start again from the disk's content.
        """
        sequence, checksum = self._last
        rows = []
        for record in records:
            sequence += 1
            assert record.sequence == sequence, "journal sequences have no gaps"
            checksum = chain(checksum, record)
            rows.append((*record, checksum))
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StorageFull(str(error)) from error
        self._last = Position(sequence, checksum)
        if self._mark is not None:
            self._mark.put(Marked(sequence, checksum))

    def check_end(self) -> None:
        """Check that everything acknowledged is there. Raises JournalDamaged with what is missing."""
        if self._marked is None:
            return
        sequence, checksum = self._marked
        last = self.last_sequence()
        if last < sequence:
            raise JournalDamaged(
                f"{self._path}: ends at record {last}, but record {sequence} was acknowledged, according to the mark"
                " beside it: restore the newest copy of both"
            )
        if self.checksum(sequence) not in (None, checksum):
            raise JournalDamaged(f"{self._path}: record {sequence} is not the one that was acknowledged")

    def read(self, after: Position, until: int | None = None) -> Iterator[Record]:
        """Yield the records after ``after`` in order, up to sequence ``until``, each checked against its predecessor.

        Advances :attr:`last`. Raises JournalDamaged at the first record that is missing or does not match.
        """
        self._last = after
        end = 2**62 if until is None else until
        query = "SELECT * FROM journal WHERE sequence > ? AND sequence <= ? ORDER BY sequence"
        try:
            for sequence, stamp_ms, source, number, body, checksum in self._db.execute(query, (after.sequence, end)):
                last = self._last
                if sequence != last.sequence + 1:
                    raise JournalDamaged(f"{self._path}: record {last.sequence + 1} is missing")
                record = Record(sequence, stamp_ms, source, number, body)
                if chain(last.checksum, record) != checksum:
                    raise JournalDamaged(f"{self._path}: record {sequence} does not match its checksum")
                self._last = Position(sequence, checksum)
                yield record
        except (sqlite3.DatabaseError, TypeError, ValueError) as error:
            place = self._last.sequence
            raise JournalDamaged(f"{self._path}: unreadable after record {place}: {error}") from error

    def first_sequence(self) -> int:
        """Return the sequence of the oldest record kept; 0 if there is none."""
        return self._ask_number("min")

    def last_sequence(self) -> int:
        """Return the sequence of the newest record on disk; 0 if there is none."""
        return self._ask_number("max")

    def _ask_number(self, which: str) -> int:
        try:
            (number,) = self._db.execute(f"SELECT {which}(sequence) FROM journal").fetchone()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise JournalDamaged(f"{self._path}: unreadable: {error}") from error
        return number or 0

    def checksum(self, sequence: int) -> int | None:
        """Return that record's checksum on disk; None if it is not kept. Raises JournalDamaged."""
        try:
            row = self._db.execute("SELECT checksum FROM journal WHERE sequence = ?", (sequence,)).fetchone()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise JournalDamaged(f"{self._path}: unreadable at record {sequence}: {error}") from error
        return row[0] if row else None

    def trim(self, until: int, count_max: int = 10_000) -> int:
        """Remove at most ``count_max`` of the oldest records up to sequence ``until``; return their number.

        The newest record is always kept. On a full disk nothing is removed: deleting needs space, too.
        """
        until = min(until, self._last.sequence - 1)
        try:
            removed = self._db.execute(
                "DELETE FROM journal WHERE sequence IN"
                " (SELECT sequence FROM journal WHERE sequence <= ? ORDER BY sequence LIMIT ?)",
                (until, count_max),
            )
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
            return 0
        return removed.rowcount

    def copy(self, path: Path, after: Position, until: int) -> Position:
        """Write the records after ``after`` up to sequence ``until`` to a new journal; return its end.

        Every record is checked while copying, and read transactions are short, so that the writer can still checkpoint
        its write-ahead log. A copy without further records has the one at ``after``, as the original has. Raises as
        :meth:`read` and :meth:`append`.
        """
        copied = Journal(path)
        try:
            copied._db.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?)", self._db.execute("SELECT * FROM facts").fetchall()
            )
            if until == after.sequence:
                rows = self._db.execute("SELECT * FROM journal WHERE sequence = ?", (until,)).fetchall()
                copied._db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", rows)
            copied._last = after
            while copied.last.sequence < until:
                piece = list(self.read(copied.last, min(until, copied.last.sequence + COPY_COUNT)))
                if not piece:
                    raise JournalDamaged(f"{self._path}: record {copied.last.sequence + 1} is missing")
                copied.append(piece)
            return copied.last
        finally:
            copied.close()

    def close(self) -> None:
        self._db.close()
        if self._mark is not None:
            self._mark.close()


def _make(path: Path) -> None:
    """Create an empty journal atomically."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    os.close(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(aside, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(f"BEGIN;{_SCHEMA}INSERT INTO facts VALUES ('format', {FORMAT});COMMIT;")
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _says_nothing_of_content(error: Exception) -> bool:
    """Whether a file could not be opened for an external reason: disk full, also for a file next to it; or locked."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the upper bits are details
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY)


def is_full(error: Exception) -> bool:
    """Whether SQLite reports that the disk is full."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
