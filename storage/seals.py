"""Rows with checksums, and tables whose seals prove that their rows are complete.

Every row carries a checksum over its table's name and its values. The table ``seals`` holds, for each table, the number
of its rows and the sum of their checksums; and under the name "" the number of changes, and the sum of the other seals'
checksums. So reading a row detects that it was changed, and reading a table detects that a row is missing, outdated,
duplicated, or belongs to another table.
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

SCHEMA: Final = """
CREATE TABLE seals (
    name TEXT PRIMARY KEY, count INTEGER NOT NULL, sum INTEGER NOT NULL, checksum INTEGER NOT NULL
) STRICT
"""
_MODULUS: Final = 2**63  # fits SQLite's integers
_TOP: Final = ""  # the name under which changes are counted

Values = Sequence[Any]


class SealsBroken(Exception):
    """Stored data was changed; the text names table and row."""


class Table(NamedTuple):
    """A table of sealed rows: its last column is ``checksum``, its first ones are its key."""

    name: str
    columns: tuple[str, ...]  # without the checksum
    key_length: int = 1

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The key of a row."""
        return self.columns[: self.key_length]


class State(NamedTuple):
    """The state of a file: the number of changes, and the checksum of the result."""

    sequence: int
    checksum: int


class Sheet:
    """The sealed tables of one connection, inside one transaction."""

    def __init__(self, db: sqlite3.Connection, tables: Sequence[Table]) -> None:
        self._db = db
        self._tables = tables
        self._changed = False

    def make(self) -> None:
        """Create the seals of empty tables."""
        self._db.execute(SCHEMA)
        for name in (*(table.name for table in self._tables), _TOP):
            self._put_seal(name, 0, 0)
        self._changed = True

    # Reading: what is returned has been verified

    def state(self) -> State:
        """Return the top seal, verified against the seals under it."""
        seals = {name: (count, total) for name, count, total in self._db.execute("SELECT name, count, sum FROM seals")}
        if set(seals) != {_TOP, *(table.name for table in self._tables)}:
            raise SealsBroken(f"the seals are those of {sorted(seals)}")
        sums = {name: _checksum("seals", (name, *self._seal(name))) for name in seals}
        sequence, total = seals[_TOP]
        if sum(checksum for name, checksum in sums.items() if name != _TOP) % _MODULUS != total:
            raise SealsBroken("the seals do not belong together")
        return State(sequence, sums[_TOP])

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """Return all rows, oldest first, verified against the table's seal."""
        names = ", ".join((*table.columns, "checksum"))
        found = self._db.execute(f"SELECT {names} FROM {table.name} ORDER BY rowid").fetchall()
        rows = [_open(table, row) for row in found]
        if (len(rows), sum(row[-1] for row in found) % _MODULUS) != self._seal(table.name):
            raise SealsBroken(f"table {table.name}: a row is missing, duplicated, or not the newest")
        return rows

    def find(self, table: Table, where: str, parameters: Values, order: str = "rowid") -> list[tuple[Any, ...]]:
        """Return the rows for which ``where`` is true."""
        names = ", ".join((*table.columns, "checksum"))
        found = self._db.execute(f"SELECT {names} FROM {table.name} WHERE {where} ORDER BY {order}", parameters)
        return [_open(table, row) for row in found.fetchall()]

    # Changing

    def insert(self, table: Table, values: Values) -> None:
        """Add a row with a new key."""
        checksum = _checksum(table.name, values)
        placeholders = ", ".join("?" * (len(values) + 1))
        self._db.execute(f"INSERT INTO {table.name} VALUES ({placeholders})", (*values, checksum))
        self._shift(table, 1, checksum)

    def delete(self, table: Table, where: str, parameters: Values) -> int:
        """Remove the rows for which ``where`` is true; return their number."""
        gone = self.find(table, where, parameters)
        if gone:
            self._db.execute(f"DELETE FROM {table.name} WHERE {where}", parameters)
            self._shift(table, -len(gone), -sum(_checksum(table.name, row) for row in gone))
        return len(gone)

    def replace(self, table: Table, values: Values) -> None:
        """Add a row, replacing the one with its key, if any."""
        where = " AND ".join(f"{name} = ?" for name in table.key_columns)
        self.delete(table, where, values[: table.key_length])
        self.insert(table, values)

    def finish(self) -> State:
        """At the end of a transaction: count the change, if there was one."""
        if self._changed:
            sequence, _ = self._seal(_TOP)
            names = [table.name for table in self._tables]
            total = sum(_checksum("seals", (name, *self._seal(name))) for name in names)
            self._put_seal(_TOP, sequence + 1, total % _MODULUS)
        return self.state()

    def _shift(self, table: Table, count: int, total: int) -> None:
        had, sum_before = self._seal(table.name)
        self._put_seal(table.name, had + count, (sum_before + total) % _MODULUS)
        self._changed = True

    def _seal(self, name: str) -> tuple[int, int]:
        row = self._db.execute("SELECT count, sum, checksum FROM seals WHERE name = ?", (name,)).fetchone()
        if row is None or _checksum("seals", (name, *row[:2])) != row[2]:
            raise SealsBroken(f"the seal of {name or 'all tables'} does not match its checksum")
        return row[0], row[1]

    def _put_seal(self, name: str, count: int, total: int) -> None:
        row = (name, count, total)
        self._db.execute("INSERT OR REPLACE INTO seals VALUES (?, ?, ?, ?)", (*row, _checksum("seals", row)))


def _open(table: Table, row: tuple[Any, ...]) -> tuple[Any, ...]:
    values, stated = row[:-1], row[-1]
    if _checksum(table.name, values) != stated:
        raise SealsBroken(f"table {table.name}: the row {values[0]!r} does not match its checksum")
    return values


def _checksum(name: str, values: Values) -> int:
    content = msgspec.msgpack.encode((name, *values))
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") % _MODULUS
