"""Finding ended orders by (account, client id) without a scan, however many there are.

Each order with a client id leaves a row in a narrow table: a 64-bit key and its number. DuckDB skips row groups by the
least and greatest value in them, which helps where rows are sorted. So new rows wait in a table of their own; a million
of them go over to the next one, sorted, and four million of those to the last one, sorted together. A search reads the
new rows, and one row group of each run.

Why not an index: one over random keys holds about 40 bytes of memory for each order, and is written anew with each
checkpoint (docs/decisions/0013).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from storage.queries import SqlQuery
from storage.schema import Table
from storage.tables import CLIENT_IDS, NEW_CLIENT_IDS, ORDERS, RECENT_CLIENT_IDS

NEW_COUNT: Final = 1_000_000  # new rows that are sorted at a time: 0.3 s for which rows wait in the shards
RECENT_COUNT: Final = 4_000_000  # then sorted once more: 1.5 s and 150 MB
_CANDIDATES_COUNT: Final = (
    8  # newest orders of a key and market that are looked at: the first has it but for collisions
)
_ALL: Final = " UNION ALL ".join(
    f"SELECT key, order_id, is_trigger FROM {table.name}" for table in (CLIENT_IDS, RECENT_CLIENT_IDS, NEW_CLIENT_IDS)
)
_KEY: Final = "md5_number_lower(account || ' ' || client_id)"


class Runs(NamedTuple):
    """How many rows are sorted at a time."""

    new: int = NEW_COUNT
    recent: int = RECENT_COUNT
    slice: int = RECENT_COUNT  # when an archive of before is brought up to date


class ClientId(NamedTuple):
    """What an order is called by; ``market`` 0 means any futures market."""

    account: str
    client_id: str
    market: int = 0
    triggers: bool = False  # only those placed as triggers


def key_of(account: str, client_id: str) -> int:
    """64 bits, the same in every version of every program."""
    digest = hashlib.md5(f"{account} {client_id}".encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little")


def candidates(names: Iterable[ClientId]) -> SqlQuery:
    """The numbers of the orders that may have these names: the newest ones of each key, market and kind."""
    # joined, DuckDB skips row groups and rows as it reads them; with IN it joins after it has read all row groups
    keys = ", ".join(f"({key}::UBIGINT)" for key in {key_of(name.account, name.client_id) for name in names})
    return SqlQuery(
        f"SELECT unnest(max(order_id, {_CANDIDATES_COUNT}))"
        f" FROM ({_ALL}) JOIN (VALUES {keys}) AS wanted(key) USING (key)"
        " GROUP BY key, order_id >> 40, is_trigger"
    )


def orders_by_id(order_ids: Sequence[int]) -> SqlQuery:
    """These orders, as far as they are there."""
    placeholders = ", ".join("?" * len(order_ids))
    return SqlQuery(
        f"SELECT {ORDERS.column_names} FROM {ORDERS.name} WHERE order_id IN ({placeholders})", tuple(order_ids)
    )


class Waiting(NamedTuple):
    """How many rows are still to be sorted, or sorted once more."""

    new: int
    recent: int


WAITING: Final = SqlQuery(
    f"SELECT (SELECT count(*) FROM {NEW_CLIENT_IDS.name}), (SELECT count(*) FROM {RECENT_CLIENT_IDS.name})"
)


def sort_full(waiting: Waiting, runs: Runs) -> tuple[list[SqlQuery], Waiting]:
    """What sorts the rows of which there are enough, in one transaction; and what waits then."""
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
    """What makes the sorted rows of an archive that has none, in slices that fit into memory."""
    slices = order_count // runs.slice + 1
    width = 2**64 // slices + 1
    for number in range(slices):
        yield (
            f"INSERT INTO {CLIENT_IDS.name} ({CLIENT_IDS.column_names})"
            f" SELECT {_KEY} AS key, order_id, trigger_type <> '' FROM {ORDERS.name}"
            f" WHERE client_id <> '' AND {_KEY} >= {number * width}::UBIGINT"
            f" AND {_KEY} <= {min((number + 1) * width, 2**64) - 1}::UBIGINT ORDER BY key"
        )
