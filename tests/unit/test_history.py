"""The archive through real DuckDB files: exactly once, exact values, and an operator's door that opens no other."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shards import history as history_module
from shards.history import Cell, History, to_cell
from shards.ids import TRADE, make_number, to_uuid
from shards.limits import AMOUNT_MAX
from shards.markets import Market, MarketStatus, Product
from shards.messages import (
    ArchiveStatus,
    CountOpen,
    GetArchiveStatus,
    GetBalances,
    GetDepth,
    GetOrder,
    GetOrderByClientId,
    GetStatus,
    GetTrade,
    ListOrders,
    ListTrades,
    MarketTrades,
    OrderReply,
    OrdersReply,
    Question,
    Reason,
    Refused,
    RunSql,
    TableReply,
    TradesReply,
)
from shards.orders import EndReason, Kind, Order, Side, Status, TimeInForce, Trade
from shards.rows import MarketChanged, OrderEnded, Row, Traded
from storage.archive import Archive, ArchiveFailed
from storage.queries import ROW_COUNT, Query
from storage.schema import ORDERS, TABLES, VIEWS

KEY = b"k" * 32
ROOT = Path(__file__).parents[2]
NOON_MS = 1_790_000_000_000  # 2026-09-21 14:13:20 UTC

DFUSDT = Market(1, Product.SPOT, "DFUSDT", "DF", "USDT", 18, 6, 1, 4, 1, 2, 1_000_000, 10, 20)
BTCUSDT = Market(2, Product.SPOT, "BTCUSDT", "BTC", "USDT", 8, 6, 25, 2, 1, 4, 5_000_000, 0, 0)


def make_order(sequence: int = 1, **changes: Any) -> Order:
    market = changes.get("market", 1)
    fields: dict[str, Any] = {
        "id": make_number(market, sequence),
        "market": market,
        "account": "alice",
        "side": Side.SELL,
        "kind": Kind.LIMIT,
        "tif": TimeInForce.GTC,
        "price": 6_100,
        "quantity": 4_000,
        "quote_quantity": 0,
        "client_id": "",
        "signed_ms": 0,
        "filled": 1_250,
        "filled_value": 1_250 * 6_100,
        "hold": 0,
        "status": Status.CANCELED,
        "end_reason": EndReason.USER,
        "created_ms": NOON_MS,
        "updated_ms": NOON_MS + 42_000,
        "request": 7,
    }
    return Order(**{**fields, **changes})


def make_trade(sequence: int = 1, **changes: Any) -> Trade:
    market = changes.get("market", 1)
    fields: dict[str, Any] = {
        "id": make_number(market, sequence),
        "market": market,
        "price": 6_100,
        "quantity": 1_250,
        "taker_side": Side.BUY,
        "maker_order": make_number(market, 1),
        "taker_order": make_number(market, 2),
        "maker_account": "alice",
        "taker_account": "bob",
        "maker_fee": 7_625,
        "taker_fee": 25 * 10**15,
        "time_ms": NOON_MS + 41_000,
    }
    return Trade(**{**fields, **changes})


def number_rows(rows: list[Row], first: int = 1) -> list[tuple[int, Row]]:
    return list(enumerate(rows, first))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.duckdb"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    opened = History(path, KEY)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared_history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    opened = History(tmp_path_factory.mktemp("shared") / "history.duckdb", KEY)
    yield opened
    opened.close()


def table(history: History, sql: str) -> list[dict[str, Cell]]:
    reply = history.answer(RunSql(sql))
    assert isinstance(reply, TableReply), reply
    return [dict(zip(reply.columns, row, strict=True)) for row in reply.rows]


def refusal(history: History, sql: str) -> str:
    reply = history.answer(RunSql(sql))
    assert isinstance(reply, Refused), reply
    assert reply.reason == Reason.BAD_SQL
    assert reply.text
    return reply.text


# Exactly once


def test_an_empty_archive(history: History) -> None:
    assert history.position(0) == 0
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(0, {})
    assert history.answer(GetOrder(make_number(1, 1))) == Refused(Reason.UNKNOWN_ORDER)
    assert history.answer(GetOrderByClientId(1, "alice", "x")) == Refused(Reason.UNKNOWN_ORDER)
    assert history.answer(ListOrders("alice", 50)) == OrdersReply([])
    assert history.answer(ListTrades("alice", 50)) == TradesReply([])
    assert history.answer(GetTrade(1)) == TradesReply([])
    assert history.answer(MarketTrades(1, 50)) == TradesReply([])


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


def test_everything_is_there_after_closing_and_opening(path: Path) -> None:
    order, trade = make_order(), make_trade()
    first = History(path, KEY)
    first.store({2: number_rows([MarketChanged(DFUSDT, 1), Traded(trade), OrderEnded(order)])})
    first.close()
    assert not path.with_name(path.name + ".wal").exists()
    second = History(path, KEY)
    assert second.position(2) == 3
    assert second.answer(GetOrder(order.id)) == OrderReply(order)
    assert second.answer(GetTrade(trade.id)) == TradesReply([trade])
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
    assert history.answer(GetOrder(make_number(1, 1))) == Refused(Reason.HISTORY_UNREADABLE)
    assert history.answer(RunSql("SELECT 1")) == Refused(Reason.HISTORY_UNREADABLE)
    history.close()

    history = History(path, KEY)
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(1, {0: 1})
    history.store({1: [(1, OrderEnded(make_order(2)))], 0: [(2, OrderEnded(make_order(3)))]})
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(3, {0: 2, 1: 1})
    history.close()


WRITER = """
import sys
from pathlib import Path
from tests.unit.test_history import KEY, make_order
from shards.history import History
from shards.rows import OrderEnded

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


# Exact values

amounts = st.integers(0, 10**6) | st.integers(0, AMOUNT_MAX) | st.sampled_from([2**63, 2**64 - 1, 2**64, AMOUNT_MAX])
times = st.integers(0, 2**53) | st.just(2**62)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)
orders = st.builds(
    Order,
    id=st.just(0),
    market=st.integers(1, 4_095),
    account=texts,
    side=st.sampled_from(Side),
    kind=st.sampled_from(Kind),
    tif=st.sampled_from(TimeInForce),
    price=amounts,
    quantity=amounts,
    quote_quantity=amounts,
    client_id=texts,
    signed_ms=times,
    filled=amounts,
    filled_value=amounts,
    hold=amounts,
    status=st.sampled_from(Status),
    end_reason=st.sampled_from(EndReason),
    created_ms=times,
    updated_ms=times,
    request=times,
)
trades = st.builds(
    Trade,
    id=st.just(0),
    market=st.integers(1, 4_095),
    price=amounts,
    quantity=amounts,
    taker_side=st.sampled_from(Side),
    maker_order=times,
    taker_order=times,
    maker_account=texts,
    taker_account=texts,
    maker_fee=amounts,
    taker_fee=amounts,
    time_ms=times,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some_orders=st.lists(orders, max_size=5), some_trades=st.lists(trades, max_size=5))
def test_what_comes_out_is_what_went_in(
    shared_history: History, some_orders: list[Order], some_trades: list[Trade]
) -> None:
    first = shared_history.position(0) + 1
    for sequence, order in enumerate(some_orders, first):
        order.id = make_number(order.market, sequence)
    numbered_trades = [
        replace(trade, id=make_number(trade.market, sequence)) for sequence, trade in enumerate(some_trades, first)
    ]
    shared_history.store({0: number_rows([*map(OrderEnded, some_orders), *map(Traded, numbered_trades)], first)})
    for order in some_orders:
        assert shared_history.answer(GetOrder(order.id)) == OrderReply(order)
    for trade in numbered_trades:
        assert shared_history.answer(GetTrade(trade.id)) == TradesReply([trade])


# Named questions


def test_a_client_id_names_the_latest_order(history: History) -> None:
    stored = [
        make_order(1, client_id="a", created_ms=NOON_MS),
        make_order(2, client_id="a", created_ms=NOON_MS + 2),
        make_order(3, client_id="a", created_ms=NOON_MS + 2),
        make_order(4, client_id="a", created_ms=NOON_MS + 1),
        make_order(5, client_id="a", created_ms=NOON_MS + 9, account="bob"),
        make_order(6, client_id="a", created_ms=NOON_MS + 9, market=2),
        make_order(7, client_id="b", created_ms=NOON_MS + 9),
    ]
    history.store({0: number_rows([OrderEnded(order) for order in stored])})
    assert history.answer(GetOrderByClientId(1, "alice", "a")) == OrderReply(stored[2])
    assert history.answer(GetOrderByClientId(1, "alice", "A")) == Refused(Reason.UNKNOWN_ORDER)


def _random_order(chance: random.Random, sequence: int) -> Order:
    return make_order(
        sequence,
        market=chance.choice([1, 2]),
        account=chance.choice(["alice", "bob"]),
        status=chance.choice([Status.FILLED, Status.CANCELED, Status.REJECTED]),
        created_ms=NOON_MS + chance.randrange(20),
    )


def _expected_orders(stored: list[Order], question: ListOrders) -> list[Order]:
    def fits(order: Order) -> bool:
        return (
            order.account == question.account
            and question.market in (0, order.market)
            and question.status in (0, order.status)
            and question.start_ms <= order.created_ms <= question.end_ms
            and (order.created_ms, order.id) < (question.before_ms, question.before_id)
        )

    newest_first = sorted(stored, key=lambda order: (order.created_ms, order.id), reverse=True)
    return [order for order in newest_first if fits(order)][: question.limit]


def test_lists_of_orders(history: History) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    stored = [_random_order(chance, sequence) for sequence in range(1, 201)]
    history.store({0: number_rows([OrderEnded(order) for order in stored])})
    for _ in range(100):
        question = ListOrders(
            chance.choice(["alice", "bob", "carol"]),
            chance.choice([1, 10, 200]),
            market=chance.choice([0, 1, 2]),
            status=chance.choice([0, 0, Status.CANCELED, Status.EXPIRED]),
        )
        if chance.random() < 0.5:
            start_ms, end_ms = NOON_MS + chance.randrange(10), NOON_MS + chance.randrange(10, 25)
            question = replace(question, start_ms=start_ms, end_ms=end_ms)
        if chance.random() < 0.5:
            question = replace(question, before_ms=(before := chance.choice(stored)).created_ms, before_id=before.id)
        assert history.answer(question) == OrdersReply(_expected_orders(stored, question)), question


def test_paging_through_orders_meets_each_once(history: History) -> None:
    stored = [make_order(sequence, created_ms=NOON_MS + sequence // 5) for sequence in range(1, 51)]
    history.store({0: number_rows([OrderEnded(order) for order in stored])})
    met: list[Order] = []
    question = ListOrders("alice", 7)
    while True:
        reply = history.answer(question)
        assert isinstance(reply, OrdersReply)
        if not reply.orders:
            break
        met += reply.orders
        question = replace(question, before_ms=met[-1].created_ms, before_id=met[-1].id)
    assert met == stored[::-1]


def _expected_trades(stored: list[Trade], question: ListTrades) -> list[Trade]:
    def fits(trade: Trade) -> bool:
        return (
            question.account in (trade.maker_account, trade.taker_account)
            and question.market in (0, trade.market)
            and question.order in (0, trade.maker_order, trade.taker_order)
            and question.start_ms <= trade.time_ms <= question.end_ms
            and (trade.time_ms, trade.id) < (question.before_ms, question.before_id)
        )

    newest_first = sorted(stored, key=lambda trade: (trade.time_ms, trade.id), reverse=True)
    return [trade for trade in newest_first if fits(trade)][: question.limit]


def test_lists_of_trades(history: History) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    accounts = ["alice", "bob", "carol"]
    stored = [
        make_trade(
            sequence,
            market=chance.choice([1, 2]),
            maker_account=(pair := chance.sample(accounts, 2))[0],
            taker_account=pair[1],
            maker_order=chance.randrange(1, 9),
            taker_order=chance.randrange(1, 9),
            time_ms=NOON_MS + chance.randrange(20),
        )
        for sequence in range(1, 201)
    ]
    history.store({0: number_rows([Traded(trade) for trade in stored])})
    for _ in range(100):
        question = ListTrades(
            chance.choice([*accounts, "dave"]),
            chance.choice([1, 10, 200]),
            market=chance.choice([0, 1, 2]),
            order=chance.choice([0, 0, 3]),
        )
        if chance.random() < 0.5:
            start_ms, end_ms = NOON_MS + chance.randrange(10), NOON_MS + chance.randrange(10, 25)
            question = replace(question, start_ms=start_ms, end_ms=end_ms)
        if chance.random() < 0.5:
            question = replace(question, before_ms=(before := chance.choice(stored)).time_ms, before_id=before.id)
        assert history.answer(question) == TradesReply(_expected_trades(stored, question)), question


def test_trades_of_a_market_come_newest_first(history: History) -> None:
    stored = [make_trade(sequence, time_ms=NOON_MS + sequence // 3) for sequence in range(1, 31)]
    other = make_trade(99, market=2)
    history.store({0: number_rows([Traded(trade) for trade in (*stored, other)])})
    newest_first = stored[::-1]
    assert history.answer(MarketTrades(1, 1_000)) == TradesReply(newest_first)
    assert history.answer(MarketTrades(1, 5)) == TradesReply(newest_first[:5])
    assert history.answer(MarketTrades(1, 5, before_id=newest_first[4].id)) == TradesReply(newest_first[5:10])
    since = [trade for trade in newest_first if trade.time_ms >= NOON_MS + 4]
    assert history.answer(MarketTrades(1, 1_000, start_ms=NOON_MS + 4)) == TradesReply(since)
    assert history.answer(MarketTrades(2, 1_000)) == TradesReply([other])


@pytest.mark.parametrize("question", [GetBalances("alice"), CountOpen("alice"), GetDepth(1, 5), GetStatus()])
def test_a_question_for_a_shard_is_refused(history: History, question: Question) -> None:
    assert history.answer(question) == Refused(Reason.HISTORY_UNREADABLE)


def test_a_question_that_fails_harms_nothing(history: History) -> None:
    history.store({0: [(1, OrderEnded(make_order(1)))]})
    for question in (ListOrders("alice", 1, status=99), ListOrders("alice", -1), GetOrder(2**200)):
        assert history.answer(question) == Refused(Reason.HISTORY_UNREADABLE)
    history.store({0: [(2, OrderEnded(make_order(2)))]})
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(2, {0: 2})


@pytest.mark.parametrize("text", ["'; DROP TABLE stored.orders; --", '" OR 1=1 --', "alice\x00", "%", "?"])
def test_values_are_bound_never_spliced(history: History, text: str) -> None:
    order = make_order(1, account=text, client_id=text)
    history.store({0: number_rows([OrderEnded(order), OrderEnded(make_order(2))])})
    assert history.answer(ListOrders(text, 50)) == OrdersReply([order])
    assert history.answer(GetOrderByClientId(1, text, text)) == OrderReply(order)


# What the analyst sees


def test_orders_are_readable(history: History) -> None:
    order = make_order(client_id="grid-7", signed_ms=NOON_MS - 5)
    history.store({3: number_rows([MarketChanged(DFUSDT, 1), OrderEnded(order)])})
    (row,) = table(history, "FROM orders")
    assert row == {
        "id": to_uuid(order.id, KEY),
        "order_id": order.id,
        "product": "spot",
        "symbol": "DFUSDT",
        "account": "alice",
        "client_id": "grid-7",
        "side": "sell",
        "type": "limit",
        "tif": "gtc",
        "price": "0.61",
        "quantity": "40",
        "quote_quantity": None,
        "filled": "12.5",
        "filled_quote": pytest.approx(7.625),
        "average_price": pytest.approx(0.61),
        "status": "canceled",
        "end_reason": "user",
        "shard": 3,
        "request": 7,
        "created_at": "2026-09-21T14:13:20",
        "updated_at": "2026-09-21T14:14:02",
        "time_on_book_ms": 42_000,
        "created_ms": NOON_MS,
        "updated_ms": NOON_MS + 42_000,
        "signed_ms": NOON_MS - 5,
        "market": 1,
        "price_ticks": 6_100,
        "quantity_lots": 4_000,
        "quote_quantity_units": 0,
        "filled_lots": 1_250,
        "filled_tick_lots": 7_625_000,
    }


def test_a_market_buy_has_no_price_and_an_exact_amount(history: History) -> None:
    amount = 123_456_789_012_345_678_901_234_567
    buy = make_order(
        kind=Kind.MARKET, tif=TimeInForce.IOC, side=Side.BUY, price=0, quantity=0, quote_quantity=amount, filled=0
    )
    history.store({0: number_rows([MarketChanged(DFUSDT, 1), OrderEnded(buy)])})
    (row,) = table(history, "SELECT * FROM orders")
    assert (row["price"], row["quantity"], row["average_price"], row["client_id"]) == (None, None, None, None)
    assert row["quote_quantity_units"] == str(amount)
    assert row["quote_quantity"] == pytest.approx(amount / 10**6)


def test_the_largest_price_and_quantity_are_exact(history: History) -> None:
    fine = Market(9, Product.SPOT, "FINE", "F", "USDT", 18, 18, 1, 18, 1, 18, 1, 0, 0)
    order = make_order(market=9, price=10**27, quantity=10**30, filled=10**30 - 1)
    history.store({0: number_rows([MarketChanged(fine, 1), OrderEnded(order)])})
    assert table(history, "SELECT price, quantity, filled FROM orders") == [
        {"price": str(10**9), "quantity": str(10**12), "filled": "999999999999.999999999999999999"}
    ]


def test_an_order_of_an_unknown_market_is_shown_all_the_same(history: History) -> None:
    history.store({0: [(1, OrderEnded(make_order()))]})
    assert table(history, "SELECT symbol, price, price_ticks FROM orders") == [
        {"symbol": None, "price": None, "price_ticks": 6_100}
    ]


def test_fills_show_both_sides_of_a_trade(history: History) -> None:
    trade = make_trade()
    history.store({0: number_rows([MarketChanged(DFUSDT, 1), Traded(trade)])})
    maker, taker = table(history, "FROM fills ORDER BY role")
    shared = {"price": "0.61", "quantity": "12.5", "trade": to_uuid(trade.id, KEY, TRADE), "symbol": "DFUSDT"}
    assert shared.items() <= maker.items()
    assert shared.items() <= taker.items()
    assert (maker["account"], maker["side"], maker["role"], maker["order_id"]) == (
        "alice",
        "sell",
        "maker",
        1 << 40 | 1,
    )
    assert (taker["account"], taker["side"], taker["role"], taker["order_id"]) == ("bob", "buy", "taker", 1 << 40 | 2)
    assert (maker["fee_asset"], maker["fee"], maker["fee_units"]) == ("USDT", 0.007625, 7_625)
    assert (taker["fee_asset"], taker["fee"], taker["fee_units"]) == ("DF", 0.025, str(25 * 10**15))
    (row,) = table(history, "FROM trades")
    assert row["taker_side"] == "buy"
    assert row["quote_amount"] == pytest.approx(7.625)


def test_markets_show_their_latest_state(history: History) -> None:
    halted = replace(DFUSDT, status=MarketStatus.HALTED)
    history.store({0: number_rows([MarketChanged(DFUSDT, NOON_MS), MarketChanged(BTCUSDT, NOON_MS)])})
    history.store({0: number_rows([MarketChanged(halted, NOON_MS + 1), MarketChanged(DFUSDT, NOON_MS + 2)], 3)})
    history.store({0: [(5, MarketChanged(halted, NOON_MS + 3_000))]})
    first, second = table(history, "FROM markets ORDER BY market")
    assert first == {
        "market": 1,
        "product": "spot",
        "symbol": "DFUSDT",
        "base": "DF",
        "quote": "USDT",
        "tick_size": "0.0001",
        "lot_size": "0.01",
        "min_notional": 1.0,
        "maker_fee_bps": 10,
        "taker_fee_bps": 20,
        "status": "halted",
        "changed_at": "2026-09-21T14:13:23",
    }
    assert (second["tick_size"], second["lot_size"], second["status"]) == ("0.25", "0.0001", "listed")


def test_reports_by_account_symbol_and_hour(history: History) -> None:
    next_hour = NOON_MS + 3_600_000
    ended = [
        make_order(1, updated_ms=NOON_MS + 100),
        make_order(2, updated_ms=NOON_MS + 300, end_reason=EndReason.CANCEL_ALL, filled=0, filled_value=0),
        make_order(3, status=Status.FILLED, end_reason=EndReason.FILLED),
        make_order(4, end_reason=EndReason.DELIST),
        make_order(5, updated_ms=next_hour),
    ]
    fills = [make_trade(1), make_trade(2)]
    rows: list[Row] = [MarketChanged(DFUSDT, 1), *map(OrderEnded, ended), *map(Traded, fills)]
    history.store({0: number_rows(rows)})
    hour = "2026-09-21T14:00:00"
    key = {"account": "alice", "product": "spot", "symbol": "DFUSDT", "hour": hour}
    assert table(history, f"FROM cancel_rate WHERE hour = '{hour}'") == [
        {**key, "ended_count": 4, "canceled_count": 2, "canceled_unfilled_count": 1, "cancel_rate": 0.5}
    ]
    assert table(history, f"FROM time_to_cancel WHERE hour = '{hour}'") == [
        {
            **key,
            "canceled_count": 2,
            "least_ms": 100,
            "median_ms": 200.0,
            "p90_ms": pytest.approx(280.0),
            "most_ms": 300,
            "average_ms": 200.0,
        }
    ]
    assert table(history, "FROM order_to_trade_ratio ORDER BY account, hour") == [
        {**key, "order_count": 4, "fill_count": 2, "order_to_trade_ratio": 2.0},
        {**key, "hour": "2026-09-21T15:00:00", "order_count": 1, "fill_count": 0, "order_to_trade_ratio": None},
        {**key, "account": "bob", "order_count": 0, "fill_count": 2, "order_to_trade_ratio": None},
    ]


def test_every_table_view_and_column_has_its_meaning_in_the_database(history: History) -> None:
    things = table(
        history,
        "SELECT table_name, comment FROM duckdb_tables() UNION ALL"
        " SELECT view_name, comment FROM duckdb_views() WHERE NOT internal",
    )
    assert len(things) == len(TABLES) + len(VIEWS)
    columns = table(
        history,
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal",
    )
    assert len(columns) == sum(len(kept.columns) for kept in TABLES) + sum(len(view.columns) for view in VIEWS)
    assert [row for row in [*things, *columns] if not row["comment"]] == []


# The operator's door

ESCAPES = [
    "COPY stored.orders TO '{out}'",
    "COPY (SELECT 42) TO '{out}'",
    "COPY stored.orders FROM '/etc/passwd'",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '{out}'",
    "ATTACH '{out}' AS other",
    "ATTACH ':memory:' AS other",
    "DETACH history",
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_csv_auto('/etc/passwd', sep=':')",
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_json('{secret}')",
    "SELECT * FROM read_parquet('{secret}')",
    "SELECT * FROM parquet_metadata('{secret}')",
    "SELECT * FROM read_duckdb('{secret}')",
    "SELECT * FROM sniff_csv('{secret}')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM 'https://example.com/x.csv'",
    "SELECT * FROM read_csv('https://example.com/x.csv')",
    "SELECT * FROM read_text('s3://bucket/key')",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{out}'",
    "FORCE INSTALL httpfs FROM 'https://example.com'",
    "SET enable_external_access = true",
    "SET GLOBAL lock_configuration = false",
    "RESET lock_configuration",
    "SET memory_limit = '100GB'",
    "SET VARIABLE x = 1",
    "USE stored",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "CALL enable_logging()",
    "CALL force_checkpoint()",
    "SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = '{out}')",
    "SELECT * FROM enable_profiling(save_location = '{out}')",
    "SELECT * FROM force_checkpoint()",
    "CHECKPOINT",
    "VACUUM",
    "SELECT 1; DROP TABLE stored.orders",
    "SELECT 1;; DROP TABLE stored.orders --",
    "SELECT 1 /* ; */; DELETE FROM stored.orders",
    "SELECT 1; SELECT 2",
    "-- only a comment",
    "",
    ";",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "DROP TABLE stored.orders",
    "DROP SCHEMA stored CASCADE",
    "DROP VIEW orders",
    "TRUNCATE stored.orders",
    "DELETE FROM stored.orders",
    "UPDATE stored.links SET position = 0",
    "INSERT INTO stored.links VALUES (9, 9)",
    "MERGE INTO stored.links USING (SELECT 0 AS shard) s USING (shard) WHEN MATCHED THEN DELETE",
    "ALTER TABLE stored.orders ADD COLUMN x INTEGER",
    "COMMENT ON TABLE stored.orders IS 'x'",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE OR REPLACE VIEW orders AS SELECT 1",
    "CREATE MACRO x() AS 1",
    "CREATE SECRET (TYPE s3, KEY_ID 'x', SECRET 'y')",
    "CREATE PERSISTENT SECRET (TYPE s3, KEY_ID 'x', SECRET 'y')",
    "WITH gone AS (DELETE FROM stored.orders RETURNING *) SELECT * FROM gone",
    "WITH more AS (INSERT INTO stored.links VALUES (9, 9) RETURNING *) SELECT * FROM more",
    "WITH less AS (UPDATE stored.links SET position = 0 RETURNING *) SELECT * FROM less",
    "EXPLAIN ANALYZE DELETE FROM stored.orders",
    "PREPARE p AS DELETE FROM stored.orders",
    "EXECUTE p",
    "SELECT * FROM query('DROP TABLE stored.orders')",
    "SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{secret}'')'))",
    "SELECT getenv('HOME')",
    "SELECT * FROM python_secret",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT $1",
    "SELECT ?",
]


@pytest.mark.parametrize("escape", ESCAPES)
def test_no_way_out_of_the_door(tmp_path: Path, escape: str) -> None:
    python_secret = duckdb.connect().sql("SELECT 'planted secret' AS x")
    assert python_secret is not None
    secret, out = tmp_path / "secret.csv", tmp_path / "out"
    secret.write_text("planted secret\n1\n")
    (tmp_path / "data").mkdir()
    history = History(tmp_path / "data" / "history.duckdb", KEY)
    order = make_order()
    history.store({0: number_rows([MarketChanged(DFUSDT, 1), OrderEnded(order)])})
    text = refusal(history, escape.format(secret=secret, out=out))
    assert "planted secret" not in text
    assert "root:" not in text
    assert python_secret.fetchall() == [("planted secret",)]
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(2, {0: 2})
    assert history.answer(GetOrder(order.id)) == OrderReply(order)
    assert [row["status"] for row in table(history, "SELECT status FROM orders")] == ["canceled"]
    history.store({0: [(3, OrderEnded(make_order(2)))]})
    history.close()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "history.duckdb", "secret.csv"]
    assert secret.read_text() == "planted secret\n1\n"


def test_there_are_no_secrets_to_list(history: History) -> None:
    assert table(history, "FROM duckdb_secrets()") == []


def test_the_configuration_is_locked(history: History) -> None:
    (row,) = table(
        history,
        "SELECT current_setting('lock_configuration') AS locked, current_setting('enable_external_access') AS out,"
        " current_setting('autoload_known_extensions') AS loads,"
        " current_setting('autoinstall_known_extensions') AS gets",
    )
    assert row == {"locked": True, "out": False, "loads": False, "gets": False}


def test_a_fault_in_the_statement_is_told(history: History) -> None:
    assert "nosuch" in refusal(history, "SELECT nosuch FROM orders")
    assert "exactly one SELECT" in refusal(history, "SELECT 1; SELECT 2")
    assert "time zone" in refusal(history, "SELECT now()")
    assert table(history, "SELECT 1 AS one") == [{"one": 1}]


def test_select_in_all_its_forms(history: History) -> None:
    history.store({0: [(1, OrderEnded(make_order()))]})
    for sql in (
        "FROM orders",
        "WITH x AS (SELECT account FROM orders) SELECT * FROM x;",
        "SHOW TABLES",
        "DESCRIBE orders",
        "SUMMARIZE orders",
        "VALUES (1)",
        "(SELECT 1 UNION SELECT 2) ORDER BY 1 -- with a comment",
    ):
        assert table(history, sql)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, None),
        (True, True),
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (-(2**53) - 1, "-9007199254740993"),
        (10**38 - 1, "9" * 38),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (Decimal("100.500000"), "100.5"),
        (Decimal("100"), "100"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.000000000000000001"), "0.000000000000000001"),
        (Decimal("0.00"), "0"),
        ("text", "text"),
        (b"\x00\xff", "00ff"),
        (datetime(2026, 9, 21, 14, 13, 20, 5_000), "2026-09-21T14:13:20.005000"),
        (date(2026, 9, 21), "2026-09-21"),
        (timedelta(days=1, seconds=2), "1 day, 0:00:02"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([1, Decimal("2.50"), [None, b"\x01"]], '[1,"2.5",[null,"01"]]'),
        ({"a": 1, "b": [2**60]}, '{"a":1,"b":["1152921504606846976"]}'),
        ({1: "x"}, '{"1":"x"}'),
    ],
)
def test_values_as_json_carries_them(value: Any, cell: Cell) -> None:
    assert to_cell(value) == cell
    assert type(to_cell(value)) is type(cell)


def test_values_of_every_type_come_through_sql(history: History) -> None:
    (row,) = table(
        history,
        "SELECT 170141183460469231731687303715884105727 AS huge, 1.10::DECIMAL(38,18) AS exact, 'é😀' AS text,"
        " '\\x00'::BLOB AS blob, {'a': [1, 2]} AS nested, MAP {1: 2} AS map, TIMESTAMP '2026-01-02 03:04:05' AS at,"
        " 'nan'::DOUBLE AS nan, uuid() IS NOT NULL AS made, INTERVAL 1 DAY AS day, NULL AS nothing",
    )
    assert row == {
        "huge": "170141183460469231731687303715884105727",
        "exact": "1.1",
        "text": "é😀",
        "blob": "00",
        "nested": '{"a":[1,2]}',
        "map": '{"1":2}',
        "at": "2026-01-02T03:04:05",
        "nan": "nan",
        "made": True,
        "day": "1 day, 0:00:00",
        "nothing": None,
    }


# Bounds

ENDLESS = "SELECT count(*) FROM range(1000000000000)"
GREEDY = [
    "SELECT list(range) FROM range(100000000)",
    "SELECT count(DISTINCT range) FROM range(1000000000)",
    "SELECT range, random() AS r FROM range(300000000) ORDER BY r LIMIT 100000 OFFSET 200000000",
]


def test_an_answer_has_a_bounded_number_of_rows(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "SQL_ROW_COUNT_MAX", 2_500)
    assert len(table(history, "SELECT range FROM range(2500)")) == 2_500
    assert "more than 2500 rows" in refusal(history, "SELECT range FROM range(2501)")
    assert "more than 2500 rows" in refusal(history, "SELECT range FROM range(1000000000000)")


def test_an_answer_has_a_bounded_size(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "ANSWER_BYTES_MAX", 1_000_000)
    assert len(table(history, "SELECT repeat('x', 900) FROM range(1000)")) == 1_000
    assert "larger than 1000000 bytes" in refusal(history, "SELECT repeat('x', 1100) FROM range(1000)")
    assert "larger than 1000000 bytes" in refusal(history, "SELECT repeat('x', 1000000)")


def test_a_statement_ends_at_its_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "SQL_MS_MAX", 300)
    history = History(path, KEY)
    for sql in (ENDLESS, "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"):
        started = time.monotonic()
        assert "execution time" in refusal(history, sql)
        assert time.monotonic() - started < 2
    assert table(history, "SELECT 1 AS one") == [{"one": 1}]
    history.close()


def test_a_named_question_ends_at_its_time_and_storing_does_not(path: Path) -> None:
    archive = Archive(path, "1GB", query_ms=100, sql_ms=100)
    started = time.monotonic()
    with pytest.raises(duckdb.InterruptException):
        archive.ask(Query(ENDLESS))
    assert time.monotonic() - started < 2
    number_of_rows = 40_000
    row = history_module._order_row(make_order(), 0, KEY)
    archive.append({ORDERS: [(sequence, *row[1:]) for sequence in range(number_of_rows)]}, {0: number_of_rows})
    assert archive.ask(ROW_COUNT) == [(number_of_rows,)]
    archive.close()


class Statement:
    """An operator's statement running beside the test."""

    def __init__(self, history: History, sql: str) -> None:
        self.replies: list[object] = []
        self._thread = threading.Thread(target=lambda: self.replies.append(history.answer(RunSql(sql))))
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> Refused:
        self._thread.join()
        (reply,) = self.replies
        assert isinstance(reply, Refused)
        return reply


def test_storing_and_asking_go_on_beside_a_long_statement(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "SQL_MS_MAX", 1_500)
    history = History(path, KEY)
    statement = Statement(history, ENDLESS)
    time.sleep(0.1)
    assert "another statement" in refusal(history, "SELECT 1")
    number = 0
    while statement.running:
        order = make_order(number + 1)
        history.store({0: [(number + 1, OrderEnded(order))]})
        assert history.answer(GetOrder(order.id)) == OrderReply(order)
        number += 1
    assert "execution time" in statement.end().text
    assert number > 10
    assert table(history, "SELECT count(*) AS n FROM orders") == [{"n": number}]
    history.close()


@pytest.mark.parametrize("sql", GREEDY)
def test_rows_go_in_beside_a_statement_that_wants_all_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.setattr(history_module, "ARCHIVE_MEMORY", "300MB")
    history = History(path, KEY)
    statement = Statement(history, sql)
    number = 0
    while statement.running:
        rows: list[Row] = [OrderEnded(make_order(number + sequence)) for sequence in range(1, 501)]
        history.store({0: number_rows(rows, number + 1)})
        number += 500
    assert "memory" in statement.end().text.lower()
    assert history.position(0) == number
    assert table(history, "SELECT count(*) AS n FROM orders") == [{"n": number}]
    history.close()


def test_many_ask_while_one_stores(history: History) -> None:
    ended = threading.Event()
    wrong: list[object] = []

    def ask() -> None:
        while not ended.is_set():
            reply = history.answer(ListOrders("alice", 200))
            if not isinstance(reply, OrdersReply) or len(reply.orders) % 10:  # a batch is seen whole or not at all
                wrong.append(reply)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for first in range(1, 200, 10):
        rows: list[Row] = [OrderEnded(make_order(sequence)) for sequence in range(first, first + 10)]
        history.store({0: number_rows(rows, first)})
    ended.set()
    for asker in askers:
        asker.join()
    assert wrong == []
