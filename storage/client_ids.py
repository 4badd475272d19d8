"""Finding ended orders by (account, client id) without a full scan, however many there are.

Each order with a client id adds a row to a narrow table: a 64-bit key and the order's number. DuckDB skips row groups
by the minimum and maximum of their values, which helps where rows are sorted. So new rows are collected in one table; a
million of them are moved to the next one, sorted, and four million of those to the last one, sorted together. A search
reads the new rows, and one row group of each sorted run.

An index is not used, because one over random keys takes about 40 bytes of memory per order and is rewritten at each
checkpoint (docs/decisions/0013).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from storage.queries import SqlQuery
from storage.schema import Table
from storage.tables import CLIENT_IDS, NEW_CLIENT_IDS, ORDERS, RECENT_CLIENT_IDS

NEW_COUNT: Final = 1_000_000  # new rows sorted at a time: takes 0.3 s, during which events wait in the shards
RECENT_COUNT: Final = 4_000_000  # then sorted again: 1.5 s and 150 MB
_CANDIDATES_COUNT: Final = 8  # newest orders examined per key and market: the first matches unless keys collide
_ALL: Final = " UNION ALL ".join(
    f"SELECT key, order_id, is_trigger FROM {table.name}" for table in (CLIENT_IDS, RECENT_CLIENT_IDS, NEW_CLIENT_IDS)
)
_KEY: Final = "md5_number_lower(account || ' ' || client_id)"


class Runs(NamedTuple):
    """The number of rows sorted at a time."""

    new: int = NEW_COUNT
    recent: int = RECENT_COUNT
    slice: int = RECENT_COUNT  # while an older archive is upgraded


class ClientId(NamedTuple):
    """A client id to look up; ``market`` 0 means any futures market."""

    account: str
    client_id: str
    market: int = 0
    triggers: bool = False  # only orders placed as triggers


def key_of(account: str, client_id: str) -> int:
    """Return a 64-bit key, which must never change between versions."""
    digest = hashlib.md5(f"{account} {client_id}".encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little")


def candidates(names: Iterable[ClientId]) -> SqlQuery:
    """Return the query of the orders that may have these client ids: the newest of each key, market and kind."""
    # with a join DuckDB skips row groups and rows while reading; with IN it joins after reading all row groups
    keys = ", ".join(f"({key}::UBIGINT)" for key in {key_of(name.account, name.client_id) for name in names})
    return SqlQuery(
        f"SELECT unnest(max(order_id, {_CANDIDATES_COUNT}))"
        f" FROM ({_ALL}) JOIN (VALUES {keys}) AS wanted(key) USING (key)"
        " GROUP BY key, order_id >> 40, is_trigger"
    )


def orders_by_id(order_ids: Sequence[int]) -> SqlQuery:
    """Return the query of those of these orders that exist."""
    placeholders = ", ".join("?" * len(order_ids))
    return SqlQuery(
        f"SELECT {ORDERS.column_names} FROM {ORDERS.name} WHERE order_id IN ({placeholders})", tuple(order_ids)
    )


class Waiting(NamedTuple):
    """The number of rows to be sorted, and to be sorted again."""

    new: int
    recent: int


WAITING: Final = SqlQuery(
    f"SELECT (SELECT count(*) FROM {NEW_CLIENT_IDS.name}), (SELECT count(*) FROM {RECENT_CLIENT_IDS.name})"
)


def sort_full(waiting: Waiting, runs: Runs) -> tuple[list[SqlQuery], Waiting]:
    """Return the statements that sort the tables that are full, for one transaction; and the counts afterward."""
    queries: list[SqlQuery] = []
    new, recent = waiting
    if new >= runs.new:
        queries += _move(NEW_CLIENT_IDS, RECENT_CLIENT_IDS)
        new, recent = 0, recent + new
    if recent >= runs.recent:
        queries += _move(RECENT_CLIENT_IDS, CLIENT_IDS)
        recent = 0
    return queries, Waiting(new, recent)


def _move(source: Table, target: Table) -> Iterator[SqlQuery]:
    columns = source.column_names
    yield SqlQuery(f"INSERT INTO {target.name} ({columns}) SELECT {columns} FROM {source.name} ORDER BY key")
    yield SqlQuery(f"DELETE FROM {source.name}")


def of_all_orders(order_count: int, runs: Runs) -> Iterator[str]:
    """Yield the statements that create the sorted rows of an archive without any, in slices that fit into memory."""
    slices = order_count // runs.slice + 1
    width = 2**64 // slices + 1
    for number in range(slices):
        yield (
            f"INSERT INTO {CLIENT_IDS.name} ({CLIENT_IDS.column_names})"
            f" SELECT {_KEY} AS key, order_id, trigger_type <> '' FROM {ORDERS.name}"
            f" WHERE client_id <> '' AND {_KEY} >= {number * width}::UBIGINT"
            f" AND {_KEY} <= {min((number + 1) * width, 2**64) - 1}::UBIGINT ORDER BY key"
        )
