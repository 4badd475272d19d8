"""Whom a call is charged to, what it costs, whatever comes of it, and what comes of too many calls."""

from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import pytest

from shards.model.reasons import RejectReason
from tests.http.futures.caller import Answer, Caller
from tests.http.futures.site import Site
from web.ratelimit.budget import Budget
from web.ratelimit.client_ip import caller_ip
from web.ratelimit.limits import BAN_S, REFUSED_COUNT_MAX

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),  # no proxy of ours
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),  # what the caller wrote itself is not believed
        ("10.0.0.1", "203.0.113.9,198.51.100.7 , 10.9.9.9", "198.51.100.7"),
        ("10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, nonsense, 10.2.2.2", "10.2.2.2"),
        ("10.0.0.1", ",", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ", ".join(["198.51.100.7"] + 100 * ["10.2.2.2"]), "10.2.2.2"),
        ("::ffff:192.0.2.1", "", "192.0.2.1"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("2001:db8:2:3:4:5:6:7", "", "2001:db8:2:3::/64"),
        ("2001:db8:2:3:ffff::1", "", "2001:db8:2:3::/64"),
        ("2001:db8:1::1", "2001:db8:9::1", "2001:db8:9::/64"),
        ("", "", ""),
        ("unix:", "198.51.100.7", "unix:"),
    ],
)
def test_address(peer: str, forwarded: str, expected: str) -> None:
    assert caller_ip(peer, forwarded, PROXIES) == expected


def test_nobody_is_trusted_by_default() -> None:
    assert caller_ip("127.0.0.1", "198.51.100.7", ()) == "127.0.0.1"


# Through the application

WEIGHT_MAX: Final = 200
ORDER_COUNT_MAX: Final = 12
ORDER: Final = "POST /v1/order?symbol=BTCUSDT&side=BUY&type=LIMIT&price=100&quantity=1"
ELEMENT: Final = '{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"1"}'
CONDITIONAL: Final = (
    "POST /v1/algoOrder?symbol=BTCUSDT&algoType=CONDITIONAL&side=BUY&type=STOP_MARKET&quantity=1&triggerPrice=900"
)
WEIGHTS: Final = {
    "GET /v1/ping": 1,
    "GET /v1/time": 1,
    "GET /v1/exchangeInfo": 1,
    "GET /v1/depth?symbol=BTCUSDT&limit=50": 2,
    "GET /v1/depth?symbol=BTCUSDT&limit=51": 5,
    "GET /v1/depth?symbol=BTCUSDT&limit=100": 5,
    "GET /v1/depth?symbol=BTCUSDT&limit=101": 10,
    "GET /v1/depth?symbol=BTCUSDT": 10,
    "GET /v1/depth?symbol=BTCUSDT&limit=501": 20,
    "GET /v1/depth?symbol=BTCUSDT&limit=x": 20,
    "GET /v1/depth?symbol=BTCUSDT&limit=5&limit=5": 2,
    "GET /v1/depth": 10,
    "GET /v1/trades?symbol=BTCUSDT": 5,
    "GET /v1/trades?symbol=NONE": 5,
    "GET /v1/aggTrades?symbol=BTCUSDT": 20,
    "GET /v1/klines?symbol=BTCUSDT&interval=1m": 5,
    "GET /v1/premiumIndex?symbol=BTCUSDT": 1,
    "GET /v1/premiumIndex": 10,
    "GET /v1/ticker/24hr?symbol=BTCUSDT": 1,
    "GET /v1/ticker/24hr": 40,
    "GET /v1/ticker/price?symbol=BTCUSDT": 1,
    "GET /v2/ticker/price": 2,
    "GET /v1/ticker/bookTicker?SYMBOL=BTCUSDT": 2,
    "GET /v1/ticker/bookTicker?symbol=": 5,
    "GET /v2/balance": 5,
    "GET /v3/balance": 5,
    "GET /v2/account": 5,
    "GET /v3/account": 5,
    "GET /v1/positionRisk": 5,
    "GET /v2/positionRisk": 5,
    "GET /v3/positionRisk?symbol=BTCUSDT": 5,
    "GET /v1/symbolConfig": 5,
    "GET /v1/leverageBracket": 1,
    "GET /v1/commissionRate": 20,
    "GET /v1/marginType": 1,
    "GET /v1/nothing": 1,
    "GET ": 1,
    ORDER: 0,
    "POST /v1/order?symbol=NONE": 0,
    "PUT /v1/order?symbol=BTCUSDT&orderId=1099511627777&price=100": 1,
    "DELETE /v1/order?symbol=BTCUSDT&orderId=1099511627777": 1,
    f"POST /v1/batchOrders?batchOrders=[{ELEMENT}]": 5,
    "DELETE /v1/batchOrders?symbol=BTCUSDT&orderIdList=[1099511627777,1099511627777]": 1,
    "DELETE /v1/allOpenOrders?symbol=BTCUSDT": 1,
    "POST /v1/countdownCancelAll?symbol=BTCUSDT&countdownTime=1": 10,
    "GET /v1/order?symbol=BTCUSDT": 1,
    "GET /v1/openOrder": 1,
    "GET /v1/openOrders?symbol=BTCUSDT": 1,
    "GET /v1/openOrders?SYMBOL=NONE": 1,
    "GET /v1/openOrders": 40,
    "GET /v1/openOrders?symbol=": 40,
    "GET /v1/allOrders?symbol=BTCUSDT": 5,
    "GET /v1/userTrades?symbol=BTCUSDT": 5,
    "GET /v1/income": 30,
    "POST /v1/algoOrder": 0,
    "GET /v1/algoOrder?algoId=1": 1,
    "DELETE /v1/algoOrder": 1,
    "DELETE /v1/algoOpenOrders?symbol=BTCUSDT": 1,
    "GET /v1/openAlgoOrders?symbol=BTCUSDT": 1,
    "GET /v1/openAlgoOrders?algoId=1": 40,
    "GET /v1/allAlgoOrders?symbol=BTCUSDT": 5,
}


ORDERS: Final = {  # what counts as how many
    ORDER: 1,
    "POST /v1/order?symbol=NONE": 1,
    "PUT /v1/order?symbol=BTCUSDT&orderId=1099511627777&price=100": 1,
    f"POST /v1/batchOrders?batchOrders=[{ELEMENT},{ELEMENT}]": 2,
    "POST /v1/batchOrders?batchOrders=x": 1,
    "POST /v1/batchOrders?batchOrders=[1,1,1,1,1,1]": 5,  # the longest there may be
    CONDITIONAL: 1,
    "POST /v1/algoOrder?symbol=NONE": 1,
}
NO_ORDERS: Final = [
    *(row for row in WEIGHTS if row.startswith("DELETE")),
    "POST /v1/countdownCancelAll?symbol=BTCUSDT&countdownTime=1",
    "GET /v1/algoOrder?symbol=BTCUSDT&algoId=1",
]
WEEK_S: Final = 7 * 24 * 3_600


class LimitedSite(Site):
    """With limits, an engine that is busy, and a clock that stands still."""

    now_s = 1_000_000.0

    def __init__(self, path: Path) -> None:
        budget = Budget(path / "limits", "0", WEIGHT_MAX, ORDER_COUNT_MAX, lambda: self.now_s)
        super().__init__(path, budget, trusted_proxies=PROXIES)

    def reset(self) -> None:
        """Nothing of what was counted, and no ban, counts any more."""
        super().reset()
        self.client.refusal = RejectReason.BUSY
        self.now_s += WEEK_S


@pytest.fixture(scope="module")
def shared_limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimitedSite]:
    made = LimitedSite(tmp_path_factory.mktemp("limited"))
    with closing(made.reference):
        yield made


@pytest.fixture
def limited(shared_limited: LimitedSite) -> LimitedSite:
    shared_limited.reset()
    return shared_limited


def call(caller: Caller, row: str) -> Answer:
    """Signed: "METHOD path?query", the path after ``/fapi``."""
    method, _, target = row.partition(" ")
    path, _, query = target.partition("?")
    return caller.call(method, path, query)


def used(answer: Answer) -> int:
    return int(answer.headers["X-MBX-USED-WEIGHT-1M"])


def order_count(answer: Answer) -> int | None:
    count = answer.headers["X-MBX-ORDER-COUNT-1M"]
    return None if count is None else int(count)


@pytest.mark.parametrize(("row", "weight"), WEIGHTS.items(), ids=WEIGHTS)
def test_weight(limited: Site, row: str, weight: int) -> None:
    """Whoever calls, and whatever comes of it."""
    method, _, target = row.partition(" ")
    answers = [limited.send(method, f"/fapi{target}", {}, b"")]
    answers += [call(caller, row) for caller in (limited.own, limited.reader, limited.other)]
    assert 429 not in [answer.status for answer in answers]
    assert [used(answer) for answer in answers] == [weight, 2 * weight, 3 * weight, 4 * weight]


def test_too_large_a_body_is_charged(limited: Site) -> None:
    answer = limited.send("POST", "/fapi/v1/marginType", {}, 65_537 * b"a")
    assert answer.brief() == "413 -1130" and used(answer) == 1


def test_weight_is_checked_first(limited: Site) -> None:
    for _ in range(WEIGHT_MAX):
        assert limited.get("/v1/ping").brief() == "200"
    for refused in (
        limited.get("/v1/ping"),
        limited.get("/v1/nothing"),
        limited.get("/v1/depth?symbol=NONE"),
        limited.send("POST", "/fapi/v1/ping", {}, b""),
        limited.send("POST", "/fapi/v1/marginType", {}, 65_537 * b"a"),
        limited.own.call("GET", "/v1/positionSide/dual"),
        limited.own.send("GET", "/v1/positionSide/dual"),
    ):
        assert refused.brief() == "429 -1003" and used(refused) == WEIGHT_MAX
    assert limited.send("GET", "/api/v1/spot/markets", {}, b"").status == 200
    limited.ip = "192.0.2.2"
    assert limited.get("/v1/ping").brief() == "200"


def test_ban(limited: Site) -> None:
    answers = [limited.get("/v1/ping") for _ in range(WEIGHT_MAX + REFUSED_COUNT_MAX + 5)]
    statuses = [answer.status for answer in answers]
    assert statuses == WEIGHT_MAX * [200] + REFUSED_COUNT_MAX * [429] + 5 * [418]
    last = answers[-1]
    assert last.json["code"] == -1003 and last.headers["Retry-After"] == str(BAN_S)
    assert limited.get("/nothing").status == 418
    assert limited.send("GET", "/healthz", {}, b"").status == 200


def test_behind_a_proxy(limited: Site) -> None:
    for peer, forwarded, weight in (
        ("10.0.0.1", "198.51.100.7", 1),
        ("10.0.0.1", "198.51.100.8", 1),
        ("10.0.0.2", "198.51.100.7", 2),
        ("192.0.2.1", "198.51.100.7", 1),
    ):
        limited.ip = peer
        assert used(limited.send("GET", "/fapi/v1/ping", {"X-Forwarded-For": forwarded}, b"")) == weight


@pytest.mark.parametrize(("row", "count"), ORDERS.items(), ids=ORDERS)
def test_what_counts_as_an_order(limited: Site, row: str, count: int) -> None:
    """Once it is known whose it is, and whether it can be placed or not."""
    assert [order_count(call(limited.own, row)) for _ in range(2)] == [count, 2 * count]
    assert order_count(call(limited.reader, row)) is None


@pytest.mark.parametrize("row", NO_ORDERS)
def test_what_does_not_count_as_an_order(limited: Site, row: str) -> None:
    assert order_count(call(limited.own, row)) is None


def test_too_many_orders(limited: LimitedSite) -> None:
    own = limited.own
    assert order_count(own.send("POST", "/v1/order")) is None  # not signed
    for row, count in (
        ("POST /v1/batchOrders?batchOrders=[1,1,1,1,1]", 5),
        ("POST /v1/batchOrders?batchOrders=[1,1,1,1,1]", 10),
        (f"POST /v1/batchOrders?batchOrders=[{ELEMENT}]", 11),
    ):
        assert order_count(call(own, row)) == count
    over = call(own, f"POST /v1/batchOrders?batchOrders=[{ELEMENT},{ELEMENT}]")
    assert over.brief() == "429 -1015" and order_count(over) == 11
    assert call(own, "POST /v1/order?symbol=NONE").brief() == "400 -1121"
    assert call(own, "POST /v1/order?symbol=NONE&x=1&x=1").brief() == "429 -1015"  # counted before it is read
    assert order_count(call(limited.other, ORDER)) == 1  # another account
    limited.now_s += int(over.headers["Retry-After"])
    assert order_count(call(own, ORDER)) == 1


def test_without_limits(site: Site) -> None:
    for _ in range(ORDER_COUNT_MAX + 1):
        assert order_count(call(site.own, "POST /v1/order?symbol=NONE")) == 0
    for _ in range(WEIGHT_MAX // 40 + 1):
        answer = site.get("/v1/ticker/24hr")
        assert answer.brief() == "200" and used(answer) == 0
