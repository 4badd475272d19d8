"""Rows that say themselves whether they are whole, and tables that say whether their rows are all there.

Every row carries a checksum over its table's name and its values. The table ``seals`` holds, for each table, how many
rows it has and the sum of their checksums; and under the name "" how many changes there have been, and the sum of the
other seals' checksums. So whoever reads a row notices that it was changed, and whoever reads a table that a row is
missing, was put back, stands twice, or belongs to another table.
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
_MODULUS: Final = 2**63  # what SQLite's integers hold
_TOP: Final = ""  # the name under which changes are counted

Values = Sequence[Any]


class SealsBroken(Exception):
    """What is stored is not what was written; the text names table and row."""


class Table(NamedTuple):
    """A table of sealed rows: its last column is ``checksum``, its first ones are its key."""

    name: str
    columns: tuple[str, ...]  # without the checksum
    key_length: int = 1

    @property
    def key_columns(self) -> tuple[str, ...]:
        """What a row is found by."""
        return self.columns[: self.key_length]


class State(NamedTuple):
    """Where a file stands: how many changes it has seen, and the checksum of what they came to."""

    sequence: int
    checksum: int


class Sheet:
    """The sealed tables of one connection, inside of one transaction."""

    def __init__(self, db: sqlite3.Connection, tables: Sequence[Table]) -> None:
        self._db = db
        self._tables = tables
        self._changed = False

    def make(self) -> None:
        """Make the seals of empty tables."""
        self._db.execute(SCHEMA)
        for name in (*(table.name for table in self._tables), _TOP):
            self._put_seal(name, 0, 0)
        self._changed = True

    # Reading: what is returned was found whole

    def state(self) -> State:
        """The top seal, held against the seals under it."""
        seals = {name: (count, total) for name, count, total in self._db.execute("SELECT name, count, sum FROM seals")}
        if set(seals) != {_TOP, *(table.name for table in self._tables)}:
            raise SealsBroken(f"the seals are those of {sorted(seals)}")
        sums = {name: _checksum("seals", (name, *self._seal(name))) for name in seals}
        sequence, total = seals[_TOP]
        if sum(checksum for name, checksum in sums.items() if name != _TOP) % _MODULUS != total:
            raise SealsBroken("the seals do not belong together")
        return State(sequence, sums[_TOP])

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """All rows, oldest first, held against the table's seal."""
        names = ", ".join((*table.columns, "checksum"))
        found = self._db.execute(f"SELECT {names} FROM {table.name} ORDER BY rowid").fetchall()
        rows = [_open(table, row) for row in found]
        if (len(rows), sum(row[-1] for row in found) % _MODULUS) != self._seal(table.name):
            raise SealsBroken(f"table {table.name}: a row is missing, duplicated, or not the newest")
        return rows

    def find(self, table: Table, where: str, parameters: Values, order: str = "rowid") -> list[tuple[Any, ...]]:
        """The rows for which ``where`` is true."""
        names = ", ".join((*table.columns, "checksum"))
        found = self._db.execute(f"SELECT {names} FROM {table.name} WHERE {where} ORDER BY {order}", parameters)
        return [_open(table, row) for row in found.fetchall()]

    # Changing

    def insert(self, table: Table, values: Values) -> None:
        """Add a row, whose key is new."""
        checksum = _checksum(table.name, values)
        placeholders = ", ".join("?" * (len(values) + 1))
        self._db.execute(f"INSERT INTO {table.name} VALUES ({placeholders})", (*values, checksum))
        self._shift(table, 1, checksum)

    def delete(self, table: Table, where: str, parameters: Values) -> int:
        """Remove the rows for which ``where`` is true; returns how many they were."""
        gone = self.find(table, where, parameters)
        if gone:
            self._db.execute(f"DELETE FROM {table.name} WHERE {where}", parameters)
            self._shift(table, -len(gone), -sum(_checksum(table.name, row) for row in gone))
        return len(gone)

    def replace(self, table: Table, values: Values) -> None:
        """Put a row in the place of the one with its key, if there is one."""
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
