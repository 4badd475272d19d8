"""What is known of each order from its answers, against the archive, once all have ended."""

import json
from collections.abc import Iterator
from typing import Final

from loadtest.reader import Reader
from loadtest.statement import close_orders
from shards.ipc.client import Client
from shards.limits import DEADLINE_MS, SQL_MS_MAX
from shards.model.queries import RunSql
from shards.model.replies import TableReply
from shards.verify.folder import verify_folder
from tests.crash.processes import QUIET_S, await_archived, connected
from tests.exchange import Exchange, until
from tests.overload.orders import Fate, Orders

PAGE_COUNT: Final = 50_000  # orders in one SQL answer
ARCHIVE_S: Final = 60.0  # until all is archived
_ALLOWED: Final[dict[Fate, set[str | None]]] = {
    Fate.ABSENT: {None},
    Fate.UNKNOWN: {None, "cancel_all", "ioc", "filled"},
    Fate.PLACED: {"cancel_all", "ioc", "filled"},
    Fate.ENDING: {"user", "cancel_all"},
    Fate.CANCELED: {"user"},
}


def audit(exchange: Exchange, orders: Orders) -> list[str]:
    """Everything that is wrong; cancels whatever is open first. Nothing may be under way."""
    with connected(exchange) as client:
        shards = range(client.shard_count)
        until(lambda: not any(client.depth(shard) for shard in shards), QUIET_S, "every mailbox is empty")
        for account in orders.accounts:
            with Reader(exchange.base_url, account, patience_s=0) as reader:
                close_orders(reader, orders.futures_symbols)
        orders.ended()
        await_archived(client, ARCHIVE_S)
        found = [*orders.faults, *verify_folder(exchange.folder, client.ask_archive)]
        return [*found, *_compare(client, orders)]


def _compare(client: Client, orders: Orders) -> Iterator[str]:
    """Each order against its row: why it ended."""
    for first in range(0, len(orders.fates), PAGE_COUNT):
        ended = _read_ends(client, first)
        for number, fate in enumerate(orders.fates[first : first + PAGE_COUNT], first):
            reasons = ended.get(number, [None])
            if len(reasons) > 1 or reasons[0] not in _ALLOWED[Fate(fate)]:
                yield f"order {number} is {Fate(fate).name} for its caller, and in the archive {reasons}"


def _read_ends(client: Client, first: int) -> dict[int, list[str | None]]:
    statement = (
        "SELECT client_id::INT, list(end_reason)::JSON::VARCHAR FROM orders"
        f" WHERE try_cast(client_id AS INT) BETWEEN {first} AND {first + PAGE_COUNT - 1} GROUP BY ALL"
    )
    reply = client.ask_archive(RunSql(statement), SQL_MS_MAX + DEADLINE_MS)
    assert isinstance(reply, TableReply), reply
    return {int(str(number)): json.loads(str(reasons)) for number, reasons in reply.rows}
