"""Audit of the DuckDB archive after a load on an exchange of our own, and of its data folder."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from loadtest.auditor import Statements
from loadtest.findings import is_open
from loadtest.positions import UNIT
from loadtest.statement import FuturesStatement
from shards.folder import Folder
from shards.ipc.client import Client
from shards.limits import SQL_MS_MAX
from shards.model.queries import Query, RunSql
from shards.model.replies import Reply, TableReply
from shards.verify.folder import verify_folder

ARCHIVED_S: Final = 15.0  # rows are archived within half a second under load; a busy machine takes longer
BACK_S: Final = 20.0  # for the engine to be reachable
_ON_DEMAND: Final = {"user", "cancel_all", "batch"}
_ENDS: Final = {  # end reasons of a limit order that may rest, by product and status
    ("spot", "filled"): {"filled"},
    ("spot", "canceled"): _ON_DEMAND,
    ("spot", "rejected"): {"post_only", "self_trade"},
    ("futures", "filled"): {"filled"},
    ("futures", "canceled"): _ON_DEMAND,
    ("futures", "expired"): {"own_order", "child_fired", "reduce_only"},
}
_UNASKED: Final = {"delist", "countdown", "halted"}  # a load never delists, halts or counts down
Rows = Sequence[Sequence[object]]
_NONE: Final[Set[str]] = frozenset()


class _Stored(NamedTuple):
    """A row of the archive."""

    product: str
    id: str
    status: str
    filled: str
    reason: str
    client_id: str | None
    resting: bool  # a limit order, gtc or post_only, that was not a trigger


def audit_archive(folder: Folder, statements: Statements, seconds: float = ARCHIVED_S) -> Iterator[str]:
    """Compare all accounts, then run ``shardex verify``. The engine must run, without trading."""
    client = Client(folder)
    try:
        if not client.wait_connected(BACK_S):
            yield "the engine cannot be reached"
            return
        yield from compare_archive(client, statements, seconds=seconds)

        def ask(query: Query) -> Reply:
            return client.ask_archive(query, SQL_MS_MAX)

        yield from (f"verify: {text}" for text in verify_folder(folder, ask))
    finally:
        client.close()


def compare_archive(
    client: Client, statements: Statements, may_end: Set[str] = _NONE, seconds: float = ARCHIVED_S
) -> Iterator[str]:
    """Check that each ended order and each futures fill is archived exactly once, as its account saw it.

    All orders have been canceled. ``may_end``: reasons that may end an order besides those of a load. Rows may take up
    to ``seconds`` to be archived.
    """
    for name in statements.spot.keys() | statements.futures.keys():
        yield from _compare_orders(client, name, statements, may_end, seconds)
        if name in statements.futures:
            yield from _compare_fills(client, name, statements.futures[name], seconds)


def _expected(statements: Statements, name: str) -> Counter[tuple[Any, ...]]:
    spot = statements.spot[name].orders.values() if name in statements.spot else ()
    futures = statements.futures[name].orders.values() if name in statements.futures else ()
    return Counter(
        [
            *(("spot", row["id"], _ended(row), Decimal(row["filled_qty"])) for row in spot),
            *(("futures", str(row["orderId"]), _ended(row), Decimal(row["executedQty"])) for row in futures),
        ]
    )


def _ended(order: dict[str, Any]) -> str:
    return "canceled" if is_open(order) else order["status"].lower()


def _compare_orders(
    client: Client, name: str, statements: Statements, may_end: Set[str], seconds: float
) -> Iterator[str]:
    query = (
        "SELECT product, CASE product WHEN 'spot' THEN id::VARCHAR ELSE order_id::VARCHAR END, status,"
        " filled_exact::VARCHAR, end_reason, client_id,"
        " type = 'limit' AND tif IN ('gtc', 'post_only') AND trigger_type IS NULL"
        f" FROM orders WHERE account = '{name}'"
    )

    def count(rows: Rows) -> Counter[Any]:
        return Counter((row.product, row.id, row.status, Decimal(row.filled)) for row in _stored(rows))

    rows, found = _read(client, query, count, _expected(statements, name), seconds)
    yield from (f"archive: orders of {name}: {text}" for text in found)
    if not found:
        client_ids = statements.client_ids | _futures_client_ids(statements, name)
        yield from _check_rows(_stored(rows), client_ids, may_end)


def _compare_fills(client: Client, name: str, statement: FuturesStatement, seconds: float) -> Iterator[str]:
    """With profit and fee, to the unit."""
    query = f"SELECT trade_id, order_id, profit_units, fee_units FROM stored.futures_fills WHERE account = '{name}'"
    wanted = Counter(
        (row["id"], row["orderId"], int(Decimal(row["realizedPnl"]) / UNIT), int(Decimal(row["commission"]) / UNIT))
        for row in statement.fills.values()
    )

    def count(rows: Rows) -> Counter[Any]:
        return Counter(tuple(int(str(value)) for value in row) for row in rows)

    _, found = _read(client, query, count, wanted, seconds)
    yield from (f"archive: fills of {name}: {text}" for text in found)


def _read(
    client: Client, query: str, count: Callable[[Rows], Counter[Any]], wanted: Counter[Any], seconds: float
) -> tuple[Rows, list[str]]:
    """The rows of the archive, once they count up to what is wanted; else what is wrong."""
    end = time.monotonic() + seconds
    while True:
        reply = client.ask_archive(RunSql(query), SQL_MS_MAX)
        rows: Rows = reply.rows if isinstance(reply, TableReply) else []
        stored = count(rows)
        if stored == wanted:
            return rows, []
        if time.monotonic() > end:
            found = [] if isinstance(reply, TableReply) else [str(reply)]
            return rows, [*found, f"it has {dict(stored - wanted)} beyond, and misses {dict(wanted - stored)}"]
        time.sleep(0.1)


def _stored(rows: Rows) -> list[_Stored]:
    return msgspec.convert(rows, list[_Stored])


def _futures_client_ids(statements: Statements, name: str) -> dict[str, str]:
    futures = statements.futures.get(name)
    return {str(number): order["clientOrderId"] for number, order in futures.orders.items()} if futures else {}


def _check_rows(rows: Iterable[_Stored], client_ids: Mapping[str, str], may_end: Set[str]) -> Iterator[str]:
    """Each order ended for a reason possible for its kind, and has the client id it was placed with."""
    for row in rows:
        ends = _ENDS.get((row.product, row.status), set()) if row.resting else {row.reason} - _UNASKED
        if row.reason not in ends | may_end:
            yield f"archive: no reason to end: {row}"
        if client_ids.get(row.id, row.client_id) != row.client_id:
            yield f"archive: the client id was {client_ids[row.id]}: {row}"
