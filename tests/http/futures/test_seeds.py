"""The programs of the pages that the futures API was made after, kept in ``seeds/``: run as they are, but for the
address, the credentials and the orders' ids, they print what the pages show."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.exchange import Exchange
from tests.http.futures.caller import Caller, sender
from tests.http.programs import needs_curl_and_milliseconds

Json = Any

SEEDS = Path(__file__).with_name("seeds")
PAGE_URLS = ("https://api-sepolia.ztdx.io", "https://api.ztdx.io")
PAGE_ORDERS = ["2254222045", "2254222046", "2254222047"]
PAGE_NAMES = ["order_id_1", "order_id_2", "order_id_3"]
UNKNOWN_ORDER = {"code": -2011, "msg": "Unknown order sent."}

both_programs = pytest.mark.parametrize("program", [pytest.param("sh", marks=needs_curl_and_milliseconds), "py"])


@pytest.fixture(scope="module")
def own(exchange: Exchange) -> Caller:
    """With the market as the pages show it: at 9,000."""
    answer = exchange.operate("POST", "/futures/mark-price", {"symbol": "BTCUSDT", "price": "9000"})
    assert answer.status_code == 200, answer.text
    demo = exchange.accounts[0]
    return Caller(sender(exchange.port), demo.api_key, demo.api_secret)


def run(name: str, exchange: Exchange, own: Caller, orders: dict[str, int]) -> Json:
    """What the page's program prints; ``orders`` replace its ids."""
    text = (SEEDS / f"{name}.txt").read_text()
    credentials = {"your_api_key": own.key, "your_api_secret": own.secret}
    addresses = dict.fromkeys(PAGE_URLS, exchange.base_url)
    # without -g, curl takes the brackets of a list for patterns of its own
    for old, new in {**credentials, **addresses, **orders, "curl -s": "curl -g -s"}.items():
        text = text.replace(old, str(new))
    command = [sys.executable, "-c", text] if name.endswith(".py") else ["bash", "-e", "-c", text]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return ast.literal_eval(done.stdout) if name.endswith(".py") else json.loads(done.stdout)


def place(own: Caller, **params: str) -> Json:
    return own.call("POST", "/v1/order", "&".join(f"{name}={value}" for name, value in params.items())).ok()


def place_as_pages(own: Caller, client_id: str) -> int:
    """The trailing stop that both pages show."""
    params = {"side": "SELL", "type": "TRAILING_STOP_MARKET", "quantity": "10", "newClientOrderId": client_id}
    order: int = place(own, symbol="BTCUSDT", **params, activationPrice="9020", callbackRate="0.3")["orderId"]
    return order


def check_like_page(canceled: Json, page: Json, order: int) -> None:
    """The same fields in the same order, and the same values but for id and time."""
    assert list(canceled) == list(page)
    assert canceled == {**page, "orderId": order, "updateTime": canceled["updateTime"]}
    assert type(canceled["updateTime"]) is int


def shown(name: str) -> Json:
    """The answer that the page shows."""
    return json.loads((SEEDS / f"{name}.json").read_text())


@both_programs
def test_cancel_one(exchange: Exchange, own: Caller, program: str) -> None:
    order = place_as_pages(own, "testOrder2")
    canceled = run(f"cancel_one.{program}", exchange, own, {PAGE_ORDERS[0]: order})
    check_like_page(canceled, shown("cancel_one"), order)
    assert run(f"cancel_one.{program}", exchange, own, {PAGE_ORDERS[0]: order})["code"] == -2031
    assert run(f"cancel_one.{program}", exchange, own, {}) == UNKNOWN_ORDER


@both_programs
def test_cancel_with_its_triggers(exchange: Exchange, own: Caller, program: str) -> None:
    """Canceling the parent takes them along, and its margin is available again."""

    def available() -> Json:
        return own.call("GET", "/v2/balance").ok()[0]["availableBalance"]

    before = available()
    terms = {"side": "BUY", "type": "LIMIT", "quantity": "1", "price": "8000"}
    parent = place(own, symbol="BTCUSDT", **terms, takeProfitPrice="8500", stopLossPrice="7500")
    assert available() != before
    canceled = run(f"cancel_one.{program}", exchange, own, {PAGE_ORDERS[0]: parent["orderId"]})
    assert (canceled["orderId"], canceled["status"]) == (parent["orderId"], "CANCELED")
    for name in ("takeProfitOrderId", "stopLossOrderId"):
        assert own.call("GET", "/v1/order", f"symbol=BTCUSDT&orderId={parent[name]}").ok()["status"] == "CANCELED"
    assert available() == before


@both_programs
def test_cancel_batch(exchange: Exchange, own: Caller, program: str) -> None:
    """A waiting trigger, one canceled before, a regular order. The curl program sends numbers, the other strings."""
    waiting = place_as_pages(own, "testOrderBatchCancel1")
    gone = place_as_pages(own, "gone")
    own.call("DELETE", "/v1/order", f"symbol=BTCUSDT&orderId={gone}").ok()
    regular = place(own, symbol="BTCUSDT", side="BUY", type="LIMIT", quantity="1", price="8000")["orderId"]
    names = PAGE_ORDERS if program == "sh" else PAGE_NAMES
    orders = dict(zip(names, (waiting, gone, regular), strict=True))
    first, *others = run(f"cancel_batch.{program}", exchange, own, orders)
    check_like_page(first, shown("cancel_batch")[0], waiting)
    assert [(each["orderId"], each["status"]) for each in others] == [(gone, "CANCELED"), (regular, "CANCELED")]
    assert run(f"cancel_batch.{program}", exchange, own, {}) == 3 * [UNKNOWN_ORDER]
