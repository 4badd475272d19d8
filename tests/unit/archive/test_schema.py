"""An archive of an earlier version opens, keeps what it has, and is from then on as one made today."""

from pathlib import Path

import duckdb
import pytest

from shards.archive.service import History
from shards.model.events import Event, MarketChanged, OrderEnded, Traded
from shards.model.ids import TRADE, make_number, to_uuid
from shards.model.markets import Product
from shards.model.queries import (
    GetArchiveStatus,
    GetOrder,
    GetOrderByClientId,
    GetTrade,
    ListFills,
    ListOrders,
    ListTrades,
)
from shards.model.replies import ArchiveStatus, FillsReply, OrderReply, OrdersReply, TradesReply
from storage.archive import ArchiveTooNew
from storage.tables import TABLES, VERSION
from tests.unit.archive.samples import (
    BTC_FUTURES,
    KEY,
    NOON_MS,
    make_fill,
    make_move,
    make_order,
    make_trade,
    number_rows,
    table,
)

# What version 1 made
TABLES_1 = """
    CREATE SCHEMA stored;
    CREATE TABLE stored.orders (
        order_id BIGINT NOT NULL, market SMALLINT NOT NULL, account VARCHAR NOT NULL, side VARCHAR NOT NULL,
        type VARCHAR NOT NULL, tif VARCHAR NOT NULL, price_ticks HUGEINT NOT NULL, quantity_lots HUGEINT NOT NULL,
        quote_quantity_units HUGEINT NOT NULL, client_id VARCHAR NOT NULL, signed_ms BIGINT NOT NULL,
        filled_lots HUGEINT NOT NULL, filled_tick_lots HUGEINT NOT NULL, hold_units HUGEINT NOT NULL,
        status VARCHAR NOT NULL, end_reason VARCHAR NOT NULL, created_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL,
        request BIGINT NOT NULL, shard SMALLINT NOT NULL, id UUID NOT NULL, PRIMARY KEY (order_id)
    );
    CREATE TABLE stored.trades (
        trade_id BIGINT NOT NULL, market SMALLINT NOT NULL, price_ticks HUGEINT NOT NULL,
        quantity_lots HUGEINT NOT NULL, taker_side VARCHAR NOT NULL, maker_order BIGINT NOT NULL,
        taker_order BIGINT NOT NULL, maker_account VARCHAR NOT NULL, taker_account VARCHAR NOT NULL,
        maker_fee_units HUGEINT NOT NULL, taker_fee_units HUGEINT NOT NULL, time_ms BIGINT NOT NULL, id UUID NOT NULL,
        PRIMARY KEY (trade_id)
    );
    CREATE TABLE stored.markets (
        market SMALLINT NOT NULL, product VARCHAR NOT NULL, symbol VARCHAR NOT NULL, base VARCHAR NOT NULL,
        quote VARCHAR NOT NULL, base_places SMALLINT NOT NULL, quote_places SMALLINT NOT NULL,
        tick_size DECIMAL(38,18) NOT NULL, lot_size DECIMAL(38,18) NOT NULL, min_notional_units HUGEINT NOT NULL,
        maker_fee_bps SMALLINT NOT NULL, taker_fee_bps SMALLINT NOT NULL, status VARCHAR NOT NULL,
        changed_ms BIGINT NOT NULL, PRIMARY KEY (market)
    );
    CREATE TABLE stored.links (shard SMALLINT NOT NULL, position BIGINT NOT NULL, PRIMARY KEY (shard));
    CREATE VIEW orders AS SELECT o.*, m.symbol FROM stored.orders o LEFT JOIN stored.markets m USING (market);
"""
OLD_ORDER = make_order(1, client_id="grid-7", signed_ms=NOON_MS - 5)
OLD_TRADE = make_trade(1)
ROWS_1 = f"""
    INSERT INTO stored.orders VALUES ({OLD_ORDER.id}, 1, 'alice', 'sell', 'limit', 'gtc', 6100, 4000, 0, 'grid-7',
        {NOON_MS - 5}, 1250, 7625000, 0, 'canceled', 'user', {NOON_MS}, {NOON_MS + 42_000}, 7, 0,
        '{to_uuid(OLD_ORDER.id, KEY)}');
    INSERT INTO stored.trades VALUES ({OLD_TRADE.id}, 1, 6100, 1250, 'buy', {make_number(1, 1)}, {make_number(1, 2)},
        'alice', 'bob', 7625, 25000000000000000, {NOON_MS + 41_000}, '{to_uuid(OLD_TRADE.id, KEY, TRADE)}');
    INSERT INTO stored.markets VALUES
        (1, 'spot', 'DFUSDT', 'DF', 'USDT', 18, 6, 0.0001, 0.01, 1000000, 10, 20, 'listed', 1);
    INSERT INTO stored.links VALUES (0, 3);
"""


@pytest.fixture
def old(path: Path) -> Path:
    """A file as version 1 left it."""
    with duckdb.connect(path) as database:
        for statement in database.extract_statements(TABLES_1 + ROWS_1):
            database.execute(statement)
    return path


def test_what_was_stored_before_is_there(old: Path) -> None:
    history = History(old, KEY)
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(3, {0: 3})
    assert history.answer(GetOrder(OLD_ORDER.id)) == OrderReply(OLD_ORDER)
    assert history.answer(GetOrderByClientId(1, "alice", "grid-7")) == OrderReply(OLD_ORDER)
    assert history.answer(GetTrade(OLD_TRADE.id)) == TradesReply([OLD_TRADE])
    assert history.answer(ListOrders("alice", 50, product=Product.SPOT)) == OrdersReply([OLD_ORDER])
    assert history.answer(ListOrders("alice", 50, product=Product.FUTURES)) == OrdersReply([])
    assert history.answer(ListTrades("bob", 50, product=Product.SPOT)) == TradesReply([OLD_TRADE])
    columns = "product, symbol, price, reduce_only, leverage, trigger_type, time_on_book_ms"
    assert table(history, f"SELECT {columns} FROM orders") == [
        {
            "product": "spot",
            "symbol": "DFUSDT",
            "price": 0.61,
            "reduce_only": False,
            "leverage": None,
            "trigger_type": None,
            "time_on_book_ms": 42_000,
        }
    ]
    history.close()


def test_rows_of_today_go_into_an_archive_of_before(old: Path) -> None:
    order, trade, fill = make_order(1, market=3, leverage=20, reduce_only=True), make_trade(2), make_fill()
    events: list[Event] = [MarketChanged(BTC_FUTURES, NOON_MS), OrderEnded(order), Traded(trade), fill, make_move()]
    history = History(old, KEY)
    history.store({0: number_rows(events, 4)})
    history.close()
    history = History(old, KEY)
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(8, {0: 8})
    assert history.answer(ListOrders("alice", 50, product=Product.FUTURES)) == OrdersReply([order])
    assert history.answer(GetOrder(OLD_ORDER.id)) == OrderReply(OLD_ORDER)
    assert history.answer(GetTrade(trade.id)) == TradesReply([trade])
    assert history.answer(ListFills("alice", 50)) == FillsReply([fill])
    history.close()


def test_an_archive_of_before_becomes_as_one_made_today(old: Path, tmp_path: Path) -> None:
    def describe(path: Path) -> list[object]:
        history = History(path, KEY)
        columns = "table_name, column_name, data_type, is_nullable, comment"
        told: list[object] = [
            *table(history, f"SELECT {columns} FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"),
            *table(history, "SELECT table_name, comment FROM duckdb_tables() ORDER BY ALL"),
            *table(history, "SELECT view_name, sql, comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL"),
            *table(history, "FROM stored.schema_version"),
        ]
        history.close()
        return told

    described = describe(tmp_path / "new.duckdb")
    assert {"version": VERSION} in described
    assert describe(old) == described
    assert describe(old) == described  # opened once more


def test_every_version_is_as_it_was() -> None:
    """An archive of it gets what came later, and only that."""
    added: dict[int, set[str]] = {version: set() for version in range(2, VERSION + 1)}
    for each in TABLES:
        if each.since > 1:
            added[each.since].add(each.name)
        for column in each.columns if each.since == 1 else ():
            if column.since > 1:
                added[column.since].add(f"{each.name}.{column.name}")
    of_triggers = (
        *("trigger_type", "stop_price_ticks", "watched", "price_protect", "activation_ticks", "callback_bps"),
        *("parent", "extreme_ticks", "fired_ms"),
    )
    of_futures = (
        "product",
        "reduce_only",
        "close_position",
        "leverage",
        "hold_price_ticks",
        "take_profit",
        "stop_loss",
    )
    assert added == {
        2: {
            *("stored.futures_fills", "stored.movements", "stored.schema_version", "stored.trades.product"),
            *(f"stored.orders.{name}" for name in (*of_futures, *of_triggers)),
        },
        3: {"stored.client_ids", "stored.new_client_ids", "stored.recent_client_ids"},
        4: {"stored.orders.loss_ticks"},
        5: {"stored.refusals"},
    }


def test_an_archive_of_a_later_program_is_left_alone(path: Path) -> None:
    History(path, KEY).close()
    with duckdb.connect(path) as database:
        database.execute(f"UPDATE stored.schema_version SET version = {VERSION + 1}")
    with pytest.raises(ArchiveTooNew, match=f"version {VERSION + 1}"):
        History(path, KEY)
    with duckdb.connect(path) as database:  # and it is not held open
        assert database.execute("FROM stored.schema_version").fetchall() == [(VERSION + 1,)]


def test_an_archive_whose_bringing_up_to_date_fails_stays_as_it_was(old: Path) -> None:
    with duckdb.connect(old) as database:
        database.execute("CREATE TABLE stored.movements (x INTEGER)")  # in the way of the new one
    with pytest.raises(duckdb.Error):
        History(old, KEY)
    with duckdb.connect(old) as database:
        database.execute("DROP TABLE stored.movements")
    history = History(old, KEY)
    assert history.answer(GetOrder(OLD_ORDER.id)) == OrderReply(OLD_ORDER)
    history.close()
