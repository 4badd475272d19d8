"""What an analyst sees: names and decimals."""

import pytest
from msgspec.structs import replace

from shards.archive.service import History
from shards.model.events import MarketChanged, OrderEnded, Traded
from shards.model.ids import TRADE, to_uuid
from shards.model.markets import Market, MarketStatus, Product
from shards.model.orders import Kind, Side, TimeInForce
from storage.archive import ALL_VIEWS
from storage.tables import TABLES
from tests.unit.archive.samples import (
    BTCUSDT,
    DFUSDT,
    KEY,
    NOON_MS,
    make_order,
    make_trade,
    number_rows,
    table,
)


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
        "price": 0.61,
        "quantity": 40,
        "quote_quantity": None,
        "notional": 24.4,
        "left_notional": 16.775,
        "filled": 12.5,
        "filled_quote": 7.625,
        "average_price": 0.61,
        "status": "canceled",
        "end_reason": "user",
        "reduce_only": False,
        "close_position": False,
        "leverage": None,
        "trigger_type": None,
        "stop_price": None,
        "working_type": None,
        "price_protect": None,
        "activation_price": None,
        "callback_percent": None,
        "parent_order": None,
        "triggered_at": None,
        "time_waiting_ms": None,
        "take_profit_order": None,
        "stop_loss_order": None,
        "shard": 3,
        "request": 7,
        "created_at": "2026-09-21T14:13:20",
        "updated_at": "2026-09-21T14:14:02",
        "time_on_book_ms": 42_000,
        "created_ms": NOON_MS,
        "updated_ms": NOON_MS + 42_000,
        "signed_ms": NOON_MS - 5,
        "market": 1,
        "price_exact": "0.61",
        "quantity_exact": "40",
        "filled_exact": "12.5",
        "price_ticks": "6100",
        "quantity_lots": "4000",
        "quote_quantity_units": "0",
        "filled_lots": "1250",
        "filled_tick_lots": "7625000",
        "hold_units": "27500000000000000000",
        "hold_at_placement_units": "40000000000000000000",
        "hold_asset": "DF",
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
    columns = "price, price_exact, quantity_exact, filled, filled_exact"
    assert table(history, f"SELECT {columns} FROM orders") == [
        {
            "price": 1e9,
            "price_exact": str(10**9),
            "quantity_exact": str(10**12),
            "filled": 1e12,
            "filled_exact": "999999999999.999999999999999999",
        }
    ]


def test_an_order_of_an_unknown_market_is_shown_all_the_same(history: History) -> None:
    history.store({0: [(1, OrderEnded(make_order()))]})
    assert table(history, "SELECT symbol, price, price_ticks FROM orders") == [
        {"symbol": None, "price": None, "price_ticks": "6100"}
    ]


def test_fills_show_both_sides_of_a_trade(history: History) -> None:
    trade = make_trade()
    history.store({0: number_rows([MarketChanged(DFUSDT, 1), Traded(trade)])})
    maker, taker = table(history, "FROM fills ORDER BY role")
    shared = {
        "price": 0.61,
        "quantity": 12.5,
        "notional": 7.625,
        "trade": to_uuid(trade.id, KEY, TRADE),
        "symbol": "DFUSDT",
    }
    assert shared.items() <= maker.items()
    assert shared.items() <= taker.items()
    assert (maker["account"], maker["side"], maker["role"], maker["order_id"]) == (
        "alice",
        "sell",
        "maker",
        1 << 40 | 1,
    )
    assert (taker["account"], taker["side"], taker["role"], taker["order_id"]) == ("bob", "buy", "taker", 1 << 40 | 2)
    assert (maker["fee_asset"], maker["fee"], maker["fee_units"]) == ("USDT", 0.007625, "7625")
    assert (taker["fee_asset"], taker["fee"], taker["fee_units"]) == ("DF", 0.025, str(25 * 10**15))
    (row,) = table(history, "FROM trades")
    assert row["taker_side"] == "buy"
    assert row["quote_amount"] == row["notional"] == 7.625


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


def test_every_table_view_and_column_has_its_meaning_in_the_database(history: History) -> None:
    things = table(
        history,
        "SELECT table_name, comment FROM duckdb_tables() UNION ALL"
        " SELECT view_name, comment FROM duckdb_views() WHERE NOT internal",
    )
    assert len(things) == len(TABLES) + len(ALL_VIEWS)
    columns = table(
        history,
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal",
    )
    assert len(columns) == sum(len(kept.columns) for kept in TABLES) + sum(len(view.columns) for view in ALL_VIEWS)
    assert [row for row in [*things, *columns] if not row["comment"]] == []
