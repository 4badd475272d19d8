"""The elements of a schema, and the statements that create it or upgrade an older one.

Every table and column must have a comment, which is stored in the database. Each states the schema version that
introduced it: an archive of an earlier version gets what it lacks when it is opened.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Column(NamedTuple):
    """A stored column. In rows older than the column its value is ``default``, an SQL literal."""

    name: str
    type: str
    comment: str
    since: int = 1
    default: str = ""


class Table(NamedTuple):
    """A stored table. ``key`` is its primary key ("": none); with ``replaces`` a row replaces the one with its key."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    key: str
    replaces: bool = False
    since: int = 1

    @property
    def column_names(self) -> str:
        """The columns for an INSERT, or for a SELECT that returns the stored tuples."""
        return ", ".join(column.name for column in self.columns)


class Shown(NamedTuple):
    """A column of a view: its expression and its meaning."""

    name: str
    expression: str
    comment: str


class View(NamedTuple):
    """A view: SELECT its columns, then ``source`` (FROM and what follows)."""

    name: str
    comment: str
    columns: tuple[Shown, ...]
    source: str


def make_tables(tables: Iterable[Table], version: int) -> Iterator[str]:
    """Yield the statements that add what a schema of ``version`` lacks of these tables; version 0 has none of them."""
    for table in tables:
        if table.since > version:
            columns = [f"{column.name} {column.type} NOT NULL" for column in table.columns]
            key = [f"PRIMARY KEY ({table.key})"] if table.key else []
            yield f"CREATE TABLE {table.name} ({', '.join([*columns, *key])})"
        else:
            for column in table.columns:
                if column.since > version:
                    added = f"{column.name} {column.type} NOT NULL DEFAULT {column.default}"
                    yield f"ALTER TABLE {table.name} ADD COLUMN {added}"
        yield from _comment("TABLE", table)


def drop_columns(dropped: Iterable[tuple[str, str, int]], version: int) -> Iterator[str]:
    """Yield the statements that drop what a schema of ``version`` has of (table, column, first version without)."""
    for table, column, until in dropped:
        if 0 < version < until:
            yield f"ALTER TABLE {table} DROP COLUMN {column}"


def make_views(views: Iterable[View]) -> Iterator[str]:
    """Yield the statements that create or replace the views."""
    for view in views:
        columns = ", ".join(f"{column.expression} AS {column.name}" for column in view.columns)
        yield f"CREATE OR REPLACE VIEW {view.name} AS SELECT {columns} {view.source}"
        yield from _comment("VIEW", view)


def _comment(kind: str, thing: Table | View) -> Iterator[str]:
    yield f"COMMENT ON {kind} {thing.name} IS {_quote(thing.comment)}"
    for column in thing.columns:
        yield f"COMMENT ON COLUMN {thing.name}.{column.name} IS {_quote(column.comment)}"


def _quote(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"
