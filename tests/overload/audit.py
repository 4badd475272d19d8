"""What callers were told of their orders against what the archive has of them, once all have ended."""

import json
from collections.abc import Iterator
from typing import Final

from loadtest.signing import bearer, sign_futures
from shards.ipc.client import Client
from shards.limits import DEADLINE_MS, SQL_MS_MAX
from shards.model.queries import RunSql
from shards.model.replies import TableReply
from shards.verify.folder import verify_folder
from tests.crash.floor import Account
from tests.crash.processes import QUIET_S, connected
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
        for account, is_spot in orders.accounts:
            _cancel_all(exchange, account, is_spot)
        orders.ended()
        until(lambda: _is_archived(exchange), ARCHIVE_S, "all is archived")
        found = [*orders.faults, *verify_folder(exchange.folder, client.ask_archive)]
        return [*found, *_compare(client, orders)]


def _cancel_all(exchange: Exchange, account: Account, is_spot: bool) -> None:
    if is_spot:
        assert exchange.call("DELETE", "/api/v1/spot/orders", None, None, bearer(account)).status_code == 200
        return
    headers, signed = sign_futures(account, {})
    resting = exchange.call("GET", f"/fapi/v1/openOrders?{signed}", None, None, headers).json()
    for symbol in {order["symbol"] for order in resting}:
        headers, signed = sign_futures(account, {"symbol": symbol})
        told = exchange.call("DELETE", f"/fapi/v1/allOpenOrders?{signed}", None, None, headers)
        assert told.status_code == 200, told.text


def _is_archived(exchange: Exchange) -> bool:
    return all(not shard["archive_lag"] for shard in exchange.operate("GET", "/shards").json()["shards"])


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
