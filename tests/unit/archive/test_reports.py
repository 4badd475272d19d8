"""The ready reports, by account, product, symbol and hour."""

import pytest

from shards.archive.service import History
from shards.model.events import Event, MarketChanged, OrderEnded, Traded
from shards.model.orders import EndReason, Status
from tests.unit.archive.samples import (
    BTC_FUTURES,
    BTCUSDT,
    DFUSDT,
    NOON_MS,
    make_order,
    make_trade,
    number_rows,
    table,
)


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
    events: list[Event] = [MarketChanged(DFUSDT, 1), *map(OrderEnded, ended), *map(Traded, fills)]
    history.store({0: number_rows(events)})
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
    events: list[Event] = [MarketChanged(BTCUSDT, 1), MarketChanged(BTC_FUTURES, 1), *map(OrderEnded, ended)]
    history.store({0: number_rows([*events, Traded(make_trade(market=3))])})
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
