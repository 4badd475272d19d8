"""Operators' statements: SELECT in all its forms and EXPLAIN, read-only, with limits on time and memory.

Two analysts' statements may run at a time; the verifier of the data folder has a connection of its own, so that it need
not wait for them. A statement is interrupted when its time is up, when it takes too much memory, and when its caller
has gone.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NamedTuple

import duckdb

from storage.columns import cast_for_python
from storage.queries import MEMORY_LIMIT, MEMORY_USED, SqlQuery

UNDER_WAY_MAX: Final = 2  # analysts' statements at a time
FETCH_ROW_COUNT: Final = 1_000  # rows of an answer fetched at a time
GUARD_S: Final = 0.01  # interval of the checks of memory and of gone callers
GUARD_SHARE: Final = 3  # statements together get one part in so many; the rest is for rows, indexes and checkpoints

_EXPLAIN: Final = re.compile(r"EXPLAIN\s+(?:ANALYZE\s+)?(?:\([\w\s,]*\)\s*)?", re.IGNORECASE)
_ONE_SELECT: Final = "exactly one SELECT statement is allowed"

Stored = tuple[Any, ...]
"""A row; its values are in the order of its table's or query's columns."""

Parameters = Mapping[str, str]
"""The values of ``$name`` in a statement."""


class SqlRejected(Exception):
    """An operator's statement was rejected or failed; the text says why."""


class Selection(NamedTuple):
    """The result of a statement: column names, their types as named by DuckDB, and the rows in pieces."""

    columns: list[str]
    types: list[str]
    pieces: Iterator[list[Stored]]


def open_cursor(database: duckdb.DuckDBPyConnection, limit_ms: int) -> duckdb.DuckDBPyConnection:
    """A connection whose statements end after ``limit_ms``; 0: unlimited."""
    cursor = database.cursor()
    cursor.execute(f"SET SESSION max_execution_time = {limit_ms}")
    return cursor


class _Place(NamedTuple):
    """An analyst's two connections, of which one is in use: with a locked configuration no limit can be changed."""

    bounded: duckdb.DuckDBPyConnection
    unbounded: duckdb.DuckDBPyConnection


class Statements:
    """The connections on which operators' statements run."""

    def __init__(self, database: duckdb.DuckDBPyConnection, limit_ms: int) -> None:
        self._limit_ms = limit_ms
        self._free = [_Place(open_cursor(database, limit_ms), open_cursor(database, 0)) for _ in range(UNDER_WAY_MAX)]
        self._verifier = open_cursor(database, limit_ms)
        self._verifying = threading.Lock()
        self._guard = _Guard(database)

    @contextmanager
    def select(
        self, text: str, parameters: Parameters, gone: threading.Event, *, verifying: bool, unbounded: bool
    ) -> Iterator[Selection]:
        """Run a statement while the context lasts; usable from any thread, and from several in turn.

        One SELECT, or EXPLAIN of one, in a read-only transaction that is rolled back. ``gone`` is set when the caller
        no longer waits for the answer; an ``unbounded`` statement ends only by that, not by the time limit. Raises
        SqlRejected, also within the context when a later row fails.
        """
        try:
            with ExitStack() as stack:
                cursor = stack.enter_context(self._verifiers() if verifying else self._analysts(unbounded))
                statement = _read_one(cursor, text)
                stack.enter_context(_read_only(cursor))
                stack.enter_context(self._guard.watch(cursor, gone))
                yield _run(cursor, statement, parameters)
        except duckdb.InterruptException as error:
            if "execution time" not in str(error):
                raise SqlRejected("the statement was interrupted") from error
            raise SqlRejected(f"the statement took longer than {self._limit_ms / 1000:g} s") from error
        except duckdb.Error as error:
            raise SqlRejected(str(error)) from error

    @contextmanager
    def _analysts(self, unbounded: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            place = self._free.pop()
        except IndexError:
            text = f"{UNDER_WAY_MAX} other statements are running: try again when one has ended"
            raise SqlRejected(text) from None
        try:
            yield place.unbounded if unbounded else place.bounded
        finally:
            self._free.append(place)

    @contextmanager
    def _verifiers(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._verifying:
            yield self._verifier

    def close(self) -> None:
        """Close the connections. No statement may be running."""
        for cursor in (*(cursor for place in self._free for cursor in place), self._verifier):
            cursor.close()


class _Guard:
    """Interrupts statements that take so much memory that rows could not be stored, and those of gone callers.

    DuckDB reports only the memory held by all statements together. Each statement adds its share to the allowed total;
    when that is exceeded, the most recent statement must end.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._watched: list[duckdb.DuckDBPyConnection] = []  # in order of arrival
        self._base = 0  # bytes held when there were none

    @contextmanager
    def watch(self, cursor: duckdb.DuckDBPyConnection, gone: threading.Event) -> Iterator[None]:
        """Watch what runs on ``cursor``; if it was interrupted, raises SqlRejected with the reason."""
        ended, greedy = threading.Event(), threading.Event()
        thread = threading.Thread(target=self._look, args=(cursor, gone, ended, greedy), name="sql guard")
        thread.start()
        try:
            yield
        except duckdb.InterruptException as error:
            if greedy.is_set():
                raise SqlRejected("the statement needs too much memory: ask for less at a time") from error
            raise
        finally:
            ended.set()
            thread.join()

    def _look(
        self,
        cursor: duckdb.DuckDBPyConnection,
        gone: threading.Event,
        ended: threading.Event,
        greedy: threading.Event,
    ) -> None:
        with self._database.cursor() as own:
            try:
                share = _one_number(own, MEMORY_LIMIT) // GUARD_SHARE // UNDER_WAY_MAX
                with self._counted(cursor, own):
                    while not ended.wait(GUARD_S) and not gone.is_set():
                        if self._is_last(cursor) and _one_number(own, MEMORY_USED) > self._allowed(share):
                            greedy.set()
                            break
            except duckdb.Error:
                greedy.set()  # no memory left even for the check
            while not ended.wait(GUARD_S):  # repeatedly: an interrupt may fall between two calls of the statement
                cursor.interrupt()

    @contextmanager
    def _counted(self, cursor: duckdb.DuckDBPyConnection, own: duckdb.DuckDBPyConnection) -> Iterator[None]:
        with self._lock:
            if not self._watched:
                self._base = _one_number(own, MEMORY_USED)
            self._watched.append(cursor)
        try:
            yield
        finally:
            with self._lock:
                self._watched.remove(cursor)

    def _is_last(self, cursor: duckdb.DuckDBPyConnection) -> bool:
        with self._lock:
            return self._watched[-1] is cursor

    def _allowed(self, share: int) -> int:
        return self._base + share * len(self._watched)


@contextmanager
def _read_only(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    cursor.execute("BEGIN TRANSACTION READ ONLY")
    try:
        yield
    finally:
        cursor.execute("ROLLBACK")


def _read_one(cursor: duckdb.DuckDBPyConnection, text: str) -> str:
    """Return the only statement of the text: a SELECT, or an EXPLAIN of one."""
    statement = _extract(cursor, text)
    if statement.type == duckdb.StatementType.EXPLAIN:
        explained = _EXPLAIN.match(statement.query)
        if explained is None:
            raise SqlRejected(_ONE_SELECT)
        _check_select(_extract(cursor, statement.query[explained.end() :]))
    else:
        _check_select(statement)
    return statement.query


def _extract(cursor: duckdb.DuckDBPyConnection, text: str) -> duckdb.Statement:
    statements = cursor.extract_statements(text)
    if len(statements) != 1:
        raise SqlRejected(_ONE_SELECT)
    return statements[0]


def _check_select(statement: duckdb.Statement) -> None:
    # the type alone proves little (WITH x AS (DELETE …) is a SELECT): the read-only transaction prevents the rest
    if statement.type != duckdb.StatementType.SELECT:
        raise SqlRejected(_ONE_SELECT)


def _run(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Parameters) -> Selection:
    if _EXPLAIN.match(statement):
        cursor.execute(statement, dict(parameters))
        return Selection(["plan"], ["VARCHAR"], _pieces_of_plan(cursor))
    described = cursor.execute(f"DESCRIBE {statement}", dict(parameters)).fetchall()
    columns = [str(name) for name, *_ in described]
    types = [str(type_) for _, type_, *_ in described]
    cursor.execute(cast_for_python(statement, types), dict(parameters))
    return Selection(columns, types, _pieces(cursor))


def _pieces(cursor: duckdb.DuckDBPyConnection) -> Iterator[list[Stored]]:
    while rows := cursor.fetchmany(FETCH_ROW_COUNT):
        yield rows


def _pieces_of_plan(cursor: duckdb.DuckDBPyConnection) -> Iterator[list[Stored]]:
    """Yield one row per line of the plan."""
    for piece in _pieces(cursor):
        for _, plan in piece:
            yield [(line,) for line in str(plan).splitlines()]


def _one_number(cursor: duckdb.DuckDBPyConnection, query: SqlQuery) -> int:
    row = cursor.execute(query.sql).fetchone()
    return int(row[0]) if row else 0
