"""A history that is gone, or older than it was, together with the mark that records it: the shards know better.

Nothing new has to be archived for that: what ended before is never reported as unknown.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import requests

from loadtest.signing import add_signature, stamp
from tests.crash.processes import BACK_S
from tests.exchange import Exchange, until

SPOT_ORDER: Final = {"symbol": "DFUSDT", "side": "buy", "type": "limit", "price": "0.5000", "quantity": "100"}
FUTURES_ORDER: Final = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=30000&quantity=0.001"


class Lost:
    """An exchange at rest, the orders that have ended on it, and its history as it was half way and at the end."""

    def __init__(self, exchange: Exchange, path: Path) -> None:
        self.exchange = exchange
        self.older, self.newest = path / "older", path / "newest"
        self.spot, self.futures = self.end_orders()
        self.rest(self.older)
        exchange.start()
        self.spot, self.futures = self.end_orders()
        self.rest(self.newest)

    def end_orders(self) -> tuple[str, int]:
        placed = self.exchange.call("POST", "/api/v1/spot/orders", SPOT_ORDER).json()["id"]
        self.exchange.call("DELETE", f"/api/v1/spot/orders/{placed}").raise_for_status()
        number = self.futures_call("POST", FUTURES_ORDER).json()["orderId"]
        self.futures_call("DELETE", f"symbol=BTCUSDT&orderId={number}").raise_for_status()
        return placed, number

    def futures_call(self, method: str, query: str) -> requests.Response:
        account = self.exchange.accounts[0]
        path = f"/fapi/v1/order?{add_signature(account.api_secret, stamp(query))}"
        return self.exchange.call(method, path, account=None, headers={"X-MBX-APIKEY": account.api_key})

    def rest(self, to: Path) -> None:
        """Stop in order, and keep the history."""
        self.exchange.stop()
        to.mkdir()
        for file in self.exchange.data.glob("history.*"):
            shutil.copy(file, to)

    def put(self, content: Path | None) -> None:
        for file in self.exchange.data.glob("history.*"):
            file.unlink()
        for file in content.iterdir() if content else ():
            shutil.copy(file, self.exchange.data)

    def requested(self) -> list[tuple[int, object]]:
        """What is reported of both orders, and of the history."""
        spot = self.exchange.call("GET", f"/api/v1/spot/orders/{self.spot}")
        futures = self.futures_call("GET", f"symbol=BTCUSDT&orderId={self.futures}")
        ready = self.exchange.call("GET", "/readyz?history=required", account=None)
        return [
            (spot.status_code, spot.json().get("error") or spot.json()["status"]),
            (futures.status_code, futures.json().get("code") or futures.json()["status"]),
            (ready.status_code, ready.json()["archive"]),
        ]


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lost]:
    with Exchange(2) as exchange:
        yield Lost(exchange, tmp_path_factory.mktemp("history"))


def without_mark(lost: Lost) -> None:
    lost.put(lost.older)
    (lost.exchange.data / "history.mark").unlink()


KINDS: Final[dict[str, Callable[[Lost], None]]] = {
    "gone": lambda lost: lost.put(None),
    "older": lambda lost: lost.put(lost.older),
    "older without its mark": without_mark,
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_archive_refuses_until_the_newest_is_back(lost: Lost, kind: str) -> None:
    exchange = lost.exchange
    KINDS[kind](lost)
    before = len(exchange.log())
    exchange.engine.start()
    exchange.web.start()
    until(lambda: "archive will not be restarted" in exchange.log()[before:], BACK_S, "the archive gives up")
    log = exchange.log()[before:]
    assert "history.duckdb: messages" in log and "restore it from the newest copy" in log, log
    until(lambda: lost.requested()[0][0] == 500, BACK_S, "the shards serve")
    assert lost.requested() == [(500, "DB_ERROR"), (503, -1001), (503, "stopped")]
    exchange.stop()
    lost.put(lost.newest)
    if kind == "older without its mark":
        (exchange.data / "history.mark").unlink()  # a restored backup has none
    exchange.start()
    assert lost.requested() == [(200, "canceled"), (200, "CANCELED"), (200, "serving")]
    exchange.stop()
    assert "Traceback" not in exchange.log()
