"""The futures API of a real exchange: what operators list, what everybody sees, and how real clients ask."""

import http.client
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.exchange import Exchange
from tests.http.futures.caller import Caller, now_ms, sender

TERMS = {
    "symbol": "BTCUSDT",
    "base_asset": "BTC",
    "tick_size": "0.1",
    "lot_size": "0.001",
    "min_notional": "10",
    "maker_fee_bps": 2,
    "taker_fee_bps": 5,
}
OWN_TERMS = {
    **TERMS,
    "symbol": "OWNUSDT",
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


@pytest.fixture(scope="module")
def listed(exchange: Exchange) -> Exchange:
    """With a futures market beside those of the demo."""
    answer = exchange.operate("POST", "/futures/markets", OWN_TERMS)
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "symbol": "OWNUSDT"})
    return exchange


@pytest.fixture(scope="module")
def own(listed: Exchange) -> Caller:
    demo = listed.accounts[0]
    return Caller(sender(listed.port), demo.api_key, demo.api_secret)


@pytest.fixture
def keep_alive(listed: Exchange) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", listed.port, timeout=15)
    yield connection
    connection.close()


def told(exchange: Exchange, body: dict[str, Any]) -> str:
    answer = exchange.operate("POST", "/futures/markets", body)
    return f"{answer.status_code} {answer.json().get('error', '')}".strip()


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
def test_refused_terms(listed: Exchange, changes: dict[str, Any], expected: str) -> None:
    assert told(listed, {**TERMS, "symbol": "NEWUSDT", **changes}) == expected


def test_only_the_operator(listed: Exchange) -> None:
    for path in ("/futures/markets", "/futures/markets/BTCUSDT/status"):
        method = "PATCH" if path.endswith("status") else "POST"
        assert listed.call(method, f"/api/v1/admin{path}", {}).status_code == 401


def test_exchange_info(listed: Exchange, own: Caller) -> None:
    info = own.send("GET", "/v1/exchangeInfo").ok()
    bitcoin, ether, mine = info["symbols"][:3]
    assert (bitcoin["symbol"], bitcoin["status"], bitcoin["triggerProtect"]) == ("BTCUSDT", "TRADING", "0.05")
    assert (ether["symbol"], ether["pricePrecision"], ether["maintMarginPercent"]) == ("ETHUSDT", 2, "0.5")
    assert (mine["symbol"], mine["pricePrecision"], mine["maintMarginPercent"]) == ("OWNUSDT", 2, "1")
    assert (mine["requiredMarginPercent"], mine["triggerProtect"], mine["marketTakeBound"]) == ("2", "0.1", "0")
    listed_spot = listed.call("GET", "/api/v1/spot/markets", account=None).json()
    assert "BTCUSDT" in [market["id"] for market in listed_spot]  # one of the same name, and neither knows the other
    brackets = own.call("GET", "/v1/leverageBracket", "symbol=OWNUSDT").ok()["brackets"]
    assert (brackets[0]["initialLeverage"], brackets[0]["notionalCap"]) == (50, 1_000_000)


def test_status(listed: Exchange, own: Caller) -> None:
    name = f"S{now_ms()}"
    terms = {**TERMS, "symbol": name}
    assert told(listed, terms) == "200"

    def set_status(status: str, symbol: str = name) -> str:
        answer = listed.operate("PATCH", f"/futures/markets/{symbol}/status", {"status": status})
        return f"{answer.status_code} {answer.json().get('error', '')}".strip()

    def shown() -> str:
        symbols = own.send("GET", "/v1/exchangeInfo").ok()["symbols"]
        return str(next(symbol["status"] for symbol in symbols if symbol["symbol"] == name))

    assert shown() == "TRADING"
    assert set_status("halted") == "200" and shown() == "PENDING_TRADING"
    assert set_status("listed") == "200" and shown() == "TRADING"
    assert set_status("closed") == "400 INVALID_STATUS"
    assert set_status("halted", "NONE") == "404 MARKET_NOT_FOUND"
    assert set_status("halted", "DFUSDT") == "404 MARKET_NOT_FOUND"
    assert set_status("delisted") == "200" and shown() == "CLOSE"
    assert set_status("listed") == "410 MARKET_DELISTED"


def test_market_data_of_an_empty_market(own: Caller) -> None:
    assert own.send("GET", "/v1/depth", "symbol=BTCUSDT").ok()["bids"] == []
    for path in ("/v1/trades", "/v1/aggTrades", "/v1/klines"):
        assert own.send("GET", path, "symbol=BTCUSDT&interval=1m").ok() == []
    assert own.send("GET", "/v1/aggTrades", "symbol=BTCUSDT&startTime=1").ok() == []
    assert own.send("GET", "/v2/ticker/price", "symbol=BTCUSDT").ok()["price"] == "0"
    assert own.send("GET", "/v1/ticker/24hr", "symbol=BTCUSDT").ok()["count"] == 0
    assert own.send("GET", "/v1/ticker/bookTicker").ok()[0]["bidPrice"] == "0"
    assert own.send("GET", "/v1/premiumIndex").ok()[0]["markPrice"] == "0"


def test_how_clients_send(own: Caller) -> None:
    """Query, form on any method, JSON, and a client id that was signed before it was escaped."""
    text = f"symbol=BTCUSDT&origClientOrderId=a:b/c&timestamp={now_ms()}"
    signature = own.sign(text)
    escaped = text.replace("a:b/c", quote("a:b/c", safe=""))
    for query, body in (
        (f"{text}&signature={signature}", b""),
        (f"{escaped}&signature={signature}", b""),
        ("", f"{escaped}&signature={signature}".encode()),
    ):
        for headers in (
            {},
            {"Content-Type": "application/json"},
            {"Content-Type": "application/x-www-form-urlencoded"},
        ):
            assert own.send("GET", "/v1/commissionRate", query, body, headers).ok()["makerCommissionRate"] == "0.0002"


def test_a_body_nobody_reads_on_a_connection_that_goes_on(keep_alive: http.client.HTTPConnection) -> None:
    for body in (b"x=1", b"{", 65_536 * b"a", b""):
        keep_alive.request("GET", "/fapi/v1/ping", body, {"Content-Type": "application/json"})
        response = keep_alive.getresponse()
        assert (response.status, response.read()) == (200, b"{}")


def test_too_large_a_body(own: Caller) -> None:
    assert own.send("POST", "/v1/listenKey", "", 65_537 * b"a").brief() == "413 -1130"


def test_listen_keys_are_everybodys(own: Caller) -> None:
    """On whichever worker."""
    made = own.send("POST", "/v1/listenKey").ok()
    assert [own.send("PUT", "/v1/listenKey").ok() for _ in range(6)] == 6 * [made]
    assert own.send("DELETE", "/v1/listenKey").ok() == {}
    assert [own.send("PUT", "/v1/listenKey").brief() for _ in range(6)] == 6 * ["400 -1125"]


def test_limits_are_off_here(own: Caller) -> None:
    assert own.send("GET", "/v1/ping").headers["X-MBX-USED-WEIGHT-1M"] == "0"
