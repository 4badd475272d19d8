"""What an analyst sees: names and decimals."""

import pytest
from msgspec.structs import replace

from shards.cells import Cell
from shards.history import History
from shards.ids import TRADE, make_number, to_uuid
from shards.markets import Market, MarketStatus, Product
from shards.money import MoveCause, Wallet
from shards.orders import EndReason, Kind, Side, Status, TimeInForce, Trigger, WatchedPrice
from shards.rows import MarketChanged, OrderEnded, Row, Traded
from storage.reports import REPORTS
from storage.tables import TABLES
from storage.views import VIEWS
from tests.unit.archive.samples import (
    BTC_FUTURES,
    BTCUSDT,
    DFUSDT,
    KEY,
    NOON_MS,
    make_fill,
    make_move,
    make_order,
    make_trade,
    number_rows,
    table,
)

ALL_VIEWS = (*VIEWS, *REPORTS)
OF_TRIGGERS = [
    "trigger_type",
    "stop_price",
    "working_type",
    "price_protect",
    "activation_price",
    "callback_percent",
    "parent_order",
    "triggered_at",
    "time_waiting_ms",
]


def show_trigger(history: History, number: int) -> dict[str, Cell]:
    (row,) = table(history, f"SELECT {', '.join(OF_TRIGGERS)} FROM orders WHERE order_id = {number}")
    return row


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
        "reduce_only": False,
        "close_position": False,
        "leverage": None,
        **dict.fromkeys(OF_TRIGGERS),
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
        "price_ticks": 6_100,
        "quantity_lots": 4_000,
        "quote_quantity_units": 0,
        "filled_lots": 1_250,
        "filled_tick_lots": 7_625_000,
    }


def test_futures_orders_show_what_they_stood_on(history: History) -> None:
    order = make_order(
        market=3,
        price=600_000,
        quantity=25,
        leverage=20,
        hold_price=600_000,
        end_reason=EndReason.BATCH,
        take_profit=make_number(3, 8),
        stop_loss=make_number(3, 9),
    )
    history.store({0: number_rows([MarketChanged(BTC_FUTURES, 1), MarketChanged(BTCUSDT, 1), OrderEnded(order)])})
    columns = "product, symbol, price, quantity, reduce_only, close_position, leverage, end_reason"
    assert table(history, f"SELECT {columns}, take_profit_order, stop_loss_order FROM orders") == [
        {
            "product": "futures",
            "symbol": "BTCUSDT",
            "price": "60000",
            "quantity": "0.025",
            "reduce_only": False,
            "close_position": False,
            "leverage": 20,
            "end_reason": "batch",
            "take_profit_order": make_number(3, 8),
            "stop_loss_order": make_number(3, 9),
        }
    ]
    assert show_trigger(history, order.id) == dict.fromkeys(OF_TRIGGERS)


def test_triggers_show_what_they_waited_for(history: History) -> None:
    fired = Trigger(
        Kind.STOP_MARKET, 599_995, WatchedPrice.MARK, True, activation=1, extreme=600_000, fired_ms=NOON_MS + 5_000
    )
    child = Trigger(Kind.TAKE_PROFIT, 610_000, parent=make_number(3, 1))
    trailing = Trigger(Kind.TRAILING_STOP_MARKET, activation=590_000, callback=150)
    common = {"market": 3, "filled": 0, "filled_value": 0}
    orders = [
        make_order(1, kind=Kind.MARKET, price=0, quantity=0, close_position=True, trigger=fired, **common),
        make_order(2, kind=Kind.TAKE_PROFIT, trigger=child, end_reason=EndReason.CASCADE, **common),
        make_order(3, kind=Kind.TRAILING_STOP_MARKET, price=0, trigger=trailing, **common),
    ]
    history.store({0: number_rows([MarketChanged(BTC_FUTURES, 1), *map(OrderEnded, orders)])})
    assert show_trigger(history, orders[0].id) == {
        "trigger_type": "stop_market",
        "stop_price": "59999.5",
        "working_type": "mark",
        "price_protect": True,
        "activation_price": None,
        "callback_percent": None,
        "parent_order": None,
        "triggered_at": "2026-09-21T14:13:25",
        "time_waiting_ms": 5_000,
    }
    assert show_trigger(history, orders[1].id) == {
        "trigger_type": "take_profit",
        "stop_price": "61000",
        "working_type": "contract",
        "price_protect": False,
        "activation_price": None,
        "callback_percent": None,
        "parent_order": make_number(3, 1),
        "triggered_at": None,
        "time_waiting_ms": 42_000,
    }
    shown = show_trigger(history, orders[2].id)
    assert (shown["stop_price"], shown["activation_price"], shown["callback_percent"]) == (None, "59000", "1.5")
    assert table(history, "SELECT type, quantity, close_position, time_on_book_ms FROM orders LIMIT 1") == [
        {"type": "market", "quantity": None, "close_position": True, "time_on_book_ms": 42_000}
    ]


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


def test_fees_of_futures_are_in_quote(history: History) -> None:
    trade = make_trade(market=3, maker_fee=750_000, taker_fee=1_500_000)
    history.store({0: number_rows([MarketChanged(BTC_FUTURES, 1), Traded(trade)])})
    assert table(history, "SELECT side, fee, fee_asset FROM fills ORDER BY role") == [
        {"side": "sell", "fee": 0.75, "fee_asset": "USDT"},
        {"side": "buy", "fee": 1.5, "fee_asset": "USDT"},
    ]


def test_futures_fills_show_fee_and_profit(history: History) -> None:
    fill = make_fill(profit=-2_500_000, maker=True)
    history.store({0: number_rows([MarketChanged(BTC_FUTURES, 1), fill])})
    assert table(history, "FROM futures_fills") == [
        {
            "trade_id": fill.fill.trade,
            "symbol": "BTCUSDT",
            "time": "2026-09-21T14:14:01",
            "account": "alice",
            "order_id": fill.fill.order,
            "side": "buy",
            "role": "maker",
            "price": "60000",
            "quantity": "0.025",
            "value": 1_500.0,
            "fee": 0.75,
            "realized_profit": -2.5,
            "fee_units": 750_000,
            "profit_units": -2_500_000,
            "time_ms": NOON_MS + 41_000,
            "market": 3,
        }
    ]


def test_movements_show_both_wallets_of_a_transfer(history: History) -> None:
    transfer = {"cause": MoveCause.TRANSFER, "reference": ""}
    moves = [
        make_move(7),
        make_move(8, wallet=Wallet.SPOT, amount=-1_500_000, **transfer),
        make_move(8, amount=1_500_000, **transfer),
        make_move(9, wallet=Wallet.SPOT, asset="ODD", amount=-3, cause=MoveCause.WITHDRAWAL),
    ]
    history.store({2: number_rows([MarketChanged(DFUSDT, 1), MarketChanged(BTC_FUTURES, 1), *moves])})
    first, *rest = table(history, "FROM movements ORDER BY request, wallet DESC")
    assert first == {
        "time": "2026-09-21T14:14:00",
        "account": "alice",
        "wallet": "futures",
        "asset": "USDT",
        "amount": 100.0,
        "cause": "deposit",
        "reference": "wire-7",
        "amount_units": 100_000_000,
        "shard": 2,
        "request": 7,
        "time_ms": NOON_MS + 40_000,
    }
    names = ("request", "wallet", "amount", "amount_units", "cause")
    assert [tuple(row[name] for name in names) for row in rest] == [
        (8, "spot", -1.5, -1_500_000, "transfer"),
        (8, "futures", 1.5, 1_500_000, "transfer"),
        (9, "spot", None, -3, "withdrawal"),
    ]


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


def test_reports_keep_products_of_one_symbol_apart(history: History) -> None:
    ended = [
        make_order(1, market=2),
        make_order(2, market=2, status=Status.FILLED, end_reason=EndReason.FILLED),
        make_order(3, market=3, end_reason=EndReason.BATCH),
        make_order(4, market=3, end_reason=EndReason.CANCEL_ALL),
        make_order(5, market=3, end_reason=EndReason.COUNTDOWN),
        make_order(6, market=3, end_reason=EndReason.CASCADE),
    ]
    rows: list[Row] = [MarketChanged(BTCUSDT, 1), MarketChanged(BTC_FUTURES, 1), *map(OrderEnded, ended)]
    history.store({0: number_rows([*rows, Traded(make_trade(market=3))])})
    columns = "product, symbol, ended_count, canceled_count, cancel_rate"
    assert table(history, f"SELECT {columns} FROM cancel_rate ORDER BY product") == [
        {"product": "futures", "symbol": "BTCUSDT", "ended_count": 4, "canceled_count": 2, "cancel_rate": 0.5},
        {"product": "spot", "symbol": "BTCUSDT", "ended_count": 2, "canceled_count": 1, "cancel_rate": 0.5},
    ]
    columns = "product, order_count, fill_count"
    assert table(history, f"SELECT {columns} FROM order_to_trade_ratio WHERE account = 'alice' ORDER BY product") == [
        {"product": "futures", "order_count": 4, "fill_count": 1},
        {"product": "spot", "order_count": 2, "fill_count": 0},
    ]


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
