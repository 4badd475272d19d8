"""What DuckDB has of a load on an exchange of our own, and whether its folder is right."""

import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from loadtest.auditor import Statements
from loadtest.findings import is_open
from shards.client import Client
from shards.limits import SQL_MS_MAX
from shards.messages import Question, Reply, RunSql, TableReply
from shards.verify import verify_folder
from storage.folder import Folder

ARCHIVED_S: Final = 15.0  # rows follow within a tenth of a second; a loaded machine takes longer
BACK_S: Final = 20.0  # the engine is there


def audit_archive(folder: Folder, statements: Statements, seconds: float = ARCHIVED_S) -> Iterator[str]:
    """Each order that ended is there exactly once, as its account was told; then ``shardex verify``.

    The engine must run, and nobody may be trading; what was open has been canceled since. Rows may take so many
    ``seconds``.
    """
    client = Client(folder)
    try:
        if not client.wait_connected(BACK_S):
            yield "the engine cannot be reached"
            return
        for name in statements.spot:
            yield from _compare(client, name, _expected(statements, name), seconds)

        def ask(question: Question) -> Reply:
            return client.ask_archive(question, SQL_MS_MAX)

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


def _compare(client: Client, name: str, wanted: Counter[tuple[Any, ...]], seconds: float) -> Iterator[str]:
    statement = (
        "SELECT product, CASE product WHEN 'spot' THEN id::VARCHAR ELSE order_id::VARCHAR END, status, filled::VARCHAR"
        f" FROM orders WHERE account = '{name}'"
    )
    end = time.monotonic() + seconds
    while True:
        reply = client.ask_archive(RunSql(statement), SQL_MS_MAX)
        rows = reply.rows if isinstance(reply, TableReply) else []
        stored = Counter((*row[:3], Decimal(str(row[3]))) for row in rows)
        if stored == wanted:
            return
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    if not isinstance(reply, TableReply):
        yield f"archive: {reply}"
    yield f"archive: of {name} it has {dict(stored - wanted)} beyond, and misses {dict(wanted - stored)}"
