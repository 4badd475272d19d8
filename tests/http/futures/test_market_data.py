"""Public data: every field, its type, and what is taken as a parameter."""

import json

import pytest

from shards.clock import now_ms
from shards.model.ids import make_number
from shards.model.orders import Side
from shards.model.queries import GetDepth, GetTickers
from shards.model.replies import DepthReply
from tests.http.futures.site import BTC, ETH, SPOT, Site, make_market, make_trade
from web.futures.market_data import market as market_module
from web.http.formats import format_average, format_percent, format_price, format_ratio, margin_percent

HOUR_MS = 3_600_000


@pytest.fixture
def trading(site: Site) -> Site:
    """Six trades of BTCUSDT, one a minute, the last five minutes ago; the first three are archived."""
    start = now_ms() // 60_000 * 60_000 - 10 * 60_000
    made = [
        make_trade(BTC, 1, 475_000, 1, Side.BUY, start),
        make_trade(BTC, 2, 480_000, 2, Side.SELL, start + 60_000),
        make_trade(BTC, 3, 470_000, 1_000, Side.BUY, start + 120_000),
        make_trade(BTC, 4, 470_005, 4, Side.BUY, start + 180_000),
        make_trade(BTC, 5, 472_000, 5, Side.SELL, start + 240_000),
        make_trade(BTC, 6, 476_000, 6, Side.BUY, start + 300_000),
    ]
    site.client.archived, site.client.unarchived = made[:3], made[3:]
    site.client.levels[BTC.number] = DepthReply(42, [(475_000, 5), (474_990, 1_500)], [(476_000, 10)])
    return site


def ids(rows: list[dict[str, int]], name: str = "id") -> list[int]:
    return [row[name] & 0xFFFF for row in rows]


def test_info(site: Site) -> None:
    assert site.get("/v1/ping").ok() == {}
    told = site.get("/v1/time").ok()
    assert list(told) == ["serverTime"] and abs(told["serverTime"] - now_ms()) < 5_000
    info = site.get("/v1/exchangeInfo").ok()
    assert list(info) == "timezone serverTime futuresType rateLimits exchangeFilters assets symbols".split()
    assert info["timezone"] == "UTC" and info["futuresType"] == "U_MARGINED" and info["exchangeFilters"] == []
    assert info["rateLimits"] == [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2_400},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1_200},
    ]
    assert info["assets"] == [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "0"}]
    statuses = {symbol["symbol"]: symbol["status"] for symbol in info["symbols"]}
    assert statuses == {"BTCUSDT": "TRADING", "ETHUSDT": "PENDING_TRADING", "SOLUSDT": "CLOSE"}


def test_symbol(site: Site) -> None:
    symbol = site.get("/v1/exchangeInfo").ok()["symbols"][0]
    onboard = symbol.pop("onboardDate")
    assert type(onboard) is int
    assert json.dumps(symbol) == json.dumps(
        {
            "symbol": "BTCUSDT",
            "pair": "BTCUSDT",
            "contractType": "PERPETUAL",
            "deliveryDate": 4133404800000,
            "status": "TRADING",
            "maintMarginPercent": "0.5",
            "requiredMarginPercent": "0.8",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "marginAsset": "USDT",
            "pricePrecision": 1,
            "quantityPrecision": 3,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "underlyingSubType": [],
            "settlePlan": 0,
            "triggerProtect": "0.05",
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "1000000000", "tickSize": "0.1"},
                {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000000000", "stepSize": "0.001"},
                {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "1000000000", "stepSize": "0.001"},
                {"filterType": "MIN_NOTIONAL", "notional": "10"},
            ],
            "orderTypes": [
                "LIMIT",
                "MARKET",
                "STOP",
                "STOP_MARKET",
                "TAKE_PROFIT",
                "TAKE_PROFIT_MARKET",
                "TRAILING_STOP_MARKET",
            ],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
            "liquidationFee": "0",
            "marketTakeBound": "0.05",
        }
    )


def test_texts() -> None:
    whole = make_market(9, "XUSDT", tick_digits=5, price_decimals=0, lot_digits=10, lot_decimals=0)
    assert [format_price(BTC, ticks) for ticks in (476_000, 475_005, 0, -5)] == ["47600", "47500.5", "0", "-0.5"]
    assert format_price(whole, 20) == "100"
    averages = {(0, 0): "0", (10, 2): "0.5", (10, 3): "0.333333333", (2 * 476_000, 2): "47600"}
    assert {of: format_average(BTC, *of) for of in averages} == averages
    assert format_average(whole, 40, 2) == "100"
    assert [format_ratio(millionths) for millionths in (200, 50_000, 0)] == ["0.0002", "0.05", "0"]
    assert format_percent(5_000) == "0.5"
    assert [margin_percent(leverage) for leverage in (125, 3, 1)] == ["0.8", "33.3334", "100"]


def test_depth(trading: Site) -> None:
    told = trading.get("/v1/depth?symbol=BTCUSDT&limit=5").ok()
    assert list(told) == ["lastUpdateId", "E", "T", "bids", "asks"]
    assert type(told["E"]) is type(told["T"]) is type(told["lastUpdateId"]) is int
    assert told["bids"] == [["47500", "0.005"], ["47499", "1.5"]] and told["asks"] == [["47600", "0.01"]]
    assert trading.client.messages[-1] == GetDepth(BTC.number, 5)
    trading.get("/v1/depth?symbol=BTCUSDT").ok()
    assert trading.client.messages[-1] == GetDepth(BTC.number, 500)


REFUSED = [
    ("/v1/depth", "400 -1102"),
    ("/v1/depth?symbol=", "400 -1102"),
    ("/v1/depth?limit=0", "400 -1102"),
    ("/v1/depth?symbol=btcusdt&limit=0", "400 -1121"),
    ("/v1/depth?symbol=DFUSDT", "400 -1121"),  # spot alone
    ("/v1/depth?symbol=BTCUSDT&symbol=BTCUSDT", "400 -1101"),
    ("/v1/depth?symbol=BTCUSDT&x=1&x=1", "400 -1101"),
    ("/v1/depth?symbol=BTCUSDT&limit=0", "400 -4021"),
    ("/v1/depth?symbol=BTCUSDT&limit=1001", "400 -4021"),
    ("/v1/depth?symbol=BTCUSDT&limit=x", "400 -4021"),
    ("/v1/depth?symbol=BTCUSDT&limit=-1", "400 -4021"),
    ("/v1/trades", "400 -1102"),
    ("/v1/trades?symbol=NONE", "400 -1121"),
    ("/v1/trades?symbol=BTCUSDT&limit=1001", "400 -1130"),
    ("/v1/aggTrades?symbol=NONE", "400 -1121"),
    ("/v1/aggTrades?symbol=BTCUSDT&fromId=x", "400 -1102"),
    ("/v1/aggTrades?symbol=BTCUSDT&fromId=1&startTime=1", "400 -1128"),
    ("/v1/aggTrades?symbol=BTCUSDT&startTime=2&endTime=1", "400 -1023"),
    ("/v1/aggTrades?symbol=BTCUSDT&limit=0", "400 -1130"),
    ("/v1/klines", "400 -1102"),
    ("/v1/klines?symbol=NONE&interval=7m", "400 -1121"),
    ("/v1/klines?symbol=BTCUSDT", "400 -1102"),
    ("/v1/klines?symbol=BTCUSDT&interval=7m&limit=0", "400 -1120"),
    ("/v1/klines?symbol=BTCUSDT&interval=1M", "400 -1120"),
    ("/v1/klines?symbol=BTCUSDT&interval=1m&limit=1501", "400 -1130"),
    ("/v1/klines?symbol=BTCUSDT&interval=1m&startTime=2&endTime=1", "400 -1023"),
    ("/v1/ticker/24hr?symbol=NONE", "400 -1121"),
    ("/v1/ticker/price?symbol=NONE", "400 -1121"),
    ("/v2/ticker/price?symbol=NONE", "400 -1121"),
    ("/v1/ticker/bookTicker?symbol=NONE", "400 -1121"),
    ("/v1/premiumIndex?symbol=NONE", "400 -1121"),
    ("/v1/exchangeInfo?a=1&a=1", "400 -1101"),
]


@pytest.mark.parametrize(("target", "expected"), REFUSED)
def test_refused(site: Site, target: str, expected: str) -> None:
    assert site.get(target).brief() == expected


def test_parameters_may_be_in_a_body(trading: Site) -> None:
    for body in (b"symbol=BTCUSDT&limit=1", b'{"symbol":"BTCUSDT","limit":1}', b'{"SYMBOL":"BTCUSDT","limit":"1"}'):
        assert len(trading.send("GET", "/fapi/v1/trades", {}, body).ok()) == 1


def test_trades(trading: Site) -> None:
    told = trading.get("/v1/trades?symbol=BTCUSDT").ok()
    assert ids(told) == [1, 2, 3, 4, 5, 6]
    first = trading.client.archived[0]
    assert json.dumps(told[0]) == json.dumps(
        {
            "id": first.id,
            "price": "47500",
            "qty": "0.001",
            "quoteQty": "47.5",
            "time": first.time_ms,
            "isBuyerMaker": False,
        }
    )
    assert told[1]["isBuyerMaker"] is True and told[3]["price"] == "47000.5"
    assert ids(trading.get("/v1/trades?symbol=BTCUSDT&limit=2").ok()) == [5, 6]
    assert trading.get("/v1/trades?symbol=ETHUSDT").ok() == []


def test_aggregated_trades(trading: Site) -> None:
    told = trading.get("/v1/aggTrades?symbol=BTCUSDT").ok()
    number, time_ms = trading.client.archived[1].id, trading.client.archived[1].time_ms
    assert json.dumps(told[1]) == json.dumps(
        {"a": number, "p": "48000", "q": "0.002", "f": number, "l": number, "T": time_ms, "m": True}
    )
    times = [trade.time_ms for trade in (*trading.client.archived, *trading.client.unarchived)]
    cases = {
        "limit=2": [5, 6],
        f"fromId={make_number(BTC.number, 3)}&limit=2": [3, 4],
        f"fromId={make_number(BTC.number, 7)}": [],
        "fromId=0&limit=2": [1, 2],
        f"fromId={make_number(SPOT.number, 1)}": [],
        f"startTime={times[2]}": [3, 4, 5, 6],
        f"startTime={times[2]}&limit=2": [3, 4],
        f"startTime={times[1] + 1}&limit=1": [3],
        f"startTime={times[2]}&endTime={times[3]}": [3, 4],
        f"endTime={times[3]}&limit=2": [3, 4],
        f"endTime={times[3]}": [1, 2, 3, 4],
        f"endTime={times[0] - 1}": [],
        f"startTime={times[5] + 1}": [],
        f"startTime={times[5] + HOUR_MS}": [],
        "startTime=9223372036854775807": [],
    }
    for query, expected in cases.items():
        told = trading.get(f"/v1/aggTrades?symbol=BTCUSDT&{query}").ok()
        assert ids(told, "a") == expected, query
    assert trading.get("/v1/aggTrades?symbol=ETHUSDT&startTime=1").ok() == []


def test_klines(trading: Site) -> None:
    told = trading.get("/v1/klines?symbol=BTCUSDT&interval=1m").ok()
    assert len(told) == 6 and all(len(row) == 12 for row in told)
    first = trading.client.archived[0]
    opened = first.time_ms
    prices = 4 * ["47500"]
    assert told[0] == [opened, *prices, "0.001", opened + 59_999, "47.5", 1, "0.001", "47.5", "0"]
    assert told[1][9:] == ["0", "0", "0"]
    (day,) = trading.get("/v1/klines?symbol=BTCUSDT&interval=1d&limit=1").ok()[-1:]
    assert day[6] - day[0] == 86_399_999
    assert trading.get(f"/v1/klines?symbol=BTCUSDT&interval=1m&startTime={opened + 60_000}&limit=2").ok() == told[1:3]
    assert trading.get(f"/v1/klines?symbol=BTCUSDT&interval=1m&endTime={opened + 60_000}&limit=2").ok() == told[:2]
    assert trading.get(f"/v1/klines?symbol=BTCUSDT&interval=1m&startTime={now_ms() + HOUR_MS}").ok() == []


def test_all_intervals(trading: Site) -> None:
    assert list(market_module.INTERVALS_MS) == "1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d".split()
    for name, length in market_module.INTERVALS_MS.items():
        rows = trading.get(f"/v1/klines?symbol=BTCUSDT&interval={name}").ok()
        assert sum(row[8] for row in rows) == 6
        assert all(row[0] % length == 0 and row[6] == row[0] + length - 1 for row in rows)


def test_day(trading: Site) -> None:
    told = trading.get("/v1/ticker/24hr?symbol=BTCUSDT").ok()
    opened, closed = told.pop("openTime"), told.pop("closeTime")
    assert closed - opened == 24 * HOUR_MS and abs(closed - now_ms()) < 5_000
    first, last = trading.client.archived[0], trading.client.unarchived[-1]
    assert told == {
        "symbol": "BTCUSDT",
        "priceChange": "100",
        "priceChangePercent": "0.211",
        "weightedAvgPrice": "47006.976424361",
        "lastPrice": "47600",
        "lastQty": "0.006",
        "openPrice": "47500",
        "highPrice": "48000",
        "lowPrice": "47000",
        "volume": "1.018",
        "quoteVolume": "47853.102",
        "firstId": first.id,
        "lastId": last.id,
        "count": 6,
    }


def test_day_of_a_fall_and_of_nothing(site: Site) -> None:
    day_ago = now_ms() - 25 * HOUR_MS
    site.client.archived = [
        make_trade(BTC, 1, 475_000, 1, Side.BUY, day_ago),
        make_trade(ETH, 1, 300, 1_000, Side.BUY, now_ms() - 2_000),
        make_trade(ETH, 2, 200, 1_000, Side.SELL, now_ms() - 1_000),
    ]
    fallen, old, never = (
        site.get(f"/v1/ticker/24hr?symbol={symbol}").ok() for symbol in ("ETHUSDT", "BTCUSDT", "SOLUSDT")
    )
    assert (fallen["priceChange"], fallen["priceChangePercent"]) == ("-10", "-33.333")
    assert (old["lastPrice"], old["openPrice"], old["volume"], old["count"]) == ("47500", "47500", "0", 0)
    assert (old["firstId"], old["lastId"], old["priceChange"]) == (-1, -1, "0")
    assert {never[name] for name in ("lastPrice", "openPrice", "highPrice", "lowPrice", "weightedAvgPrice")} == {"0"}


@pytest.mark.parametrize(
    "target", ["/v1/ticker/24hr", "/v1/ticker/price", "/v2/ticker/price", "/v1/ticker/bookTicker", "/v1/premiumIndex"]
)
def test_one_or_all(trading: Site, target: str) -> None:
    rows = trading.get(target).ok()
    assert [row["symbol"] for row in rows] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    one = trading.get(f"{target}?symbol=ETHUSDT").ok()
    assert list(one) == list(rows[1]) and one["symbol"] == "ETHUSDT"


def test_prices(trading: Site) -> None:
    last = trading.client.unarchived[-1]
    told = trading.get("/v1/ticker/price?symbol=BTCUSDT").ok()
    assert told == {"symbol": "BTCUSDT", "price": "47600", "time": last.time_ms}
    assert trading.get("/v2/ticker/price?symbol=BTCUSDT").ok() == told
    assert trading.get("/v1/ticker/price?symbol=ETHUSDT").ok()["price"] == "0"


def test_the_archive_is_queried_only_for_what_the_shard_no_longer_has(trading: Site) -> None:
    trading.get("/v1/ticker/price?symbol=BTCUSDT").ok()
    assert [type(message) for message in trading.client.messages] == [GetTickers]
    trading.client.archived += trading.client.unarchived
    trading.client.unarchived = []
    assert trading.get("/v1/ticker/price?symbol=BTCUSDT").ok()["price"] == "47600"


def test_books(trading: Site) -> None:
    told = trading.get("/v1/ticker/bookTicker?symbol=BTCUSDT").ok()
    assert type(told.pop("time")) is int
    assert told == {
        "symbol": "BTCUSDT",
        "bidPrice": "47500",
        "bidQty": "0.005",
        "askPrice": "47600",
        "askQty": "0.01",
    }
    none = trading.get("/v1/ticker/bookTicker?symbol=ETHUSDT").ok()
    assert [none[name] for name in ("bidPrice", "bidQty", "askPrice", "askQty")] == ["0", "0", "0", "0"]


def test_premium_index(trading: Site) -> None:
    told = trading.get("/v1/premiumIndex?symbol=BTCUSDT").ok()
    assert type(told.pop("time")) is int
    assert told == {
        "symbol": "BTCUSDT",
        "markPrice": "47600",
        "indexPrice": "47600",
        "estimatedSettlePrice": "47600",
        "lastFundingRate": "0",
        "interestRate": "0",
        "nextFundingTime": 0,
    }
    assert trading.get("/v1/premiumIndex?symbol=ETHUSDT").ok()["markPrice"] == "0"
