"""The limits of a real exchange: several workers, some of them killed."""

import http.client
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.exchange import Exchange, kill, until
from tests.http.futures.caller import Answer, Caller, sender

WEIGHT = 300
ORDERS = 100
WORKERS = 3
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module", params=["hub", "gthread"])
def limited(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """Three workers, for all tests: usage is counted by address, and each test calls from one of its own."""
    settings = {
        "SHARDEX_RATE_LIMITS": "on",
        "SHARDEX_WORKERS": str(WORKERS),
        "SHARDEX_FUTURES_WEIGHT": str(WEIGHT),
        "SHARDEX_FUTURES_ORDERS": str(ORDERS),
        "SHARDEX_TRUSTED_PROXIES": "127.0.0.0/8",
    }
    if request.param == "gthread":
        settings["SHARDEX_WORKER_CLASS"] = "gthread"
    with Exchange(1, settings) as exchange:
        yield exchange


hub_alone = pytest.mark.parametrize("limited", ["hub"], indirect=True)


@pytest.fixture
def ip() -> str:
    """From which nobody has called yet."""
    return f"198.51.100.{next(NUMBERS)}"


def ping(exchange: Exchange, ip: str) -> Answer:
    try:
        return sender(exchange.port)("GET", "/fapi/v1/ping", {"X-Forwarded-For": ip}, b"")
    except (OSError, http.client.HTTPException):
        return ping(exchange, ip)  # its worker was killed


def ping_many(exchange: Exchange, ip: str, count: int) -> list[Answer]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: ping(exchange, ip), range(count)))


def statuses(answers: list[Answer]) -> list[int]:
    return [answer.status for answer in answers]


def kill_workers(exchange: Exchange, pids: Sequence[int]) -> None:
    """Returns when others have taken their places."""
    for pid in pids:
        kill(pid)
    until(lambda: len({*exchange.worker_pids()} - {*pids}) == WORKERS, 10, "all workers")
    exchange.wait_ready()


def test_all_workers_together(limited: Exchange, ip: str) -> None:
    answers = ping_many(limited, ip, WEIGHT + 60)
    assert 0.9 * WEIGHT <= statuses(answers).count(200) <= WEIGHT
    assert {answer.brief() for answer in answers} == {"200", "429 -1003"}
    assert max(int(answer.headers["X-MBX-USED-WEIGHT-1M"]) for answer in answers) <= WEIGHT + WORKERS * 8
    other = {"X-Forwarded-For": f"198.51.100.{next(NUMBERS)}"}
    info = sender(limited.port)("GET", "/fapi/v1/exchangeInfo", other, b"")
    assert info.headers["X-MBX-USED-WEIGHT-1M"] == "1"
    assert [limit["limit"] for limit in info.ok()["rateLimits"]] == [WEIGHT, ORDERS]
    for path in ("/api/v1/spot/markets", "/healthz", "/api/v1/spot/depth?symbol=BTCUSDT"):
        answer = sender(limited.port)("GET", path, {"X-Forwarded-For": ip}, b"")
        assert answer.status == 200 and answer.headers["X-MBX-USED-WEIGHT-1M"] is None


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


@hub_alone
def test_kills_do_not_forget(limited: Exchange, ip: str) -> None:
    accepted = 0
    for _ in range(4):
        accepted += statuses(ping_many(limited, ip, 60)).count(200)
        kill_workers(limited, limited.worker_pids()[-1:])
    kill_workers(limited, limited.worker_pids())
    accepted += statuses(ping_many(limited, ip, 100)).count(200)
    assert 0.9 * WEIGHT <= accepted <= 1.1 * WEIGHT
    tables = [path.name for path in (limited.data / "run" / "limits").iterdir()]
    assert sorted(tables) == [f"{slot}.table" for slot in range(WORKERS)]


@hub_alone
def test_ban(limited: Exchange, ip: str) -> None:
    assert statuses(ping_many(limited, ip, WEIGHT + 20)).count(200) >= 0.9 * WEIGHT
    assert 418 in statuses(ping_many(limited, ip, 150))
    kill_workers(limited, limited.worker_pids()[:1])
    after = ping_many(limited, ip, 12)
    assert {answer.brief() for answer in after} == {"418 -1003"}
    assert all(100 <= int(answer.headers["Retry-After"]) <= 120 for answer in after)
    assert ping(limited, f"198.51.100.{next(NUMBERS)}").status == 200
    limited.web.stop(15)
    limited.web.start()
    limited.wait_ready()
    assert ping(limited, ip).status == 200  # the master began anew


def test_what_a_stranger_forwards_is_not_believed() -> None:
    with Exchange(1, {"SHARDEX_RATE_LIMITS": "on", "SHARDEX_WORKERS": str(WORKERS)}) as exchange:
        answers = [ping(exchange, f"198.51.100.{number}") for number in range(9)]
    assert [answer.headers["X-MBX-USED-WEIGHT-1M"] for answer in answers] == [str(each) for each in range(1, 10)]
