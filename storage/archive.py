"""The DuckDB file of ended orders and trades: one writer, bounded readers, a locked configuration.

Only one :class:`Archive` in one process has it open at a time: DuckDB lets no second process read the file meanwhile.
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
from storage.statements import Parameters, Selection, Statements, Stored, open_cursor
from storage.tables import DROPPED, LINKS, NEW_CLIENT_IDS, ORDERS, SCHEMA_VERSION, TABLES, VERSION
from storage.views import VIEWS
from storage.wallet_views import WALLET_VIEWS

THREADS_COUNT: Final = 2  # a statement's own thread and one helper: the other cores belong to the shards
CHECKPOINT_BYTES: Final = 64 * 2**20  # of the log: checkpointing takes 0.1 to 0.7 s of CPU, for 16 MiB as for 64
ALL_VIEWS: Final = (*VIEWS, *WALLET_VIEWS, REFUSALS_VIEW, *REPORTS)
STORAGE_VERSION: Final = "v1.4.0"  # the oldest DuckDB that can read a file created here

_LOCKED_DOWN: Final[dict[str, str | bool | int | float | list[str]]] = {
    "enable_external_access": False,  # no file, no network, no ATTACH, COPY or EXPORT
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,  # otherwise SQL could read Python variables by name
    "temp_directory": "",  # a large answer fails rather than fill the disk that the journals need
    "threads": THREADS_COUNT,
    "checkpoint_threshold": "1TiB",  # never automatically: a backup copies the file between two checkpoints
    "storage_compatibility_version": STORAGE_VERSION,
}


class ArchiveTooNew(Exception):
    """A later version of the program created or upgraded the file; the text names both versions."""


class ArchiveFailed(Exception):
    """An earlier append failed: the state in memory can no longer be trusted. Reopen the file."""


class Archive:
    """The archive's tables: appended to by one thread, read by others at the same time."""

    def __init__(self, path: Path, memory: str, query_ms: int, sql_ms: int, runs: Runs | None = None) -> None:
        """Open ``path``, creating or upgrading it if needed, and lock its configuration.

        ``memory`` is DuckDB's limit ("1GB"), ``query_ms`` the timeout of each query, ``sql_ms`` that of an operator's
        statement, ``runs`` the number of client ids sorted at a time. Raises duckdb.Error if the file is not usable or
        another process has it open, and ArchiveTooNew.
        """
        self._failed = False
        self._path = path
        self._runs = runs or Runs()
        self._database = duckdb.connect(path, config={**_LOCKED_DOWN, "memory_limit": memory})
        os.chmod(path, 0o600)
        self._database.execute("PRAGMA disable_checkpoint_on_shutdown")  # close does it, but not after a failure
        self._database.execute(f"SET GLOBAL max_execution_time = {query_ms}")
        self._writer = open_cursor(self._database, 0)  # unlimited: rows must be stored, however long a checkpoint takes
        self._make_schema()
        self._waiting = Waiting(*self._writer.execute(client_ids.WAITING.sql).fetchall()[0])
        self._database.execute("SET GLOBAL TimeZone = 'UTC'")
        self._statements = Statements(self._database, sql_ms)
        self._database.execute("SET GLOBAL lock_configuration = true")

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
        statements += make_views(ALL_VIEWS)
        self._transact([SqlQuery(statement) for statement in statements])

    def _find_version(self) -> int:
        """Return the version of the tables in the file; 0 if there are none."""
        rows = self._writer.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'stored'").fetchall()
        names = {f"stored.{name}" for (name,) in rows}
        if SCHEMA_VERSION.name in names:
            return _one_number(self._writer, SqlQuery(f"SELECT version FROM {SCHEMA_VERSION.name}"))
        return 1 if names else 0

    def positions(self) -> dict[int, int]:
        """Return, per shard, the number of its last stored event. Raises as :meth:`ask`."""
        return dict(self.ask(POSITIONS))

    def append(self, rows: Mapping[Table, Sequence[Stored]], positions: Mapping[int, int]) -> None:
        """Store rows and the new positions, all or nothing; durable when it returns.

        Raises duckdb.Error; afterward every method except close raises ArchiveFailed. (The file stays intact, but
        DuckDB 2.0, out of memory during an insert, leaves index entries without rows in memory.)
        """
        inserts = [_insert(table, some) for table, some in {**rows, LINKS: list(positions.items())}.items() if some]
        new, recent = self._waiting
        sorting, waiting = client_ids.sort_full(Waiting(new + len(rows.get(NEW_CLIENT_IDS, ())), recent), self._runs)
        with self._changing():
            self._transact([*inserts, *sorting])
        self._waiting = waiting

    def needs_checkpoint(self) -> bool:
        """Whether the log is long enough to be checkpointed into the file."""
        return self._log_bytes() >= CHECKPOINT_BYTES

    def checkpoint(self) -> bool:
        """Checkpoint the log into the file; return whether the log is empty. For the appending thread; raises like it.

        Until the next checkpoint the file can be copied in its current state: rows go into the log and into unused
        parts of the file.
        """
        with self._changing():
            self._writer.execute("CHECKPOINT")
        return self._log_bytes() == 0

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """After a failure in the context, every method except close raises ArchiveFailed."""
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
            with suppress(duckdb.Error):  # a failed COMMIT has already ended the transaction
                self._writer.execute("ROLLBACK")
            raise

    def _check(self) -> None:
        if self._failed:
            raise ArchiveFailed("an append has failed: close the archive and reopen it")

    def ask(self, query: SqlQuery) -> list[Stored]:
        """Return all rows of a query; for any thread. Raises duckdb.Error, also on timeout, and ArchiveFailed."""
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
        """Close the file, with a checkpoint if it may be changed. No other call may be running."""
        if checkpoint and not self._failed:
            with suppress(duckdb.Error):  # then the log is replayed when the file is opened next
                self._writer.execute("CHECKPOINT")
        self._statements.close()
        for connection in (self._writer, self._database):
            connection.close()


def read_positions(path: Path, memory: str) -> dict[int, int]:
    """Return :meth:`Archive.positions` of a file that nobody has open, including its log; nothing is written.

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
    values = [_bind_each(*first), *(_bind(*other) for other in others)]  # the first one determines the number of rows
    # the columns are named because later ones are last in a file that existed before
    return SqlQuery(
        f"{verb} INTO {table.name} ({table.column_names}) SELECT {', '.join(value.sql for value in values)}",
        tuple(parameter for value in values for parameter in value.parameters),
    )


def _bind(column: Column, values: Sequence[Any]) -> SqlQuery:
    if values.count(values[0]) == len(values):  # most futures columns are constant for spot orders
        return SqlQuery(f"?::{column.type}", (values[0],))
    return _bind_each(column, values)


def _bind_each(column: Column, values: Sequence[Any]) -> SqlQuery:
    # One JSON array per column: three times as fast as binding Python lists, and exact for integers of 38 digits
    return SqlQuery(f"""unnest(from_json(?, '["{column.type}"]'))""", (msgspec.json.encode(values).decode(),))
