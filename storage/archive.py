"""The DuckDB file of finished orders and trades: one writer, bounded readers, a locked configuration.

One :class:`Archive` is open at a time and in one process: DuckDB lets no second process read the file meanwhile.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

from storage import client_ids
from storage.client_ids import Runs, Waiting
from storage.queries import POSITIONS, SqlQuery
from storage.refusal_view import REFUSALS_VIEW
from storage.reports import REPORTS
from storage.schema import Column, Table, drop_columns, make_tables, make_views
from storage.statements import Parameters, Selection, Statements, Stored
from storage.tables import DROPPED, LINKS, NEW_CLIENT_IDS, ORDERS, SCHEMA_VERSION, TABLES, VERSION
from storage.views import VIEWS
from storage.wallet_views import WALLET_VIEWS

THREADS_COUNT: Final = 2  # a statement's own thread and one helper: the other cores belong to the shards
CHECKPOINT_BYTES: Final = 64 * 2**20  # of the log: working it in takes 0.1 to 0.7 s of CPU, be it 16 MiB or 64
STORAGE_VERSION: Final = "v1.4.0"  # the oldest DuckDB that can read a file that is made here

_LOCKED_DOWN: Final[dict[str, str | bool | int | float | list[str]]] = {
    "enable_external_access": False,  # no file, no network, no ATTACH, COPY or EXPORT
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,  # else SQL could read Python variables by their names
    "temp_directory": "",  # a big answer fails rather than fill the disk that the journals need
    "threads": THREADS_COUNT,
    "checkpoint_threshold": "1TiB",  # whoever appends says when: a backup copies the file between two checkpoints
    "storage_compatibility_version": STORAGE_VERSION,
}


class ArchiveTooNew(Exception):
    """A later program has made the file, or brought it up to date; the text names both versions."""


class ArchiveFailed(Exception):
    """An earlier append failed: what is in memory is not to be trusted any more. Open the file anew."""


class Archive:
    """The archive's tables: appended to by one thread, read by others at the same time."""

    def __init__(self, path: Path, memory: str, query_ms: int, sql_ms: int, runs: Runs | None = None) -> None:
        """Open ``path``, making it at first or bringing it up to date, and lock its configuration.

        ``memory`` is DuckDB's limit ("1GB"), ``query_ms`` bounds each query, ``sql_ms`` an operator's statement,
        ``runs`` says how many client ids are sorted at a time.
        Raises duckdb.Error if the file is not usable or another process has it open, and ArchiveTooNew.
        """
        self._failed = False
        self._path = path
        self._runs = runs or Runs()
        self._database = duckdb.connect(path, config={**_LOCKED_DOWN, "memory_limit": memory})
        os.chmod(path, 0o600)
        self._database.execute("PRAGMA disable_checkpoint_on_shutdown")  # close does it, but not after a failure
        self._database.execute(f"SET GLOBAL max_execution_time = {query_ms}")
        self._writer = self._cursor_with_limit(0)  # rows must go in, however long a checkpoint takes
        self._make_schema()
        self._waiting = Waiting(*self._writer.execute(client_ids.WAITING.sql).fetchall()[0])
        self._database.execute("SET GLOBAL TimeZone = 'UTC'")
        self._statements = Statements(self._database, sql_ms)
        self._database.execute("SET GLOBAL lock_configuration = true")

    def _cursor_with_limit(self, limit_ms: int) -> duckdb.DuckDBPyConnection:
        cursor = self._database.cursor()
        cursor.execute(f"SET SESSION max_execution_time = {limit_ms}")
        return cursor

    def _make_schema(self) -> None:
        version = self._find_version()
        if version > VERSION:
            raise ArchiveTooNew(f"the archive has schema version {version}; this program knows up to {VERSION}")
        statements = [] if version else ["CREATE SCHEMA stored"]
        if version < VERSION:
            statements += make_tables(TABLES, version)
            statements += drop_columns(DROPPED, version)
            if 0 < version < NEW_CLIENT_IDS.since:
                count = _one_number(self._writer, SqlQuery(f"SELECT count(*) FROM {ORDERS.name}"))
                statements += client_ids.of_all_orders(count, self._runs)
            statements += [
                f"DELETE FROM {SCHEMA_VERSION.name}",
                f"INSERT INTO {SCHEMA_VERSION.name} VALUES ({VERSION})",
            ]
        statements += make_views((*VIEWS, *WALLET_VIEWS, REFUSALS_VIEW, *REPORTS))
        self._transact([SqlQuery(statement) for statement in statements])

    def _find_version(self) -> int:
        """Of the tables in the file; 0 if there are none."""
        rows = self._writer.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'stored'").fetchall()
        names = {f"stored.{name}" for (name,) in rows}
        if SCHEMA_VERSION.name in names:
            return _one_number(self._writer, SqlQuery(f"SELECT version FROM {SCHEMA_VERSION.name}"))
        return 1 if names else 0

    def positions(self) -> dict[int, int]:
        """Per shard, the number of the last row stored of it. Raises as :meth:`ask`."""
        return dict(self.ask(POSITIONS))

    def append(self, rows: Mapping[Table, Sequence[Stored]], positions: Mapping[int, int]) -> None:
        """Store rows and the positions they bring, all or nothing; durable when it returns.

        Raises duckdb.Error, and then nothing but ArchiveFailed from any method but close. (The file stays whole. But
        DuckDB 2.0, out of memory in the midst of an insert, leaves index entries without rows in memory.)
        """
        inserts = [_insert(table, some) for table, some in {**rows, LINKS: list(positions.items())}.items() if some]
        new, recent = self._waiting
        sorting, waiting = client_ids.sort_full(Waiting(new + len(rows.get(NEW_CLIENT_IDS, ())), recent), self._runs)
        with self._changing():
            self._transact([*inserts, *sorting])
        self._waiting = waiting

    def needs_checkpoint(self) -> bool:
        """Whether the log has grown so long that it should be worked into the file."""
        return self._log_bytes() >= CHECKPOINT_BYTES

    def checkpoint(self) -> bool:
        """Work the log into the file; whether nothing is left in it. By the thread that appends; raises as they do.

        Until the next one, the file as it is now can be copied: rows go into the log, and into parts that are not used.
        """
        with self._changing():
            self._writer.execute("CHECKPOINT")
        return self._log_bytes() == 0

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """After a failure in the context nothing but a refusal comes."""
        self._check()
        try:
            yield
        except BaseException:
            self._failed = True
            raise

    def _log_bytes(self) -> int:
        try:
            return os.path.getsize(f"{self._path}.wal")
        except FileNotFoundError:
            return 0

    def _transact(self, queries: Sequence[SqlQuery]) -> None:
        self._writer.execute("BEGIN TRANSACTION")
        try:
            for query in queries:
                self._writer.execute(query.sql, query.parameters)
            self._writer.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):  # a failed COMMIT has ended the transaction already
                self._writer.execute("ROLLBACK")
            raise

    def _check(self) -> None:
        if self._failed:
            raise ArchiveFailed("an append has failed: close the archive and reopen it")

    def ask(self, query: SqlQuery) -> list[Stored]:
        """All rows of a query. For any thread. Raises duckdb.Error, also past the time limit, and ArchiveFailed."""
        self._check()
        with self._database.cursor() as cursor:
            return cursor.execute(query.sql, query.parameters).fetchall()

    @contextmanager
    def select(
        self,
        text: str,
        parameters: Parameters,
        gone: threading.Event,
        *,
        verifying: bool = False,
        unbounded: bool = False,
    ) -> Iterator[Selection]:
        """Run an operator's statement while the context lasts, as :meth:`Statements.select`. Raises ArchiveFailed."""
        self._check()
        with self._statements.select(text, parameters, gone, verifying=verifying, unbounded=unbounded) as selection:
            yield selection

    def close(self, *, checkpoint: bool = True) -> None:
        """Work the log into the file, unless that must not change, and close it. No other call may be running."""
        if checkpoint and not self._failed:
            with suppress(duckdb.Error):  # then the log is read when the file is opened next
                self._writer.execute("CHECKPOINT")
        self._statements.close()
        for connection in (self._writer, self._database):
            connection.close()


def read_positions(path: Path, memory: str) -> dict[int, int]:
    """:meth:`Archive.positions` of a file that nobody has open, with what its log holds; nothing is written.

    Raises duckdb.Error.
    """
    with duckdb.connect(path, read_only=True, config={**_LOCKED_DOWN, "memory_limit": memory}) as database:
        return dict(database.execute(POSITIONS.sql).fetchall())


def _one_number(cursor: duckdb.DuckDBPyConnection, query: SqlQuery) -> int:
    row = cursor.execute(query.sql).fetchone()
    return int(row[0]) if row else 0


def _insert(table: Table, rows: Sequence[Stored]) -> SqlQuery:
    verb = "INSERT OR REPLACE" if table.replaces else "INSERT"
    first, *others = zip(table.columns, zip(*rows, strict=True), strict=True)
    values = [_bind_each(*first), *(_bind(*other) for other in others)]  # the first says how many rows there are
    # the columns are named: those that came later stand last in a file that was there before
    return SqlQuery(
        f"{verb} INTO {table.name} ({table.column_names}) SELECT {', '.join(value.sql for value in values)}",
        tuple(parameter for value in values for parameter in value.parameters),
    )


def _bind(column: Column, values: Sequence[Any]) -> SqlQuery:
    if values.count(values[0]) == len(values):  # most columns of futures are so for spot orders
        return SqlQuery(f"?::{column.type}", (values[0],))
    return _bind_each(column, values)


def _bind_each(column: Column, values: Sequence[Any]) -> SqlQuery:
    # One JSON array per column: three times as fast as binding Python lists, and exact for integers of 38 digits
    return SqlQuery(f"""unnest(from_json(?, '["{column.type}"]'))""", (msgspec.json.encode(values).decode(),))
