"""Audit of the DuckDB archive after a load on an exchange of our own, and of its data folder."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from loadtest.auditor import Statements
from loadtest.findings import is_open
from shards.folder import Folder
from shards.ipc.client import Client
from shards.limits import SQL_MS_MAX
from shards.model.queries import Query, RunSql
from shards.model.replies import Reply, TableReply
from shards.verify.folder import verify_folder

ARCHIVED_S: Final = 15.0  # rows are archived within a tenth of a second; a loaded machine takes longer
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
    """Check that each ended order is archived exactly once, as its account saw it; then run ``shardex verify``.

    The engine must run, without trading; all orders have been canceled. Rows may take up to ``seconds`` to be archived.
    """
    client = Client(folder)
    try:
        if not client.wait_connected(BACK_S):
            yield "the engine cannot be reached"
            return
        for name in statements.spot:
            yield from _compare(client, name, statements, seconds)

        def ask(query: Query) -> Reply:
            return client.ask_archive(query, SQL_MS_MAX)

        yield from (f"verify: {text}" for text in verify_folder(folder, ask))
    finally:
        client.close()


def _expected(statements: Statements, name: str) -> Counter[tuple[Any, ...]]:
    spot = statements.spot[name].orders.values()
    futures = statements.futures[name].orders.values()
    return Counter(
        [
            *(("spot", row["id"], _ended(row), Decimal(row["filled_qty"])) for row in spot),
            *(("futures", str(row["orderId"]), _ended(row), Decimal(row["executedQty"])) for row in futures),
        ]
    )


def _ended(order: dict[str, Any]) -> str:
    return "canceled" if is_open(order) else order["status"].lower()


def _compare(client: Client, name: str, statements: Statements, seconds: float) -> Iterator[str]:
    statement = (
        "SELECT product, CASE product WHEN 'spot' THEN id::VARCHAR ELSE order_id::VARCHAR END, status,"
        " filled_exact::VARCHAR, end_reason, client_id,"
        " type = 'limit' AND tif IN ('gtc', 'post_only') AND trigger_type IS NULL"
        f" FROM orders WHERE account = '{name}'"
    )
    wanted = _expected(statements, name)
    end = time.monotonic() + seconds
    while True:
        reply = client.ask_archive(RunSql(statement), SQL_MS_MAX)
        rows = msgspec.convert(reply.rows, list[_Stored]) if isinstance(reply, TableReply) else []
        stored = Counter((row.product, row.id, row.status, Decimal(row.filled)) for row in rows)
        if stored == wanted:
            yield from _check_rows(rows, statements.client_ids | _futures_client_ids(statements, name))
            return
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    if not isinstance(reply, TableReply):
        yield f"archive: {reply}"
    yield f"archive: of {name} it has {dict(stored - wanted)} beyond, and misses {dict(wanted - stored)}"


def _futures_client_ids(statements: Statements, name: str) -> dict[str, str]:
    return {str(number): order["clientOrderId"] for number, order in statements.futures[name].orders.items()}


def _check_rows(rows: Iterable[_Stored], client_ids: Mapping[str, str]) -> Iterator[str]:
    """Each order ended for a reason possible for its kind, and has the client id it was placed with."""
    for row in rows:
        ends = _ENDS.get((row.product, row.status), set()) if row.resting else {row.reason} - _UNASKED
        if row.reason not in ends:
            yield f"archive: no reason to end: {row}"
        if client_ids.get(row.id, row.client_id) != row.client_id:
            yield f"archive: the client id was {client_ids[row.id]}: {row}"
