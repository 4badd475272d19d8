"""What the operator does with futures: markets, mark prices, wallets; in force in every worker when it is answered."""

from typing import Any

import pytest

from tests.exchange import until
from tests.http.futures.half_listed import open_on_shard
from tests.http.futures.trader import TERMS, Trader, free_symbol, list_contract, set_mark
from tests.http.venue import ANSWER_S, Answer, Venue

MANY = 12  # calls on connections of their own: all workers are among those who answer


def set_status(venue: Venue, symbol: str, status: str) -> str:
    return venue.operate("PATCH", f"/futures/markets/{symbol}/status", {"status": status}).brief()


def mark(venue: Venue, symbol: str) -> str:
    told = venue.send("GET", f"/fapi/v1/premiumIndex?symbol={symbol}").ok()
    assert told["markPrice"] == told["indexPrice"] == told["estimatedSettlePrice"]
    return str(told["markPrice"])


@pytest.fixture
def symbol(far: str) -> str:
    return far


# Mark prices


def test_mark_price(venue: Venue, symbol: str) -> None:
    assert mark(venue, symbol) == "0"
    for written, shown in (("47600.5", "47600.5"), ("47600.50", "47600.5"), (5e4, "50000"), ("0.1", "0.1")):
        told = venue.operate("POST", "/futures/mark-price", {"symbol": symbol, "price": written}).ok()
        assert list(told.items()) == [("ok", True), ("symbol", symbol), ("price", shown)]
        assert [mark(venue, symbol) for _ in range(MANY)] == [shown] * MANY
    set_mark(venue, symbol, None)
    assert [mark(venue, symbol) for _ in range(MANY)] == ["0"] * MANY
    long, short = Trader(venue, 0, "1000"), Trader(venue, None, "1000")
    long.place(symbol, "BUY", "100", "0.5")
    short.place(symbol, "SELL", "100", "0.2")
    assert mark(venue, symbol) == "100"
    set_mark(venue, symbol, "90")
    short.place(symbol, "SELL", "100", "0.1")
    assert mark(venue, symbol) == "90"
    set_mark(venue, symbol, None)
    assert mark(venue, symbol) == "100"


def test_marks_of_all_markets(venue: Venue) -> None:
    symbols = [list_contract(venue, shard) for shard in venue.shards]
    for number, symbol in enumerate(symbols, 1):
        set_mark(venue, symbol, str(number))
    rows = {row["symbol"]: row["markPrice"] for row in venue.send("GET", "/fapi/v1/premiumIndex").ok()}
    assert [rows[symbol] for symbol in symbols] == [str(number) for number in range(1, len(symbols) + 1)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "400 invalid symbol"),
        ({"symbol": 7, "price": "1"}, "400 invalid symbol"),
        ({"symbol": "?"}, "400 invalid price"),
        ({"symbol": "NONE", "price": "x"}, "400 invalid price"),
        ({"symbol": "?", "price": "-1"}, "400 invalid price"),
        ({"symbol": "?", "price": True}, "400 invalid price"),
        ({"symbol": "?", "price": "1", "prise": "1"}, "400 unknown field prise"),
        ({"symbol": "NONE", "price": "0.01"}, "404 MARKET_NOT_FOUND"),
        ({"symbol": "DFUSDT", "price": "0.1"}, "404 MARKET_NOT_FOUND"),
        ({"symbol": "?", "price": "0"}, "400 INVALID_TICK"),
        ({"symbol": "?", "price": "0.01"}, "400 INVALID_TICK"),
        ({"symbol": "?", "price": "1000000000.1"}, "400 INVALID_TICK"),
    ],
)
def test_refused_mark_price(venue: Venue, symbol: str, body: dict[str, Any], expected: str) -> None:
    set_mark(venue, symbol, "5")
    complete = {**body, "symbol": symbol} if body.get("symbol") == "?" else body
    assert venue.operate("POST", "/futures/mark-price", complete).brief() == expected
    assert mark(venue, symbol) == "5"


def test_mark_price_of_a_delisted_market(venue: Venue, symbol: str) -> None:
    assert set_status(venue, symbol, "delisted") == "200"
    answer = venue.operate("POST", "/futures/mark-price", {"symbol": symbol, "price": "5"})
    assert answer.brief() == "410 MARKET_DELISTED"


def test_mark_price_fires_what_is_due(venue: Venue, symbol: str) -> None:
    long, short = Trader(venue, 0, "1000"), Trader(venue, None, "1000")
    short.place(symbol, "SELL", "100", "1")
    long.place(symbol, "BUY", "100", "1")
    short.place(symbol, "BUY", "95", "1")
    closing = {"type": "STOP_MARKET", "stopPrice": "97", "workingType": "MARK_PRICE", "closePosition": "true"}
    long.call("POST", "/v1/order", symbol=symbol, side="SELL", **closing).ok()
    assert venue.operate("GET", f"/accounts/{long.name}").ok()["open_orders"]["triggers"] == 1
    set_mark(venue, symbol, "97.1")
    assert long.position(symbol) == "1 100 5"
    set_mark(venue, symbol, "97")
    path = f"/accounts/{long.name}"
    until(lambda: not venue.operate("GET", path).ok()["positions"], ANSWER_S, "its account shard grants the loss")
    assert long.position(symbol) == ""
    assert long.money() == "994.9025 994.9025 0 0 0"  # 1000 − 0.05 − 5 − 0.0475
    assert set(venue.operate("GET", f"/accounts/{long.name}").ok()["open_orders"].values()) == {0}


# Markets


def add(venue: Venue, symbol: str, **more: Any) -> Answer:
    return venue.operate("POST", "/futures/markets", {"symbol": symbol, **TERMS, **more})


def test_mark_price_of_a_new_market(venue: Venue) -> None:
    for shard in venue.shards:
        symbol = list_contract(venue, shard, mark_price="47600.50")
        assert [mark(venue, symbol) for _ in range(MANY)] == ["47600.5"] * MANY
        assert add(venue, symbol, mark_price="1").brief() == "409 MARKET_EXISTS"
        assert mark(venue, symbol) == "47600.5"
        set_mark(venue, symbol, None)
        assert mark(venue, symbol) == "0"
    assert mark(venue, list_contract(venue, mark_price=None)) == "0"


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("x", "400 invalid mark_price"),
        ("0", "400 INVALID_TICK"),
        ("0.15", "400 INVALID_TICK"),
        (-1, "400 invalid mark_price"),
    ],
)
def test_refused_mark_price_of_a_new_market(venue: Venue, price: object, expected: str) -> None:
    symbol = free_symbol(venue)
    assert add(venue, symbol, mark_price=price).brief() == expected
    assert add(venue, symbol).brief() == "200"


def test_an_add_that_was_broken_off(venue: Venue) -> None:
    """As if the worker had died between a shard's answer and the next step: a repeat finishes it, with its own mark."""
    for before, price, shown in ((0, "123.4", "123.4"), (7, "123.4", "123.4"), (7, None, "0")):
        symbol = open_on_shard(venue, mark_price=before, is_listed=False)
        assert venue.send("GET", f"/fapi/v1/premiumIndex?symbol={symbol}").status == 400
        assert add(venue, symbol, mark_price=price).brief() == "200"
        assert mark(venue, symbol) == shown
        assert add(venue, symbol, mark_price=price).brief() == "409 MARKET_EXISTS"


def test_delisting(venue: Venue, symbol: str) -> None:
    """Not with an open position; without one every order ends, and its margin is back."""
    long, short = Trader(venue, 0, "1000"), Trader(venue, None, "1000")
    short.place(symbol, "SELL", "100", "1")
    long.place(symbol, "BUY", "100", "1")
    resting = long.place(symbol, "BUY", "90", "1")["orderId"]
    assert long.money() == "999.95 990.45 5 4.5 0"
    for _ in range(2):
        assert set_status(venue, symbol, "delisted") == "409 POSITIONS_OPEN"
    assert long.money() == "999.95 990.45 5 4.5 0"
    assert long.call("GET", "/v1/openOrder", symbol=symbol, orderId=resting).ok()["status"] == "NEW"
    assert set_status(venue, symbol, "halted") == "200"
    assert set_status(venue, symbol, "delisted") == "409 POSITIONS_OPEN"
    assert set_status(venue, symbol, "listed") == "200"
    short.place(symbol, "BUY", "100", "1", reduceOnly="true")
    long.place(symbol, "SELL", "100", "1", reduceOnly="true")
    assert set_status(venue, symbol, "delisted") == "200"
    assert long.money() == "999.9 999.9 0 0 0"
    assert long.try_place(symbol, "BUY", "90", "1").brief() == "400 -4141"
    assert set_status(venue, symbol, "listed") == "410 MARKET_DELISTED"


# Accounts and money


def test_account(venue: Venue, symbol: str) -> None:
    other = list_contract(venue, 0)
    long, short = Trader(venue, 0, "1000"), Trader(venue, None, "1000")
    for each, quantity in ((symbol, "1"), (other, "0.3")):
        short.place(each, "SELL", "100", quantity)
        long.place(each, "BUY", "100", quantity)
    long.place(symbol, "BUY", "90", "1")
    told = venue.operate("GET", f"/accounts/{long.name}").ok()
    assert told["futures"] == {
        "wallet_balance": "999.935",
        "available_balance": "988.935",
        "position_margin": "6.5",
        "order_hold": "4.5",
        "unrealized_profit": "0",
        "margin_balance": "999.935",
        "maintenance_margin": "0.65",
        "margin_ratio": "0.0007",  # 0.00065…
    }
    no_price = {"liquidation_price": "0"}  # it has more than it could lose
    margins = {"margin": "5", "maintenance_margin": "0.5"}, {"margin": "1.5", "maintenance_margin": "0.15"}
    assert told["positions"] == [
        {"symbol": symbol, "amount": "1", "entry_price": "100", **margins[0], **no_price},
        {"symbol": other, "amount": "0.3", "entry_price": "100", **margins[1], **no_price},
    ]
    assert told["open_orders"] == {"spot": 0, "futures": 1, "triggers": 0}
    set_mark(venue, symbol, "101")
    told = venue.operate("GET", f"/accounts/{short.name}").ok()
    short_one = {"margin": "5", "maintenance_margin": "0.505", "liquidation_price": "1094.352238806"}
    assert told["positions"][0] == {"symbol": symbol, "amount": "-1", "entry_price": "100", **short_one}
    assert told["futures"]["unrealized_profit"] == "-1"
    assert told["futures"]["margin_balance"] == "998.974"


def test_payments(venue: Venue, symbol: str) -> None:
    trader = Trader(venue, 0)
    first = trader.pay("deposits", "100.5", "f-1").ok()
    assert list(first.items()) == [
        ("ok", True),
        ("reference", "f-1"),
        ("account", trader.name),
        ("wallet", "futures"),
        ("asset", "USDT"),
        ("amount", "100.5"),
        ("balance_after", "100.5"),
    ]
    order = trader.place(symbol, "BUY", "1000", "1")["orderId"]
    assert trader.pay("deposits", "100.5", "f-1").ok() == first
    assert trader.money() == "100.5 50.5 0 50 0"
    assert trader.pay("deposits", "1", "f-2").ok()["balance_after"] == "51.5"
    assert trader.pay("withdrawals", "51.500001", "f-3").brief() == "400 INSUFFICIENT_BALANCE"
    assert trader.pay("withdrawals", "51.5", "f-3").ok()["balance_after"] == "0"
    trader.cancel(symbol, order)
    assert trader.money() == "50 50 0 0 0"
    assert trader.pay("deposits", "51.5", "f-3").brief() == "409 REFERENCE_CONFLICT"
    payment = {"account": trader.name, "wallet": "futures", "asset": "DF", "amount": "1", "reference": "f-4"}
    assert venue.operate("POST", "/deposits", payment).brief() == "400 UNKNOWN_ASSET"
    assert trader.user.wallets() == {}
