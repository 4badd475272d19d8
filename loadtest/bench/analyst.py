"""Cost of readable columns for an analyst: CPU of a sum of price × quantity, beside the same in ticks and lots.

``python -m loadtest.bench.analyst [--quick] [--repeats N]``. Two million trades of one market, summed by symbol.
"""

import time
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb

from loadtest.bench.command import Options, run_topics
from loadtest.bench.results import Figure, Report, take_turns
from loadtest.bench.seeding import MARKET, START_MS
from shards.archive.service import History
from shards.model.events import MarketChanged
from shards.model.queries import RunSql
from shards.model.replies import TableReply
from storage.tables import TRADES

TRADES_COUNT: Final = 2_000_000
STATEMENT: Final = "SELECT symbol, sum({}) FROM trades GROUP BY ALL"
TICKS: Final = "price_ticks * quantity_lots"
_ROWS: Final = f"""
    SELECT 1::BIGINT << 40 | i, 1, 470000 + i % 9000, 1 + i % 500, 'buy', i, i, 'a' || i % 50, 'b' || i % 50, 0, 0,
        {START_MS} + i, 'spot', uuid()
    FROM range({TRADES_COUNT}) AS numbers(i)
"""


def measure(report: Report, options: Options) -> None:
    """Measure the queries in turns."""
    with TemporaryDirectory(prefix="sx") as folder:
        path = Path(folder) / "history.duckdb"
        with closing(History(path, bytes(32))) as history:
            history.store({0: [(1, MarketChanged(MARKET, 1))]})
        with closing(duckdb.connect(path)) as database:
            database.execute(f"INSERT INTO {TRADES.name} ({TRADES.column_names}) {_ROWS}")
        with closing(History(path, bytes(32))) as history:
            sums = (TICKS, "price * quantity", "notional")
            runs = take_turns({each: partial(_cpu_ms, history, each) for each in sums}, options.repeats)
    for each in sums[1:]:
        report.add([Figure(f"analyst sum({each})", "ms of CPU", runs[each], "in ticks and lots", runs[TICKS])])


def _cpu_ms(history: History, expression: str) -> float:
    start = time.process_time()
    reply = history.answer(RunSql(STATEMENT.format(expression)))
    assert isinstance(reply, TableReply), reply
    return 1e3 * (time.process_time() - start)


if __name__ == "__main__":
    run_topics({"analyst": measure}, __doc__)
