"""What is refused before a view, what the engine refuses and what breaks, in the shape of the futures API."""

from contextlib import closing
from pathlib import Path

import pytest

from shards.model.reasons import RejectReason
from storage.reference import Reference, StorageFull
from tests.http.futures.site import Site
from web.app import make_app
from web.futures.call.errors import REFUSALS

DEPTH = "/v1/depth?symbol=BTCUSDT"
NUMBER = 1 << 40 | 1
UNANSWERED = [
    ("GET", "/v1/depth", "symbol=BTCUSDT"),
    ("POST", "/v1/order", "symbol=BTCUSDT&side=BUY&type=LIMIT&price=100&quantity=1"),
    ("PUT", "/v1/order", f"symbol=BTCUSDT&orderId={NUMBER}&price=100"),
    ("DELETE", "/v1/order", f"symbol=BTCUSDT&orderId={NUMBER}"),
    (
        "POST",
        "/v1/batchOrders",
        'batchOrders=[{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"1"}]',
    ),
    ("DELETE", "/v1/batchOrders", f"symbol=BTCUSDT&orderIdList=[{NUMBER},{NUMBER}]"),
    ("DELETE", "/v1/allOpenOrders", "symbol=BTCUSDT"),
    ("POST", "/v1/countdownCancelAll", "symbol=BTCUSDT&countdownTime=1"),
    ("DELETE", "/v1/order", "symbol=BTCUSDT&origClientOrderId=x"),
    ("GET", "/v1/order", f"symbol=BTCUSDT&orderId={NUMBER}"),
    ("GET", "/v1/openOrder", "symbol=BTCUSDT&origClientOrderId=x"),
    ("GET", "/v1/openOrders", ""),
    ("GET", "/v1/allOrders", "symbol=BTCUSDT"),
    ("GET", "/v1/userTrades", "symbol=BTCUSDT"),
    ("GET", "/v1/income", ""),
    ("GET", "/v1/algoOrder", f"algoId={NUMBER}"),
    ("GET", "/v1/algoOrder", "clientAlgoId=x"),
    ("DELETE", "/v1/algoOrder", f"algoId={NUMBER}"),
    ("DELETE", "/v1/algoOrder", "clientAlgoId=x"),
    ("DELETE", "/v1/algoOpenOrders", "symbol=BTCUSDT"),
    ("GET", "/v1/openAlgoOrders", ""),
    ("GET", "/v1/allAlgoOrders", "symbol=BTCUSDT"),
]


def test_slashes_in_front_change_nothing(site: Site) -> None:
    """//fapi is found as /fapi is, and so it is charged as well."""
    for path in ("/fapi/v1/ping", "//fapi/v1/ping", "///fapi/v1/ping"):
        answer = site.send("GET", path, {}, b"")
        assert answer.ok() == {} and answer.headers["X-MBX-USED-WEIGHT-1M"] is not None


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/fapi", "404 -5000"),
        ("GET", "/fapi/", "404 -5000"),
        ("GET", "/fapi/v1", "404 -5000"),
        ("GET", "/fapi/v1/", "404 -5000"),
        ("GET", "/fapi/v1/ping/", "404 -5000"),
        ("GET", "/fapi//v1/ping", "404 -5000"),
        ("GET", "/fapi/v9/ping", "404 -5000"),
        ("GET", "/fapi/v1/balance", "404 -5000"),
        ("GET", "/fapi/v1/account", "404 -5000"),
        ("GET", "/fapi/v4/account", "404 -5000"),
        ("GET", "/fapi/v1/PING", "404 -5000"),
        ("POST", "/fapi/v1/nothing", "404 -5000"),
        ("GET", "/fapi/v1/\xff\xfe", "404 -5000"),
        ("POST", "/fapi/v1/ping", "405 -5000"),
        ("DELETE", "/fapi/v1/exchangeInfo", "405 -5000"),
        ("GET", "/fapi/v1/listenKey", "405 -5000"),
        ("OPTIONS", "/fapi/v1/ping", "405 -5000"),
    ],
)
def test_paths(site: Site, method: str, path: str, expected: str) -> None:
    assert site.send(method, path, {}, b"").brief() == expected


def test_allow(site: Site) -> None:
    assert site.send("GET", "/fapi/v1/listenKey", {}, b"").headers["Allow"] == "DELETE, POST, PUT"


@pytest.mark.parametrize("path", ["/fap", "/fapix/v1/ping", "/api/v1/fapi/ping", "/FAPI/v1/ping"])
def test_others_are_answered_as_before(site: Site, path: str) -> None:
    answer = site.send("GET", path, {}, b"")
    assert (answer.status, answer.body) == (404, b'{"error":"NOT_FOUND"}')
    assert answer.headers["X-MBX-USED-WEIGHT-1M"] is None


def test_body_too_large(site: Site) -> None:
    assert site.send("GET", "/fapi/v1/ping", {}, 65_536 * b"a").brief() == "200"
    assert site.send("GET", "/fapi/v1/ping", {}, 65_537 * b"a").brief() == "413 -1130"
    spot = site.send("POST", "/api/v1/spot/orders", {}, 65_537 * b"a")
    assert (spot.status, spot.body) == (413, b'{"error":"body too large"}')


def test_nothing_is_read_by_ping(site: Site) -> None:
    for body in (b"{", b"a=1&a=2", b"\x00\xff"):
        assert site.send("GET", "/fapi/v1/ping?a=1&a=2", {}, body).ok() == {}


@pytest.mark.parametrize("reason", REFUSALS)
def test_refusals_of_the_engine(site: Site, reason: RejectReason) -> None:
    site.client.refusal = reason
    answer = site.get(DEPTH)
    assert answer.brief() == f"{REFUSALS[reason].status} {REFUSALS[reason].code}"
    assert answer.json["msg"] == REFUSALS[reason].msg


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (RejectReason.BUSY, "503 -1008"),
        (RejectReason.RESTARTING, "503 -1001"),
        (RejectReason.STORAGE_FULL, "503 -1000"),
        (RejectReason.TIMEOUT, "408 -1007"),
    ],
)
def test_an_engine_that_does_not_answer(site: Site, reason: RejectReason, expected: str) -> None:
    """Not the same as an order that does not exist."""
    site.client.refusal = reason
    for method, path, query in UNANSWERED:
        assert site.own.call(method, path, query).brief() == expected, (method, path)


def test_unreadable_history(site: Site) -> None:
    site.client.refusal = RejectReason.HISTORY_UNREADABLE
    assert site.get(DEPTH).brief() == "503 -1001"


def test_a_fault_of_ours(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.client.fault = ZeroDivisionError("planted")
    assert site.get(DEPTH + "&note=planted-value").brief() == "500 -1000"
    assert "planted-value" not in caplog.text


def test_a_fault_after_a_command(site: Site) -> None:
    """Nobody can say then whether it was carried out."""
    site.client.fault = ZeroDivisionError("planted")
    assert site.own.call("DELETE", "/v1/allOpenOrders", "symbol=BTCUSDT").brief() == "408 -1007"
    assert site.own.call("GET", "/v1/openOrders", "symbol=BTCUSDT").brief() == "500 -1000"


class Full(Reference):
    """On a disk without space."""

    def renew_listen_key(self, *_: object) -> str:
        raise StorageFull


def test_a_full_disk(new_site: Site, tmp_path: Path) -> None:
    with closing(Full(tmp_path / "reference.sqlite", new_site.storage_key)) as full:
        new_site.app = make_app(new_site.services._replace(reference=full))
        assert new_site.own.send("POST", "/v1/listenKey").brief() == "503 -1000"


def test_no_mode_for_debugging(site: Site) -> None:
    """Which would show what callers send, and more."""
    assert not site.app.debug and not site.app.testing and not site.app.config["PROPAGATE_EXCEPTIONS"]
