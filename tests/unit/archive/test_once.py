"""Rows are stored exactly once, whatever dies in between: on real DuckDB files."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import msgspec
import pytest

from shards.archive.service import History
from shards.model.accounting import Wallet
from shards.model.events import Event, MarketChanged, OrderEnded, Traded
from shards.model.ids import make_number
from shards.model.markets import MarketStatus
from shards.model.queries import (
    GetArchiveStatus,
    GetOrder,
    GetOrderByClientId,
    GetTrade,
    ListFills,
    ListIncome,
    ListOrders,
    ListTrades,
    MarketTrades,
    RunSql,
)
from shards.model.reasons import RejectReason
from shards.model.replies import ArchiveStatus, FillsReply, IncomeReply, OrderReply, OrdersReply, Rejected, TradesReply
from storage.archive import ArchiveFailed
from storage.mark import mark_path
from tests.unit.archive.samples import (
    DFUSDT,
    KEY,
    ROOT,
    make_fill,
    make_move,
    make_order,
    make_trade,
    number_rows,
    table,
)


def test_an_empty_archive(history: History) -> None:
    assert history.position(0) == 0
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(0, {})
    assert history.answer(GetOrder(make_number(1, 1))) == Rejected(RejectReason.UNKNOWN_ORDER)
    assert history.answer(GetOrderByClientId(1, "alice", "x")) == Rejected(RejectReason.UNKNOWN_ORDER)
    assert history.answer(ListOrders("alice", 50)) == OrdersReply([])
    assert history.answer(ListTrades("alice", 50)) == TradesReply([])
    assert history.answer(GetTrade(1)) == TradesReply([])
    assert history.answer(MarketTrades(1, 50)) == TradesReply([])
    assert history.answer(ListFills("alice", 50)) == FillsReply([])
    assert history.answer(ListIncome("alice", 50)) == IncomeReply([])


def test_positions_are_kept_per_shard(history: History) -> None:
    history.store({0: [(1, MarketChanged(DFUSDT, 1)), (2, OrderEnded(make_order()))], 3: [(1, Traded(make_trade()))]})
    history.store({})
    history.store({1: []})
    assert [history.position(shard) for shard in range(4)] == [2, 0, 0, 1]
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(3, {0: 2, 3: 1})


def test_a_row_that_comes_again_is_skipped(history: History) -> None:
    rows = number_rows([OrderEnded(make_order(sequence)) for sequence in range(1, 11)])
    history.store({0: rows[:6]})
    history.store({0: rows[:6]})
    history.store({0: rows[3:]})
    history.store({0: rows})
    assert history.position(0) == 10
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(10, {0: 10})


def test_an_older_state_of_a_market_that_comes_again_is_skipped(history: History) -> None:
    """Such rows replace each other: no key of the table would hold up an old one."""
    halted = msgspec.structs.replace(DFUSDT, status=MarketStatus.HALTED)
    history.store({0: number_rows([MarketChanged(DFUSDT, 1), MarketChanged(halted, 2)])})
    history.store({0: number_rows([MarketChanged(DFUSDT, 1)])})
    assert table(history, "SELECT status FROM markets") == [{"status": "halted"}]
    assert history.position(0) == 2


def test_nobody_else_may_read_the_file(path: Path) -> None:
    """Whatever the caller's mask is."""
    before = os.umask(0)
    try:
        history = History(path, KEY)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o077 == 0
    history.close()


def test_fills_and_movements_are_stored_once(history: History) -> None:
    both_sides = [make_fill(1, order=1), make_fill(1, order=2, account="bob")]
    both_wallets = [make_move(1, wallet=Wallet.SPOT, amount=-5), make_move(1, amount=5)]
    rows = number_rows([*both_sides, *both_wallets])
    for _ in range(2):
        history.store({0: rows[:3]})
        history.store({0: rows, 1: number_rows([make_move(1)])})  # each shard counts its own inputs
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(5, {0: 4, 1: 1})
    assert table(history, "SELECT count(*) AS n FROM stored.futures_fills") == [{"n": 2}]
    assert table(history, "SELECT count(*) AS n FROM stored.movements") == [{"n": 3}]


@pytest.mark.parametrize("event", [OrderEnded(make_order()), Traded(make_trade()), make_fill(), make_move()])
def test_the_same_row_under_another_number_is_refused(history: History, event: Event) -> None:
    history.store({0: [(1, event)]})
    with pytest.raises(duckdb.ConstraintException):
        history.store({0: [(2, event)]})


def test_nothing_is_skipped(history: History) -> None:
    with pytest.raises(AssertionError):
        history.store({0: [(1, "a row of another kind")]})  # type: ignore[list-item]
    assert history.position(0) == 0


def test_everything_is_there_after_closing_and_opening(path: Path) -> None:
    order, trade, fill = make_order(), make_trade(), make_fill()
    first = History(path, KEY)
    first.store({2: number_rows([MarketChanged(DFUSDT, 1), Traded(trade), OrderEnded(order), fill, make_move()])})
    first.close()
    assert not path.with_name(path.name + ".wal").exists()
    second = History(path, KEY)
    assert second.position(2) == 5
    assert second.answer(GetOrder(order.id)) == OrderReply(order)
    assert second.answer(GetTrade(trade.id)) == TradesReply([trade])
    assert second.answer(ListFills("alice", 50)) == FillsReply([fill])
    assert table(second, "SELECT symbol FROM orders") == [{"symbol": "DFUSDT"}]
    second.close()


def test_a_failed_store_leaves_nothing_and_a_new_opening_goes_on(path: Path) -> None:
    history = History(path, KEY)
    history.store({0: [(1, OrderEnded(make_order(1)))]})
    same_order_again = {1: [(1, OrderEnded(make_order(2)))], 0: [(2, OrderEnded(make_order(1)))]}
    with pytest.raises(duckdb.Error):
        history.store(same_order_again)
    with pytest.raises(ArchiveFailed):
        history.store({0: [(2, OrderEnded(make_order(3)))]})
    assert history.answer(GetOrder(make_number(1, 1))) == Rejected(RejectReason.HISTORY_UNREADABLE)
    assert history.answer(RunSql("SELECT 1")) == Rejected(RejectReason.HISTORY_UNREADABLE)
    history.close()

    history = History(path, KEY)
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(1, {0: 1})
    history.store({1: [(1, OrderEnded(make_order(2)))], 0: [(2, OrderEnded(make_order(3)))]})
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(3, {0: 2, 1: 1})
    history.close()


def test_rows_and_their_numbers_are_stored_together(path: Path) -> None:
    """However much of the log a process leaves that dies, both or neither: else it would store rows a second time."""
    history = History(path, KEY)
    history.checkpoint()
    history.store({0: number_rows([OrderEnded(make_order(sequence)) for sequence in (1, 2, 3)])})
    log = path.with_name(f"{path.name}.wal")
    file, logged = path.read_bytes(), log.read_bytes()
    history.close()
    mark_path(path).unlink()
    left = []
    for size in (len(logged), len(logged) - 1, len(logged) // 2):
        path.write_bytes(file)
        log.write_bytes(logged[:size])
        history = History(path, KEY)
        left.append((history.position(0), table(history, "SELECT count(*) AS n FROM stored.orders")[0]["n"]))
        history.close()
        mark_path(path).unlink()
    assert left == [(3, 3), (0, 0), (0, 0)]


WRITER = """
import sys
from pathlib import Path
from tests.unit.archive.samples import KEY, make_order
from shards.archive.service import History
from shards.archive.rows import order_row
from shards.model.events import OrderEnded

history = History(Path(sys.argv[1]), KEY)
number = history.position(0)
while True:
    size = number % 7 * 100 + 1
    batch = [(number + i, OrderEnded(make_order(number + i))) for i in range(1, size + 1)]
    history.store({0: batch})
    number += size
    print(number, flush=True)
"""


def test_what_was_stored_survives_kill_9(path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert writer.stdout is not None
        stored = int(writer.stdout.readline())
        time.sleep(chance.random() / 4)
        writer.send_signal(signal.SIGKILL)
        stored = max([stored, *map(int, writer.stdout.read().split())])
        writer.stdout.close()
        writer.wait()
        history = History(path, KEY)
        position = history.position(0)
        assert position >= stored
        assert history.answer(GetArchiveStatus()) == ArchiveStatus(position, {0: position})
        assert table(history, "SELECT count(*) AS n, max(order_id) - (1::BIGINT << 40) AS last FROM stored.orders") == [
            {"n": position, "last": position}
        ]
        history.close()


def test_a_full_disk_loses_nothing(path: Path) -> None:
    script = WRITER.replace("history =", "resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000,) * 2)\nhistory =")
    writer = subprocess.run(
        [sys.executable, "-c", "import resource" + script, path], capture_output=True, text=True, cwd=ROOT
    )
    assert "File too large" in writer.stderr
    stored = int(writer.stdout.split()[-1])
    history = History(path, KEY)
    assert history.position(0) == stored
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(stored, {0: stored})
    history.store({0: [(stored + 1, OrderEnded(make_order(stored + 1)))]})
    history.close()


def test_no_other_process_can_open_the_file(history: History, path: Path) -> None:
    script = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True)"
    other = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert other.returncode != 0
    assert "lock" in other.stderr
    assert path.stat().st_mode & 0o777 == 0o600
