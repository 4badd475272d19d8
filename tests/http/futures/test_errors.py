"""What is refused before a view, what the engine refuses and what breaks, in the shape of the futures API."""

import pytest

from shards.model.reasons import RejectReason
from storage.reference import Reference, StorageFull
from tests.http.futures.site import Site
from web.exchange.gateway import COMMANDED
from web.futures.call.errors import REFUSALS

DEPTH = "/v1/depth?symbol=BTCUSDT"


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


def test_what_outcomes_are_called(site: Site) -> None:
    told = {}
    for reason in (
        RejectReason.BUSY,
        RejectReason.RESTARTING,
        RejectReason.STORAGE_FULL,
        RejectReason.TIMEOUT,
        RejectReason.HISTORY_UNREADABLE,
    ):
        site.client.refusal = reason
        told[reason] = site.get(DEPTH).brief()
    assert list(told.values()) == ["503 -1008", "503 -1001", "503 -1000", "408 -1007", "503 -1001"]


def test_a_fault_of_ours(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.client.fault = ZeroDivisionError("planted")
    assert site.get(DEPTH + "&note=planted-value").brief() == "500 -1000"
    assert "planted-value" not in caplog.text


def test_a_fault_after_a_command(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can say then whether it was carried out."""

    def fail(*_: object) -> None:
        COMMANDED.set(True)
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(site.client, "call", fail)
    assert site.get(DEPTH).brief() == "408 -1007"
    monkeypatch.undo()
    assert site.get(DEPTH).brief() == "200"


def test_a_full_disk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageFull

    monkeypatch.setattr(Reference, "renew_listen_key", fail)
    assert site.own.send("POST", "/v1/listenKey").brief() == "503 -1000"


def test_no_mode_for_debugging(site: Site) -> None:
    """Which would show what callers send, and more."""
    assert not site.app.debug and not site.app.testing and not site.app.config["PROPAGATE_EXCEPTIONS"]
