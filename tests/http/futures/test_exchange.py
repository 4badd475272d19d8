"""The futures API of a real exchange: what operators list, what everybody sees, and how real clients ask."""

import http.client
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest

from tests.http.futures.actor import Actor
from tests.http.futures.caller import Caller, now_ms
from tests.http.futures.trader import TERMS, free_symbol, list_contract
from tests.http.venue import Venue

OWN_TERMS = {
    "base_asset": "ETH",
    "tick_size": "0.01",
    "max_notional": "5000",
    "max_position_notional": 1_000_000,
    "min_leverage": 2,
    "max_leverage": 50,
    "default_leverage": 10,
    "maint_margin_ratio": "0.01",
    "trigger_protect": 0.1,
    "market_take_bound": "0",
}


@pytest.fixture
def caller(own: Actor) -> Caller:
    return own.caller


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "400 unknown field colour"),
    ({"symbol": "a b"}, "400 invalid symbol"),
    ({"base_asset": "USDT"}, "400 invalid base_asset"),
    ({"tick_size": "x"}, "400 invalid tick_size"),
    ({"lot_size": None}, "400 invalid lot_size"),
    ({"min_notional": "-1"}, "400 invalid min_notional"),
    ({"min_notional": "1000000000001"}, "400 invalid min_notional"),
    ({"maker_fee_bps": 1_001}, "400 invalid maker_fee_bps"),
    ({"taker_fee_bps": "x"}, "400 invalid taker_fee_bps"),
    ({"max_notional": "0"}, "400 invalid max_notional"),
    ({"max_notional": "9.999999"}, "400 invalid max_notional"),
    ({"max_notional": "10.0000001"}, "400 invalid max_notional"),
    ({"max_notional": "1000000000001"}, "400 invalid max_notional"),
    ({"max_position_notional": 0}, "400 invalid max_position_notional"),
    ({"max_position_notional": "1.5"}, "400 invalid max_position_notional"),
    ({"max_leverage": 126}, "400 invalid max_leverage"),
    ({"max_leverage": 0}, "400 invalid max_leverage"),
    ({"min_leverage": 126}, "400 invalid min_leverage"),
    ({"default_leverage": 126}, "400 invalid default_leverage"),
    ({"min_leverage": 30}, "400 invalid default_leverage"),
    ({"maint_margin_ratio": "1"}, "400 invalid maint_margin_ratio"),
    ({"trigger_protect": "0.0000001"}, "400 invalid trigger_protect"),
    ({"market_take_bound": "x"}, "400 invalid market_take_bound"),
    ({"base_asset": "NONE"}, "400 UNKNOWN_ASSET"),
    ({"tick_size": "0"}, "400 INVALID_TICK"),
    ({"tick_size": "0.0000001"}, "400 INVALID_TICK"),
    ({"lot_size": "0"}, "400 INVALID_LOT"),
    ({"lot_size": "0.000000001", "tick_size": "1000"}, "400 INVALID_LOT"),
    ({"symbol": "BTCUSDT", "max_leverage": 20}, "409 MARKET_EXISTS"),
]


@pytest.mark.parametrize(("changes", "expected"), REFUSED)
def test_refused_terms(venue: Venue, changes: dict[str, Any], expected: str) -> None:
    terms = {**TERMS, "symbol": free_symbol(venue), **changes}
    assert venue.operate("POST", "/futures/markets", terms).brief() == expected


def shown(venue: Venue, symbol: str) -> dict[str, Any]:
    """As ``exchangeInfo`` shows the market."""
    symbols = venue.send("GET", "/fapi/v1/exchangeInfo").ok()["symbols"]
    row: dict[str, Any] = next(row for row in symbols if row["symbol"] == symbol)
    return row


def test_terms(venue: Venue, own: Actor) -> None:
    names = "status pricePrecision maintMarginPercent requiredMarginPercent triggerProtect marketTakeBound".split()
    symbol = list_contract(venue, **OWN_TERMS)
    for listed, terms in (
        ("BTCUSDT", ["TRADING", 1, "0.5", "1", "0.05", "0.05"]),
        ("ETHUSDT", ["TRADING", 2, "0.5", "1", "0.05", "0.05"]),
        (symbol, ["TRADING", 2, "1", "2", "0.1", "0"]),
    ):
        market = shown(venue, listed)
        assert [market[name] for name in names] == terms
    spot = venue.public("/spot/markets").ok()
    assert "BTCUSDT" in [market["id"] for market in spot]  # one of the same name, and neither knows the other
    (bracket,) = own.get("/leverageBracket", symbol=symbol)["brackets"]
    assert (bracket["initialLeverage"], bracket["notionalCap"]) == (50, 1_000_000)


def test_status(venue: Venue) -> None:
    symbol = list_contract(venue)
    for status, market, expected, then in (
        ("halted", symbol, "200", "PENDING_TRADING"),
        ("listed", symbol, "200", "TRADING"),
        ("closed", symbol, "400 INVALID_STATUS", "TRADING"),
        ("halted", "NONE", "404 MARKET_NOT_FOUND", "TRADING"),
        ("halted", "DFUSDT", "404 MARKET_NOT_FOUND", "TRADING"),
        ("delisted", symbol, "200", "CLOSE"),
        ("listed", symbol, "410 MARKET_DELISTED", "CLOSE"),
    ):
        answer = venue.operate("PATCH", f"/futures/markets/{market}/status", {"status": status})
        assert (answer.brief(), shown(venue, symbol)["status"]) == (expected, then)


def test_market_data_of_an_empty_market(venue: Venue, caller: Caller) -> None:
    symbol = list_contract(venue)

    def get(path: str, query: str = "") -> Any:
        return caller.send("GET", path, f"symbol={symbol}{query}").ok()

    assert get("/v1/depth")["bids"] == []
    for path in ("/v1/trades", "/v1/aggTrades", "/v1/klines"):
        assert get(path, "&interval=1m") == []
    assert get("/v1/aggTrades", "&startTime=1") == []
    assert get("/v2/ticker/price")["price"] == "0"
    assert get("/v1/ticker/24hr")["count"] == 0
    for path, price in (("/v1/ticker/bookTicker", "bidPrice"), ("/v1/premiumIndex", "markPrice")):
        rows = caller.send("GET", path).ok()
        assert [row[price] for row in rows if row["symbol"] == symbol] == ["0"]


def test_how_clients_send(caller: Caller) -> None:
    """Query, form on any method, JSON, and a client id that was signed before it was escaped."""
    text = f"symbol=BTCUSDT&origClientOrderId=a:b/c&timestamp={now_ms()}"
    signed = caller.signed(text)
    escaped = signed.replace("a:b/c", quote("a:b/c", safe=""))
    for query, body in ((signed, ""), (escaped, ""), ("", escaped)):
        for content_type in (None, "application/json", "application/x-www-form-urlencoded"):
            headers = {} if content_type is None else {"Content-Type": content_type}
            answer = caller.send("GET", "/v1/commissionRate", query, body.encode(), headers)
            assert answer.ok()["makerCommissionRate"] == "0.0002"


def test_an_unread_body_does_not_end_the_connection(venue: Venue) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", venue.exchange.port, timeout=15)) as connection:
        for body in (b"x=1", b"{", 65_536 * b"a", b""):
            connection.request("GET", "/fapi/v1/ping", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"{}")


def test_too_large_a_body(caller: Caller) -> None:
    assert caller.send("POST", "/v1/listenKey", "", 65_537 * b"a").brief() == "413 -1130"


def test_listen_keys_on_whichever_worker(caller: Caller) -> None:
    made = caller.send("POST", "/v1/listenKey").ok()
    assert [caller.send("PUT", "/v1/listenKey").ok() for _ in range(6)] == 6 * [made]
    assert caller.send("DELETE", "/v1/listenKey").ok() == {}
    assert [caller.send("PUT", "/v1/listenKey").brief() for _ in range(6)] == 6 * ["400 -1125"]


def test_without_limits(venue: Venue, caller: Caller) -> None:
    answers = [caller.send("GET", "/v1/depth", "symbol=BTCUSDT&limit=1000") for _ in range(130)]
    assert {(answer.status, answer.headers["X-MBX-USED-WEIGHT-1M"]) for answer in answers} == {(200, "0")}
    assert not (venue.exchange.data / "run" / "limits").exists()
