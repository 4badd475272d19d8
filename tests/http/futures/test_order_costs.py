"""What placing, modifying and cancelling cost, whatever comes of the call; and an engine that does not answer."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from shards.model.reasons import Reason
from tests.http.futures.caller import Answer
from tests.http.futures.site import Site
from web.ratelimit.budget import Budget
from web.ratelimit.limits import WEIGHT_MAX

ORDER_COUNT: Final = 12
ORDER: Final = "symbol=BTCUSDT&side=BUY&type=LIMIT&price=100&quantity=1"
ELEMENT: Final = '{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"1"}'
NUMBER: Final = 1 << 40 | 1
WEIGHTS: Final = [
    ("POST", "/v1/order", ORDER, 0),
    ("POST", "/v1/order", "symbol=NONE", 0),
    ("PUT", "/v1/order", f"symbol=BTCUSDT&orderId={NUMBER}&price=100", 1),
    ("DELETE", "/v1/order", f"symbol=BTCUSDT&orderId={NUMBER}", 1),
    ("POST", "/v1/batchOrders", f"batchOrders=[{ELEMENT}]", 5),
    ("DELETE", "/v1/batchOrders", f"symbol=BTCUSDT&orderIdList=[{NUMBER},{NUMBER}]", 1),
    ("DELETE", "/v1/allOpenOrders", "symbol=BTCUSDT", 1),
    ("POST", "/v1/countdownCancelAll", "symbol=BTCUSDT&countdownTime=1", 10),
]


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Site]:
    """With limits, and an engine that is busy."""
    made = Site(tmp_path, Budget(tmp_path / "limits", "0", WEIGHT_MAX, ORDER_COUNT))
    made.client.refusal = Reason.BUSY
    with closing(made.reference):
        yield made


def order_count(answer: Answer) -> str | None:
    count: str | None = answer.headers["X-MBX-ORDER-COUNT-1M"]
    return count


@pytest.mark.parametrize(("method", "path", "query", "weight"), WEIGHTS)
def test_weight(limited: Site, method: str, path: str, query: str, weight: int) -> None:
    for count, caller in enumerate((limited.own, limited.reader, limited.other), 1):
        answer = caller.call(method, path, query)
        assert answer.status in (400, 401, 503), answer
        assert answer.headers["X-MBX-USED-WEIGHT-1M"] == str(count * weight)


def test_what_counts_as_an_order(limited: Site) -> None:
    """Each of a batch; a malformed batch as one, too long a one as the longest there may be; a change; no cancel."""
    own, used = limited.own, 0
    for method, path, query, count in (
        ("POST", "/v1/order", ORDER, 1),
        ("POST", "/v1/order", "symbol=NONE", 1),
        ("PUT", "/v1/order", f"symbol=BTCUSDT&orderId={NUMBER}&price=100", 1),
        ("POST", "/v1/batchOrders", f"batchOrders=[{ELEMENT},{ELEMENT}]", 2),
        ("POST", "/v1/batchOrders", "batchOrders=x", 1),
        ("POST", "/v1/batchOrders", "batchOrders=[1,1,1,1,1,1]", 5),
    ):
        used += count
        assert order_count(own.call(method, path, query)) == str(used), query
    assert order_count(limited.reader.call("POST", "/v1/order", ORDER)) is None
    for method, path, query, _ in WEIGHTS:
        if method == "DELETE" or "countdown" in path:
            assert order_count(own.call(method, path, query)) is None
    assert own.call("POST", "/v1/batchOrders", f"batchOrders=[{ELEMENT},{ELEMENT}]").brief() == "429 -1015"
    assert own.call("POST", "/v1/order", "symbol=NONE").brief() == "400 -1121"
    assert own.call("POST", "/v1/order", "symbol=NONE").brief() == "429 -1015"  # counted before it is read
    assert limited.other.call("POST", "/v1/order", ORDER).brief() == "503 -1008"  # another account


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (Reason.BUSY, "503 -1008"),
        (Reason.RESTARTING, "503 -1001"),
        (Reason.STORAGE_FULL, "503 -1000"),
        (Reason.TIMEOUT, "408 -1007"),
    ],
)
def test_an_engine_that_does_not_answer(limited: Site, reason: Reason, told: str) -> None:
    limited.client.refusal = reason
    for method, path, query, _ in WEIGHTS:
        if "NONE" not in query:
            assert limited.own.call(method, path, query).brief() == told, (method, path)
    assert limited.own.call("DELETE", "/v1/order", "symbol=BTCUSDT&origClientOrderId=x").brief() == told
