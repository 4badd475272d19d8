"""What an analyst sees of futures: orders, triggers, fills, and money that came and went."""

from shards.archive.service import History
from shards.model.accounting import MoveCause, Wallet
from shards.model.events import MarketChanged, OrderEnded, Traded
from shards.model.ids import make_number
from shards.model.orders import EndReason, Kind, Trigger, WatchedPrice
from shards.model.replies import JsonScalar
from tests.unit.archive.samples import (
    BTC_FUTURES,
    BTCUSDT,
    DFUSDT,
    NOON_MS,
    make_fill,
    make_move,
    make_order,
    make_trade,
    number_rows,
    table,
)

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


def show_trigger(history: History, number: int) -> dict[str, JsonScalar]:
    (row,) = table(history, f"SELECT {', '.join(OF_TRIGGERS)} FROM orders WHERE order_id = {number}")
    return row


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
            "price": 60_000,
            "quantity": 0.025,
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
        "stop_price": 59_999.5,
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
        "stop_price": 61_000,
        "working_type": "contract",
        "price_protect": False,
        "activation_price": None,
        "callback_percent": None,
        "parent_order": make_number(3, 1),
        "triggered_at": None,
        "time_waiting_ms": 42_000,
    }
    shown = show_trigger(history, orders[2].id)
    assert (shown["stop_price"], shown["activation_price"], shown["callback_percent"]) == (None, 59_000, "1.5")
    assert table(history, "SELECT type, quantity, close_position, time_on_book_ms FROM orders LIMIT 1") == [
        {"type": "market", "quantity": None, "close_position": True, "time_on_book_ms": 42_000}
    ]


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
            "price": 60_000,
            "quantity": 0.025,
            "notional": 1_500.0,
            "value": 1_500.0,
            "fee": 0.75,
            "realized_profit": -2.5,
            "fee_units": "750000",
            "profit_units": "-2500000",
            "time_ms": NOON_MS + 41_000,
            "market": 3,
            "price_ticks": "600000",
            "quantity_lots": "25",
            "price_exact": "60000",
            "quantity_exact": "0.025",
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
        "amount_units": "100000000",
        "shard": 2,
        "request": 7,
        "time_ms": NOON_MS + 40_000,
    }
    names = ("request", "wallet", "amount", "amount_units", "cause")
    assert [tuple(row[name] for name in names) for row in rest] == [
        (8, "spot", -1.5, "-1500000", "transfer"),
        (8, "futures", 1.5, "1500000", "transfer"),
        (9, "spot", None, "-3", "withdrawal"),
    ]
