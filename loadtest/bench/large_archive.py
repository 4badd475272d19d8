"""An archive of millions of orders, to measure what must not grow with it.

``python -m loadtest.bench.large_archive ORDERS DATA`` inserts that many canceled futures orders into the archive of a
data folder that is not in use. Ten million take about a minute. No journal contains them: they are for measurements
only.
"""

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import duckdb

from shards.archive.service import History
from shards.folder import Folder
from storage.client_ids import NEW_COUNT, RECENT_COUNT
from storage.tables import CLIENT_IDS, ORDERS, RECENT_CLIENT_IDS

ACCOUNTS: Final = tuple(f"large-{number}" for number in range(1_000))
MARKETS: Final = (1, 2, 3, 4)
FIRST_SEQUENCE: Final = 2**39  # beyond any journal
_START_MS: Final = 1_790_000_000_000

_ROWS: Final = f"""
    SELECT list_extract($markets, i % len($markets) + 1)::BIGINT << 40 | ({FIRST_SEQUENCE} + i) AS order_id,
        list_extract($markets, i % len($markets) + 1) AS market,
        list_extract($accounts, i % len($accounts) + 1) AS account,
        CASE i % 2 WHEN 0 THEN 'buy' ELSE 'sell' END, 'limit', 'gtc', 400000 + i % 2000, 10 + i % 50, 0,
        'c' || left(md5(i::VARCHAR), 16) AS client_id, {_START_MS} + i, 0, 0, 'canceled', 'batch', {_START_MS} + i,
        {_START_MS} + i + i % 5000, i, false, false, 20, 400000 + i % 2000, 0, '', 0, '', false, 0, 0, 0, 0, 0, 0, 0,
        'futures', 0, uuid()
    FROM range($first, $end) AS numbers(i)
"""


class LateOrder(NamedTuple):
    """An order of the archive."""

    id: int
    market: int
    account: str
    client_id: str


def late_order(index: int, accounts: Sequence[str] = ACCOUNTS, markets: Sequence[int] = MARKETS) -> LateOrder:
    """The ``index``-th order that :func:`fill_archive` makes."""
    market = markets[index % len(markets)]
    client_id = "c" + hashlib.md5(str(index).encode(), usedforsecurity=False).hexdigest()[:16]
    return LateOrder(market << 40 | FIRST_SEQUENCE + index, market, accounts[index % len(accounts)], client_id)


def fill_archive(
    folder: Folder, count: int, accounts: Sequence[str] = ACCOUNTS, markets: Sequence[int] = MARKETS
) -> None:
    """Insert ``count`` orders of these accounts and markets into the archive of a folder that is not in use."""
    History(folder.history, bytes.fromhex(folder.secrets().id_key)).close()  # creates the tables; fails if it is in use
    with closing(duckdb.connect(folder.history, config={"memory_limit": "2GB"})) as database:
        for first, end in _runs(count):  # in the order of arrival
            bound = {"first": first, "end": end, "accounts": list(accounts), "markets": list(markets)}
            database.execute(f"INSERT INTO {ORDERS.name} ({ORDERS.column_names}) {_ROWS}", bound)
            target = CLIENT_IDS if end - first == RECENT_COUNT else RECENT_CLIENT_IDS
            database.execute(
                f"INSERT INTO {target.name} ({target.column_names})"
                " SELECT md5_number_lower(account || ' ' || client_id) AS key, order_id, false"
                f" FROM ({_ROWS}) ORDER BY key",
                bound,
            )


def _runs(count: int) -> Iterator[tuple[int, int]]:
    """Bounds of the runs of client ids that the archive itself would have built by now."""
    first = 0
    while first < count:
        end = first + (RECENT_COUNT if count - first >= RECENT_COUNT else min(NEW_COUNT, count - first))
        yield first, end
        first = end


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("orders", type=int)
    parser.add_argument("data", type=Path)
    args = parser.parse_args()
    fill_archive(Folder.open(args.data), args.orders)
