"""The reference file: assets, markets, API keys, listen keys and switches, in SQLite.

Every process reads through one connection of its own and keeps what it has read for as long as SQLite's
``data_version`` says that nobody has committed since; asking costs a few microseconds and is done on every request, or
in every turn of a worker's loop. So a change is in force in every process when it is answered. Writing opens a
connection of its own for one transaction: ``data_version`` does not notice what its own connection commits.
"""

import fcntl
import logging
import os
import secrets
import sqlite3
import string
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.fernet import Fernet, InvalidToken

FORMAT: Final = 2
KEY_LENGTH: Final = 64  # of an API key and of its secret: 380 bits each
BUSY_TIMEOUT_S: Final = 5.0  # writers wait so long for each other; a transaction takes milliseconds

_LETTERS: Final = string.ascii_letters + string.digits
_SCHEMA: Final = """
CREATE TABLE assets (
    symbol TEXT PRIMARY KEY, decimals INTEGER NOT NULL, image TEXT NOT NULL, chain_id INTEGER NOT NULL,
    contract TEXT NOT NULL
) STRICT;
CREATE TABLE markets (
    number INTEGER PRIMARY KEY, product INTEGER NOT NULL, symbol TEXT NOT NULL, spec BLOB NOT NULL,
    active INTEGER NOT NULL, UNIQUE (product, symbol)
) STRICT;
CREATE TABLE api_keys (
    key TEXT PRIMARY KEY, account TEXT NOT NULL, label TEXT NOT NULL, permissions TEXT NOT NULL,
    created_ms INTEGER NOT NULL, secret BLOB NOT NULL
) STRICT;
CREATE INDEX api_keys_of_account ON api_keys (account);
CREATE TABLE switches (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
_LISTEN_KEYS: Final = """
CREATE TABLE listen_keys (account TEXT PRIMARY KEY, key TEXT NOT NULL, expires_ms INTEGER NOT NULL) STRICT;
"""
_STEPS: Final = (_SCHEMA, _LISTEN_KEYS)  # from each format to the next; 0 is an empty file
assert len(_STEPS) == FORMAT

_log = logging.getLogger(__name__)


class ReferenceUnusable(Exception):
    """The reference file cannot be used; the text says why."""


class StorageFull(Exception):
    """No room on disk: the change was not made."""


class Asset(NamedTuple):
    """What a balance can be of. ``decimals`` of its smallest unit: 0…18."""

    symbol: str
    decimals: int
    image: str = ""
    chain_id: int = 0
    contract: str = ""


class MarketRow(NamedTuple):
    """A market: ``spec`` are bytes that others read. It may be traded once it is active."""

    number: int
    product: int
    symbol: str
    spec: bytes
    active: bool


@dataclass(frozen=True)
class ApiKey:
    """An API key of an account; the secret is shown by nothing that prints it."""

    key: str
    account: str
    label: str
    permissions: tuple[str, ...]
    created_ms: int
    secret: bytes = field(repr=False)


class ListenKey(NamedTuple):
    """What a stream of an account's events will be asked for with."""

    key: str
    expires_ms: int


class Facts(NamedTuple):
    """All but the keys, as of one moment. The same object until something changes."""

    assets: Mapping[str, Asset]
    markets: tuple[MarketRow, ...]  # by number; only active ones
    switches: Mapping[str, str]


class Reference:
    """One exchange's reference file. Threads of one process may share it."""

    def __init__(self, path: Path, storage_key: str, moment: Callable[[], object] | None = None) -> None:
        """Open the file, making it at first. Raises ReferenceUnusable for another format or a malformed storage key.

        Whoever has turns of work says by ``moment`` which turn it is: within one, nobody looks twice for changes.
        """
        self._path = path
        self._moment = moment
        self._looked_at: object = None
        try:
            self._fernet = Fernet(storage_key.encode())
        except ValueError as fault:
            raise ReferenceUnusable("SHARDEX_STORAGE_KEY is no Fernet key") from fault
        _prepare(path)
        self._lock = threading.Lock()
        self._reader = _connect(path)
        self._version = -1
        self._facts = Facts({}, (), {})
        self._keys: dict[str, ApiKey] = {}

    def close(self) -> None:
        """Give the connection back."""
        self._reader.close()

    # Reading

    def facts(self) -> Facts:
        """Assets, active markets and switches as they are now."""
        with self._lock:
            self._refresh()
            return self._facts

    def find_key(self, key: str) -> ApiKey | None:
        """The key with its secret; None if there is none, or none any more."""
        with self._lock:
            self._refresh()
            known = self._keys.get(key)
            if known is None:
                known = self._load_key(key)
                if known is not None:
                    self._keys[key] = known
            return known

    def list_keys(self, account: str) -> list[ApiKey]:
        """The account's keys, newest first, without their secrets."""
        columns = "key, account, label, permissions, created_ms"  # all but the secret
        statement = f"SELECT {columns} FROM api_keys WHERE account = ? ORDER BY created_ms DESC, rowid DESC"
        with self._lock:
            rows = self._reader.execute(statement, (account,)).fetchall()
        return [_api_key(row, b"") for row in rows]

    def find_listen_key(self, account: str, now_ms: int) -> ListenKey | None:
        """The account's listen key; None if it has none that is good now."""
        statement = "SELECT key, expires_ms FROM listen_keys WHERE account = ? AND expires_ms > ?"
        with self._lock:
            row = self._reader.execute(statement, (account, now_ms)).fetchone()
        return ListenKey(*row) if row else None

    def find_market(self, product: int, symbol: str) -> MarketRow | None:
        """The market, active or not."""
        with self._lock:
            return _market(self._reader, product, symbol)

    def _refresh(self) -> None:
        moment = self._moment() if self._moment is not None else None
        if moment is not None and moment == self._looked_at:
            return
        self._look()
        self._looked_at = moment

    def _look(self) -> None:
        (version,) = self._reader.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return
        self._keys.clear()
        self._reader.execute("BEGIN")
        try:
            assets = self._reader.execute("SELECT * FROM assets ORDER BY rowid")
            named = {row[0]: Asset(*row) for row in assets}
            markets = self._reader.execute(f"{_SELECT_MARKETS} WHERE active ORDER BY number").fetchall()
            switches = dict(self._reader.execute("SELECT name, value FROM switches").fetchall())
        finally:
            self._reader.execute("COMMIT")
        self._facts = Facts(named, tuple(_market_row(*row) for row in markets), switches)
        self._version = version

    def _load_key(self, key: str) -> ApiKey | None:
        columns = "key, account, label, permissions, created_ms, secret"
        row = self._reader.execute(f"SELECT {columns} FROM api_keys WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            secret = self._fernet.decrypt(row[5])
        except InvalidToken:
            _log.error("an API key's secret was stored under another storage key: the key is refused")
            return None
        return _api_key(row, secret)

    # Writing: each is on disk when it returns; raises StorageFull

    def add_asset(self, asset: Asset) -> bool:
        """Add an asset; False if the symbol is taken."""
        with self._write() as db:
            added = db.execute("INSERT INTO assets VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", asset)
            return added.rowcount == 1

    def reserve_market(self, product: int, symbol: str, number_max: int) -> MarketRow | None:
        """The market of that name; at first a new, inactive one with the next number. None if no number is left."""
        with self._write() as db:
            found = _market(db, product, symbol)
            if found is not None:
                return found
            (number,) = db.execute("SELECT coalesce(max(number), 0) + 1 FROM markets").fetchone()
            if number > number_max:
                return None
            db.execute("INSERT INTO markets VALUES (?, ?, ?, x'', 0)", (number, product, symbol))
            return MarketRow(number, product, symbol, b"", False)

    def put_market(self, number: int, spec: bytes) -> None:
        """Store what is in force on a reserved market, and make it active."""
        with self._write() as db:
            db.execute("UPDATE markets SET spec = ?, active = 1 WHERE number = ?", (spec, number))

    def set_switch(self, name: str, value: str) -> None:
        """Set a switch."""
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO switches VALUES (?, ?)", (name, value))

    def create_key(
        self, account: str, label: str, permissions: tuple[str, ...], created_ms: int, count_max: int
    ) -> ApiKey | None:
        """Make a key with a secret; None if the account has ``count_max`` keys already."""
        made = ApiKey(_make_key(), account, label, permissions, created_ms, _make_key().encode())
        row = (made.key, account, label, ",".join(permissions), created_ms, self._fernet.encrypt(made.secret))
        with self._write() as db:
            (count,) = db.execute("SELECT count(*) FROM api_keys WHERE account = ?", (account,)).fetchone()
            if count >= count_max:
                return None
            db.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?)", row)
        return made

    def revoke_key(self, account: str, key: str) -> bool:
        """Delete the account's key; False if it has no such key."""
        with self._write() as db:
            return db.execute("DELETE FROM api_keys WHERE key = ? AND account = ?", (key, account)).rowcount == 1

    def renew_listen_key(self, account: str, now_ms: int, life_ms: int, fresh_ms: int) -> str:
        """The account's listen key, good for ``life_ms`` from now; made if it has none.

        One that was renewed less than ``fresh_ms`` ago stays as it is: writing is dear.
        """
        known = self.find_listen_key(account, now_ms)
        if known is not None and known.expires_ms > now_ms + life_ms - fresh_ms:
            return known.key
        with self._write() as db:
            db.execute("DELETE FROM listen_keys WHERE expires_ms <= ?", (now_ms,))
            db.execute(
                "INSERT INTO listen_keys VALUES (?, ?, ?)"
                " ON CONFLICT (account) DO UPDATE SET expires_ms = excluded.expires_ms",
                (account, _make_key(), now_ms + life_ms),
            )
            ((key,),) = db.execute("SELECT key FROM listen_keys WHERE account = ?", (account,)).fetchall()
        return str(key)

    def drop_listen_key(self, account: str) -> None:
        """Delete the account's listen key, if it has one."""
        with self._write() as db:
            db.execute("DELETE FROM listen_keys WHERE account = ?", (account,))

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        db = _connect(self._path)
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                raise StorageFull from fault
            raise
        finally:
            db.close()
            self._looked_at = None  # whoever changes something sees it at once


_SELECT_MARKETS: Final = "SELECT number, product, symbol, spec, active FROM markets"


def _market(db: sqlite3.Connection, product: int, symbol: str) -> MarketRow | None:
    row = db.execute(f"{_SELECT_MARKETS} WHERE product = ? AND symbol = ?", (product, symbol)).fetchone()
    return _market_row(*row) if row else None


def _market_row(number: int, product: int, symbol: str, spec: bytes, active: int) -> MarketRow:
    return MarketRow(number, product, symbol, spec, bool(active))


def _api_key(row: Sequence[Any], secret: bytes) -> ApiKey:
    key, account, label, permissions, created_ms = row[:5]
    return ApiKey(key, account, label, tuple(permissions.split(",")), created_ms, secret)


def _make_key() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(KEY_LENGTH))


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA synchronous = FULL")
    return db


def _prepare(path: Path) -> None:
    """Make the file unless it is there; one process at a time, for switching to WAL does not wait for others."""
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        if not path.exists():  # closing a file drops the locks that SQLite holds on it in this process
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        db = _connect(path)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if not 0 <= found <= FORMAT:
                raise ReferenceUnusable(f"{path} has format {found}; this program reads format {FORMAT}")
            if found < FORMAT:
                steps = "".join(_STEPS[found:])
                db.executescript(f"BEGIN IMMEDIATE;{steps}PRAGMA user_version = {FORMAT};COMMIT;")
        finally:
            db.close()
    finally:
        os.close(directory)
