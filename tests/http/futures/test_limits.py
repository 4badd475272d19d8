"""The limits of a real exchange: several workers, some of them killed."""

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.exchange import Exchange, kill, until
from tests.http.futures.caller import Answer, Caller, sender

WEIGHT = 300
ORDERS = 100
WORKERS = 3
THREADS = {"SHARDEX_WORKER_CLASS": "gthread"}


@pytest.fixture
def limited(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """Three workers; settings by parameter."""
    settings = {
        "SHARDEX_RATE_LIMITS": "on",
        "SHARDEX_WORKERS": str(WORKERS),
        "SHARDEX_FUTURES_WEIGHT": str(WEIGHT),
        "SHARDEX_TRUSTED_PROXIES": "127.0.0.0/8",
        **getattr(request, "param", {}),
    }
    with Exchange(1, settings) as exchange:
        yield exchange


def ping(exchange: Exchange, ip: str = "198.51.100.7") -> Answer:
    try:
        return sender(exchange.port)("GET", "/fapi/v1/ping", {"X-Forwarded-For": ip}, b"")
    except (OSError, http.client.HTTPException):
        return ping(exchange, ip)  # its worker was killed


def ping_many(exchange: Exchange, count: int, ip: str = "198.51.100.7") -> list[Answer]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: ping(exchange, ip), range(count)))


def statuses(answers: list[Answer]) -> list[int]:
    return [answer.status for answer in answers]


def wait_for_workers(exchange: Exchange) -> None:
    until(lambda: len(exchange.worker_pids()) == WORKERS, 10, "all workers")
    exchange.wait_ready()


@pytest.mark.parametrize("limited", [{}, THREADS], ids=["hub", "gthread"], indirect=True)
def test_all_workers_together(limited: Exchange) -> None:
    answers = ping_many(limited, WEIGHT + 60)
    assert 0.9 * WEIGHT <= statuses(answers).count(200) <= WEIGHT
    assert set(statuses(answers)) == {200, 429}
    for answer in answers:
        assert int(answer.headers["X-MBX-USED-WEIGHT-1M"]) <= WEIGHT + WORKERS * 8
        answer.brief()
    assert ping(limited, "198.51.100.8").headers["X-MBX-USED-WEIGHT-1M"] == "1"
    info = sender(limited.port)("GET", "/fapi/v1/exchangeInfo", {"X-Forwarded-For": "198.51.100.9"}, b"").ok()
    assert [limit["limit"] for limit in info["rateLimits"]] == [WEIGHT, 1_200]


@pytest.mark.parametrize(
    "limited",
    [{"SHARDEX_FUTURES_ORDERS": str(ORDERS), "SHARDEX_FUTURES_WEIGHT": "100000", **each} for each in ({}, THREADS)],
    ids=["hub", "gthread"],
    indirect=True,
)
def test_new_orders_on_all_workers_together(limited: Exchange) -> None:
    """By account, whatever address they come from; cancels never count."""
    one, other = (Caller(sender(limited.port), account.api_key, account.api_secret) for account in limited.accounts[:2])
    place = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=40000&quantity=0.001"
    cancel = "symbol=BTCUSDT&orderId=1"
    with ThreadPoolExecutor(8) as pool:
        placed = list(pool.map(lambda _: one.call("POST", "/v1/order", place), range(ORDERS + 40)))
        canceled = list(pool.map(lambda _: one.call("DELETE", "/v1/order", cancel), range(ORDERS + 40)))
    assert {answer.brief() for answer in placed} == {"200", "429 -1015"}
    assert 0.9 * ORDERS <= statuses(placed).count(200) <= 1.1 * ORDERS
    assert {answer.brief() for answer in canceled} == {"400 -2011"}
    assert one.call("POST", "/v1/order", place).brief() == "429 -1015"
    assert other.call("POST", "/v1/order", place).brief() == "200"


def test_kills_do_not_forget(limited: Exchange) -> None:
    accepted = 0
    for _ in range(4):
        accepted += statuses(ping_many(limited, 60)).count(200)
        kill(limited.worker_pids()[-1])
        time.sleep(0.1)
        wait_for_workers(limited)
    for pid in limited.worker_pids():
        kill(pid)
    time.sleep(0.1)
    wait_for_workers(limited)
    accepted += statuses(ping_many(limited, 100)).count(200)
    assert 0.9 * WEIGHT <= accepted <= 1.1 * WEIGHT
    tables = [path.name for path in (limited.data / "run" / "limits").iterdir()]
    assert sorted(tables) == [f"{slot}.table" for slot in range(WORKERS)]


def test_ban(limited: Exchange) -> None:
    assert statuses(ping_many(limited, WEIGHT + 20)).count(200) >= 0.9 * WEIGHT
    banned = ping_many(limited, 150)
    assert 418 in statuses(banned)
    kill(limited.worker_pids()[0])
    time.sleep(0.1)
    wait_for_workers(limited)
    after = ping_many(limited, 12)
    assert set(statuses(after)) == {418}
    assert all(100 <= int(answer.headers["Retry-After"]) <= 120 for answer in after)
    assert after[0].json["code"] == -1003
    assert ping(limited, "198.51.100.8").status == 200
    limited.web.stop(15)
    limited.web.start()
    limited.wait_ready()
    assert ping(limited).status == 200  # the master began anew


@pytest.mark.parametrize("limited", [{"SHARDEX_TRUSTED_PROXIES": ""}], indirect=True)
def test_what_a_stranger_forwards_is_not_believed(limited: Exchange) -> None:
    used = [int(ping(limited, f"198.51.100.{number}").headers["X-MBX-USED-WEIGHT-1M"]) for number in range(9)]
    assert used == list(range(1, 10))


@pytest.mark.parametrize("limited", [{"SHARDEX_RATE_LIMITS": "off"}], indirect=True)
def test_off(limited: Exchange) -> None:
    assert set(statuses(ping_many(limited, WEIGHT + 200))) == {200}
    assert not (limited.data / "run" / "limits").exists()


def test_other_apis_have_no_limit(limited: Exchange) -> None:
    ping_many(limited, WEIGHT + 10)
    assert ping(limited).status == 429
    for path in ("/api/v1/spot/markets", "/healthz", "/api/v1/spot/depth?symbol=BTCUSDT"):
        answer = sender(limited.port)("GET", path, {"X-Forwarded-For": "198.51.100.7"}, b"")
        assert answer.status == 200 and answer.headers["X-MBX-USED-WEIGHT-1M"] is None
