"""What pages of other origins may do: exact headers, on both APIs, of answers and of refusals; and a real browser."""

import http.server
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from shards.settings import SettingsError
from tests.exchange import Exchange
from tests.http.venue import Answer, User, Venue
from web.settings import load_web_settings

PAGE: Final = "http://page.example:3000"
OTHER: Final = "https://app.example.com"
STRANGERS: Final = (
    *("https://evil.example", "http://page.example", "https://page.example:3000", "http://PAGE.example:3000"),
    *("null", "*", f"{PAGE}/", f"{PAGE},{OTHER}", f"{PAGE}.evil.example"),
)
BROWSER: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BROWSER_S: Final = 60.0
EXPOSED: Final = "Retry-After, X-MBX-ORDER-COUNT-1M, X-MBX-USED-WEIGHT-1M"
READABLE: Final = {"Access-Control-Allow-Origin": PAGE, "Access-Control-Expose-Headers": EXPOSED, "Vary": "Origin"}


class _Pages(http.server.BaseHTTPRequestHandler):
    """A page, and where it tells what it saw."""

    server: "PageServer"

    def do_GET(self) -> None:
        self._answer(self.server.page)

    def do_POST(self) -> None:
        self.server.told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(b"")
        self.server.heard.set()

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class PageServer(http.server.ThreadingHTTPServer):
    """Another origin."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Pages)
        self.page = b""
        self.told: Any = None
        self.heard = threading.Event()
        self.origin = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture(scope="module")
def pages() -> Iterator[PageServer]:
    server = PageServer()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def open_venue(pages: PageServer) -> Iterator[Venue]:
    """An exchange for the pages of three origins, which soon says that it is enough."""
    settings = {
        "SHARDEX_CORS_ORIGINS": f" {PAGE}, {OTHER.upper()},{pages.origin},",
        "SHARDEX_RATE_LIMITS": "on",
        "SHARDEX_TRUSTED_PROXIES": "127.0.0.1/32",
        "SHARDEX_FUTURES_WEIGHT": "30",
    }
    with Exchange(1, settings) as exchange:
        yield Venue(exchange)


def cors_headers(answer: Answer) -> dict[str, str]:
    """What browsers and caches look at."""
    names = [name for name in answer.headers if name == "Vary" or name.startswith("Access-Control-")]
    assert len(names) == len(set(names)), names
    return {name: answer.headers[name] for name in names}


METHODS: Final = {
    "/api/v1/spot/orders": "DELETE, GET, HEAD, POST",
    "/api/v1/spot/orders/5c1d90e2-04a7-8f3b-a6d2-7e9b13c04d58": "DELETE, GET, HEAD",
    "/api/v1/spot/orders/by-client-id/DFUSDT/a/b": "DELETE, GET, HEAD",
    "/api/v1/spot/depth?symbol=DFUSDT": "GET, HEAD",
    "/api/v1/spot/transfer": "POST",
    "/api/v1/api-keys": "GET, HEAD, POST",
    "/api/v1/openapi.json": "GET, HEAD",
    "/fapi/v1/order": "DELETE, GET, HEAD, POST, PUT",
    "/fapi/v1/order?symbol=BTCUSDT&timestamp=1&signature=x": "DELETE, GET, HEAD, POST, PUT",
    "/fapi/v1/ping": "GET, HEAD",
    "//fapi/v1/ping": "GET, HEAD",
    "/fapi/v1/listenKey": "DELETE, POST, PUT",
    "/healthz": "GET, HEAD",
}


@pytest.mark.parametrize("target", METHODS)
def test_what_a_browser_may_send(open_venue: Venue, target: str) -> None:
    for origin in (PAGE, OTHER):
        for more in ({}, {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "x-mbx-apikey"}):
            answer = open_venue.send("OPTIONS", target, {"Origin": origin, **more})
            assert (answer.status, answer.body) == (204, b"")
            assert cors_headers(answer) == {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": METHODS[target],
                "Access-Control-Allow-Headers": "Authorization, Content-Type, X-MBX-APIKEY",
                "Access-Control-Max-Age": "600",
                "Vary": "Origin",
            }
            assert answer.headers["Content-Length"] is None and answer.headers["Content-Type"] is None


ANSWERS: Final = (
    ("GET", "/api/v1/spot/markets", "200"),
    ("GET", "/fapi/v1/time", "200"),
    ("GET", "/healthz", "200"),
    ("GET", "/metrics", "200"),
    ("GET", "/api/v1/spot/balances", "401"),
    ("GET", "/fapi/v1/multiAssetsMargin", "401"),
    ("GET", "/api/v1/spot/depth", "400"),
    ("GET", "/fapi/v1/depth", "400"),
    ("GET", "/api/v1/nothing", "404"),
    ("GET", "/fapi/v1/nothing", "404"),
    ("GET", "/", "404"),
    ("OPTIONS", "/api/v1/nothing", "404"),
    ("OPTIONS", "/fapi/v1/nothing", "404"),
    ("PATCH", "/api/v1/spot/orders", "405"),
    ("GET", "/api/v1/admin/shards", "401"),
)


@pytest.mark.parametrize(("method", "target", "status"), ANSWERS)
def test_what_a_page_may_read(open_venue: Venue, method: str, target: str, status: str) -> None:
    answer = open_venue.send(method, target, {"Origin": PAGE, "X-Forwarded-For": "192.0.2.1"})
    assert str(answer.status) == status and cors_headers(answer) == READABLE
    plain = open_venue.send(method, target, {"X-Forwarded-For": "192.0.2.2"})
    assert str(plain.status) == status and cors_headers(plain) == {"Vary": "Origin"}
    added = {*READABLE, "Date"}
    assert {*answer.headers} - added == {*plain.headers} - added


def test_strangers(open_venue: Venue) -> None:
    """For them all is as if there were no other origins; only caches learn that there are."""
    for number, origin in enumerate((*STRANGERS, None)):
        headers = {"X-Forwarded-For": f"192.0.2.{10 + number}", **({"Origin": origin} if origin else {})}
        for path in ("/api/v1/spot/orders", "/fapi/v1/order"):
            answer = open_venue.send("OPTIONS", path, headers)
            assert (answer.status, cors_headers(answer)) == (405, {"Vary": "Origin"}), origin
            assert "GET" in answer.headers["Allow"]
        assert cors_headers(open_venue.send("GET", "/fapi/v1/time", headers)) == {"Vary": "Origin"}


def test_too_large_and_switched_off(open_venue: Venue) -> None:
    user, headers = open_venue.user(), {"Origin": PAGE}
    with open_venue.trading_disabled():
        answer = open_venue.send("DELETE", "/api/v1/spot/orders", {**user.bearer, **headers})
    assert (answer.brief(), cors_headers(answer)) == ("503 spot trading disabled", READABLE)
    answer = open_venue.send("POST", "/api/v1/spot/orders", {**user.bearer, **headers}, b"x" * 65_537)
    assert (answer.brief(), cors_headers(answer)) == ("413 body too large", READABLE)


def test_pages_learn_that_their_weight_is_used_up(open_venue: Venue) -> None:
    """Asking what may be sent costs nothing, and is answered to whoever has used up all."""
    headers = {"Origin": PAGE, "X-Forwarded-For": "192.0.2.99"}
    for _ in range(40):
        assert open_venue.send("OPTIONS", "/fapi/v1/order", headers).status == 204
    answers = [open_venue.send("GET", "/fapi/v1/ping", headers) for _ in range(40)]
    assert [answer.status for answer in answers] == [200] * 30 + [429] * 10
    assert all(cors_headers(answer) == READABLE for answer in answers)
    assert answers[-1].headers["Retry-After"]
    assert open_venue.send("OPTIONS", "/fapi/v1/order", headers).status == 204


def test_none_by_default(venue: Venue) -> None:
    for path in ("/api/v1/spot/orders", "/fapi/v1/order"):
        answer = venue.send("OPTIONS", path, {"Origin": PAGE})
        assert (answer.status, cors_headers(answer)) == (405, {})
        answer = venue.send("GET", path, {"Origin": PAGE})
        assert (answer.status, cors_headers(answer)) == (401, {})


@pytest.mark.parametrize(
    "origins",
    ["*", "null", "page.example", "https://page.example/", "https://page.example/x", "https://x:443", "a b://x"],
)
def test_what_is_no_origin(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    monkeypatch.setenv("SHARDEX_CORS_ORIGINS", f"{PAGE},{origins}")
    with pytest.raises(SettingsError, match=re.escape(f"SHARDEX_CORS_ORIGINS: '{origins}' is not an origin")):
        load_web_settings()


SCRIPT: Final = """<!doctype html><script>
const wanted = %s, told = {};
async function ask([name, url, options]) {
  try {
    const answer = await fetch(url, options);
    told[name] = [answer.status, await answer.text(), answer.headers.get("X-MBX-USED-WEIGHT-1M"),
                  answer.headers.get("Server")];
  } catch (fault) { told[name] = String(fault).split(":")[0]; }
}
Promise.all(wanted.map(ask)).then(() => fetch("/told", {method: "POST", body: JSON.stringify(told)}));
</script>"""

Requested = tuple[str, str, Mapping[str, Any]]


def browse(pages: PageServer, folder: Path, *requested: Requested) -> Any:
    """What a page of another origin sees, by name."""
    assert BROWSER is not None
    pages.page = (SCRIPT % json.dumps(requested)).encode()
    pages.heard.clear()
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    process = subprocess.Popen([*command, f"--user-data-dir={folder}", f"{pages.origin}/"], **quiet)  # type: ignore[call-overload]
    try:
        assert pages.heard.wait(BROWSER_S), "the page has told what it saw"
    finally:
        os.killpg(process.pid, 9)
        process.wait()
    return pages.told


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")
@pytest.mark.timeout(120)
def test_a_page_in_a_browser(open_venue: Venue, pages: PageServer, tmp_path: Path) -> None:
    """It places and cancels with a token and with a key, and sees what it is refused."""
    user, pair = User(open_venue, "browser"), open_venue.pair()
    user.deposit("USDT", "100")
    base, order = open_venue.exchange.base_url, {"symbol": pair.symbol, "side": "buy", "type": "limit"}
    body = json.dumps({**order, "price": "0.5", "quantity": "10"})
    key, now = user.key, int(time.time() * 1_000)
    signed = f"symbol=BTCUSDT&orderId=7&timestamp={now}"
    as_json = {"Content-Type": "application/json"}
    told = browse(
        pages,
        tmp_path,
        (
            "place",
            f"{base}/api/v1/spot/orders",
            {"method": "POST", "headers": {**user.bearer, **as_json}, "body": body},
        ),
        (
            "cancel",
            f"{base}/fapi/v1/order?{signed}&signature={key.sign(signed)}",
            {"method": "DELETE", "headers": {"X-MBX-APIKEY": key.key}},
        ),
        ("refused", f"{base}/api/v1/spot/balances", {"headers": {"Authorization": "Bearer x"}}),
        ("unknown", f"{base}/fapi/v1/nothing", {}),
        ("operator", f"{base}/api/v1/admin/shards", {"headers": {"X-API-Key": open_venue.exchange.admin_key}}),
    )
    assert (told["place"][0], told["place"][3]) == (200, None) and json.loads(told["place"][1])["status"] == "open"
    assert told["cancel"][0] == 400 and json.loads(told["cancel"][1])["code"] == -2011
    assert told["cancel"][2].isdigit()
    assert told["refused"][:2] == [401, ""]
    assert told["unknown"][0] == 404 and json.loads(told["unknown"][1])["code"] == -5000
    assert told["operator"] == "TypeError"  # its key is no header a page may send
