"""The reference file: opened if it is intact, changed by one operation at a time.

An operation is one transaction, including the seals it changes. A mark next to the file records the last change, so an
old copy put back, or a lost end of the write-ahead log, is detected.
"""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from storage.files import describe_fault
from storage.mark import Marked, MarkWriter, mark_path, read_mark
from storage.operations import ASSETS, MARKETS, SWITCHES, TABLES, Asset, MarketRow, to_asset, to_market
from storage.seals import SealsBroken, Sheet

FORMAT: Final = 3
BUSY_TIMEOUT_S: Final = 5.0  # maximum wait of a writer for another; a transaction takes milliseconds
SEALED_FORMAT: Final = 3  # the first one with checksums
ADVICE: Final = "restore the newest copy of the data folder (docs/operations.md, When something is damaged)"

_SCHEMA: Final = (
    "CREATE TABLE assets (symbol TEXT PRIMARY KEY, decimals INTEGER NOT NULL, image TEXT NOT NULL,"
    " chain_id INTEGER NOT NULL, contract TEXT NOT NULL, active INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT",
    "CREATE TABLE markets (number INTEGER PRIMARY KEY, product INTEGER NOT NULL, symbol TEXT NOT NULL,"
    " spec BLOB NOT NULL, active INTEGER NOT NULL, checksum INTEGER NOT NULL, UNIQUE (product, symbol)) STRICT",
    "CREATE TABLE api_keys (key TEXT PRIMARY KEY, account TEXT NOT NULL, label TEXT NOT NULL,"
    " permissions TEXT NOT NULL, created_ms INTEGER NOT NULL, secret BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT",
    "CREATE INDEX api_keys_of_account ON api_keys (account)",
    "CREATE TABLE switches (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT",
    "CREATE TABLE listen_keys (account TEXT PRIMARY KEY, key TEXT NOT NULL, expires_ms INTEGER NOT NULL,"
    " checksum INTEGER NOT NULL) STRICT",
)
_log: Final = logging.getLogger(__name__)

R = TypeVar("R")


class ReferenceUnusable(Exception):
    """The reference file cannot be used; the text says why."""


class ReferenceDamaged(ReferenceUnusable):
    """The reference file is damaged; the text names the place and what to do."""


class StorageFull(ReferenceUnusable):
    """The disk is full: the change was not made."""


class Facts(NamedTuple):
    """All data except keys at one moment. The same object until something changes."""

    assets: Mapping[str, Asset]
    markets: tuple[MarketRow, ...]  # active ones, by number
    switches: Mapping[str, str]


class Terms(NamedTuple):
    """Assets and markets at one moment, including inactive ones."""

    assets: Mapping[str, Asset]
    markets: Mapping[int, MarketRow]


class ReferenceFile:
    """The reference file of one exchange, verified when it was opened."""

    def __init__(self, path: Path) -> None:
        """Open the file, creating it if needed; a file of an earlier format is adopted as it is.

        Raises ReferenceDamaged, ReferenceUnusable.
        """
        self._path = path
        with guarded(path):
            marked = read_mark(mark_path(path))  # first: the file may advance meanwhile, but never go back
            _prepare(path, marked is not None)
            self._reader = connect(path)
        try:
            with self.reading():
                state = check_whole(self._reader, marked)
        except BaseException:
            self._reader.close()  # an open one would share its WAL index with a file put in its place
            raise
        if marked is None and state.sequence > 1:
            _log.warning("%s is missing and will be kept again from now on", mark_path(path))
        self._mark = MarkWriter(mark_path(path))
        if state != marked:
            self._mark.put(state)

    def close(self) -> None:
        self._reader.close()
        self._mark.close()

    def version(self) -> int:
        """Return a number that changes whenever another connection has changed the file."""
        with guarded(self._path):
            (version,) = self._reader.execute("PRAGMA data_version").fetchone()
        return int(version)

    @contextmanager
    def reading(self) -> Iterator[Sheet]:
        """Read one state of the file. Raises ReferenceDamaged if part of it does not match its checksum."""
        with guarded(self._path):
            self._reader.execute("BEGIN")
            try:
                yield Sheet(self._reader, TABLES)
            finally:
                self._reader.execute("COMMIT")

    def state(self) -> Marked:
        """Return the number of changes and the checksum of the resulting state."""
        with self.reading() as sheet:
            return Marked(*sheet.state())

    def facts(self) -> Facts:
        """Return the active assets and markets, and the switches."""
        with self.reading() as sheet:
            sheet.state()
            assets = {row[0]: to_asset(row) for row in sheet.rows(ASSETS)}
            markets = sorted(to_market(*row) for row in sheet.rows(MARKETS))
            switches = dict(sheet.rows(SWITCHES))
        active = {symbol: asset for symbol, asset in assets.items() if asset.active}
        return Facts(active, tuple(row for row in markets if row.active), switches)

    def terms(self) -> Terms:
        """Return all assets and markets, including inactive ones."""
        with self.reading() as sheet:
            sheet.state()
            markets = (to_market(*row) for row in sheet.rows(MARKETS))
            return Terms({row[0]: to_asset(row) for row in sheet.rows(ASSETS)}, {row.number: row for row in markets})

    def change(self, apply: Callable[[Sheet], R]) -> R:
        """Apply an operation and return its result; durable when it returns. Raises StorageFull, ReferenceDamaged."""
        with guarded(self._path), closing(connect(self._path)) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                sheet = Sheet(db, TABLES)
                made = apply(sheet)
                state = sheet.finish()
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        self._mark.put(Marked(*state))
        return made


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Translate errors of SQLite and the seals in the reference file ``path``.

    Raises ReferenceDamaged, ReferenceUnusable, StorageFull.
    """
    try:
        yield
    except SealsBroken as fault:
        raise ReferenceDamaged(f"{path} is damaged: {fault}: {ADVICE}") from fault
    except UnicodeDecodeError as fault:  # SQLite quotes a damaged name
        raise ReferenceDamaged(f"{path} is damaged: a name or text is malformed: {ADVICE}") from fault
    except OSError as fault:
        raise ReferenceUnusable(describe_fault(fault, path)) from fault
    except sqlite3.DatabaseError as fault:
        code = getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the upper bits are details
        if code == sqlite3.SQLITE_FULL:
            raise StorageFull(f"{path} cannot be used now: no room on disk") from fault
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY):
            raise ReferenceUnusable(f"{path} cannot be used now: {fault}") from fault
        raise ReferenceDamaged(f"{path} is damaged: {fault}: {ADVICE}") from fault


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection whose commits are durable."""
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA synchronous = FULL")
    return db


def check_whole(db: sqlite3.Connection, marked: Marked | None) -> Marked:
    """Verify the file within a transaction of ``db`` and return its state; ``marked`` was read before that began.

    Raises SealsBroken, sqlite3.DatabaseError, ReferenceUnusable for an earlier format.
    """
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if 0 < found < FORMAT and marked is None:  # marks were introduced with format 3
        raise ReferenceUnusable(f"the reference file has format {found}: start the engine once, which adopts it")
    if found != FORMAT:
        raise SealsBroken(f"its format cannot be {found}")
    (said,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if said != "ok":
        raise SealsBroken(said)
    sheet = Sheet(db, TABLES)
    state = Marked(*sheet.state())
    for table in TABLES:
        sheet.rows(table)
    if marked is not None and state.sequence <= marked.sequence and state != marked:
        raise SealsBroken(
            f"it ends at change {state.sequence}, but change {marked.sequence} was acknowledged,"
            " according to the mark beside it"
        )
    return state


def _prepare(path: Path, was_there: bool) -> None:
    """Create the file unless it exists or ``was_there``; one process at a time: switching to WAL does not wait."""
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        fresh = not path.exists()
        if was_there and (fresh or not path.stat().st_size):
            raise SealsBroken("it is missing or empty, but there was one, according to the mark beside it")
        if fresh:  # not otherwise: closing a file drops the locks that SQLite holds on it in this process
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(connect(path)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if not 0 <= found <= FORMAT:
                raise ReferenceUnusable(f"{path} has format {found}; this program reads format {FORMAT}")
            if found < FORMAT:
                _bring_up(db, path, found)
    finally:
        os.close(directory)


def _bring_up(db: sqlite3.Connection, path: Path, found: int) -> None:
    """Create the tables, with the rows of an earlier format."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if ("seals" if found else "assets") in tables:
        raise SealsBroken(f"its format cannot be {found}")
    old = _read_unsealed(db, found) if found else {}
    db.execute("BEGIN IMMEDIATE")
    try:
        for name in old:
            db.execute(f"DROP TABLE {name}")
        for statement in _SCHEMA:
            db.execute(statement)
        sheet = Sheet(db, TABLES)
        sheet.make()
        for table in TABLES:
            for row in old.get(table.name, []):
                sheet.insert(table, (*row, 1) if table is ASSETS else row)
        sheet.finish()
        db.execute(f"PRAGMA user_version = {FORMAT}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    if old:
        counts = ", ".join(f"{len(rows)} {name}" for name, rows in old.items())
        _log.warning(
            "%s of format %d is adopted as it is; from now on its rows carry checksums: %s", path, found, counts
        )


def _read_unsealed(db: sqlite3.Connection, found: int) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of a file without checksums, by table. Raises SealsBroken if SQLite finds it damaged."""
    (said,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if said != "ok":
        raise SealsBroken(said)
    names = [table.name for table in TABLES if found > 1 or table.name != "listen_keys"]
    return {name: db.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchall() for name in names}
