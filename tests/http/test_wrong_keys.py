"""Wrong operator keys: counted, told in the log without the key, slowed down for whoever sends them and nobody else."""

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.exchange import Exchange
from web.cli.service import ROOT
from web.wrong_keys import WrongKeys

SHARDS = "/api/v1/admin/shards"
PROXY = "127.0.0.1"


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    """One worker, which must not be blocked; callers of many addresses, as a proxy tells."""
    with Exchange(1, {"SHARDEX_WORKERS": "1", "SHARDEX_TRUSTED_PROXIES": PROXY}) as made:
        yield made


def call(exchange: Exchange, key: str | None, address: str, path: str = SHARDS) -> tuple[int, float]:
    """Status, and how long it took."""
    headers = {"X-Forwarded-For": address, **({} if key is None else {"X-API-Key": key})}
    began = time.monotonic()
    status = exchange.call("GET", path, account=None, headers=headers).status_code
    return status, time.monotonic() - began


def counted(exchange: Exchange) -> int:
    text = requests.get(f"{exchange.base_url}/metrics", timeout=10).text
    return int(float(re.findall(r"^shardex_wrong_operator_keys_total (\S+)$", text, re.MULTILINE)[0]))


def test_slower_and_slower(exchange: Exchange) -> None:
    """The first ones at once, then each as slow as the one before or slower; counted and told, never quoted."""
    before = counted(exchange)
    keys = [secrets.token_hex(24) for _ in range(10)]
    told = [call(exchange, key, "192.0.2.1") for key in keys]
    assert [status for status, _ in told] == [401] * len(keys)
    assert [seconds > wait for (_, seconds), wait in zip(told[5:], (0.1, 0.2, 0.4, 0.8, 0.8), strict=True)] == [
        True
    ] * 5
    assert call(exchange, None, "192.0.2.1")[0] == 401  # no key is no wrong one
    assert counted(exchange) == before + len(keys)
    log = exchange.log()
    assert "wrong operator key from 192.0.2.1" in log
    assert not [key for key in (*keys, exchange.admin_key) if key in log]
    # the right one is heard, and waits for nothing
    assert call(exchange, exchange.admin_key, "192.0.2.1")[0] == 200


def test_workers_count_together() -> None:
    """Whoever takes a connection: of keys that are tried on many at a time no worker grants its own first ones."""
    with Exchange(1, {"SHARDEX_WORKERS": "4", "SHARDEX_RATE_LIMITS": "on", "SHARDEX_TRUSTED_PROXIES": PROXY}) as made:
        seconds = [call(made, secrets.token_hex(24), "192.0.2.3")[1] for _ in range(9)]
        assert [taken > 0.1 for taken in seconds[5:]] == [True] * 4, seconds
        assert call(made, made.admin_key, "192.0.2.3")[0] == 200


def test_nobody_else_waits(exchange: Exchange) -> None:
    """Not while many keys are tried from one address: neither the operator from elsewhere nor any other caller."""
    with ThreadPoolExecutor(16) as pool:
        for _ in range(3):
            wrong = [pool.submit(call, exchange, secrets.token_hex(24), "192.0.2.2") for _ in range(40)]
            others = [call(exchange, exchange.admin_key, "198.51.100.7") for _ in range(5)]
            healthy = [call(exchange, None, "192.0.2.2", "/healthz") for _ in range(5)]
            assert {status for status, _ in others} == {status for status, _ in healthy} == {200}
            waits = [each.result() for each in wrong]
            assert {status for status, _ in waits} == {401}
            quickest = min(seconds for _, seconds in others + healthy)
            assert quickest < max(seconds for _, seconds in waits)


def test_few_addresses_are_remembered(caplog: pytest.LogCaptureFixture) -> None:
    """The one that was active least recently is forgotten first, and starts over."""
    wrong_keys = WrongKeys(lambda: None, address_count_max=2)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3", "192.0.2.2"):
        wrong_keys.note(address)
    assert [line.removeprefix("wrong operator key from ") for line in caplog.messages] == [
        "192.0.2.1 (recent attempts: 1)",
        "192.0.2.2 (recent attempts: 1)",
        "192.0.2.1 (recent attempts: 2)",
        "192.0.2.3 (recent attempts: 1)",
        "192.0.2.2 (recent attempts: 1)",
    ]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("0f1e2d3c", "is shorter than 32 bytes"),
        ("0f1e2d3c4b5a69780f1e2d3c4b5a697", "is shorter than 32 bytes"),
        ("a" * 48, "looks like a sample"),
        ("change-me-" + "0f1e2d3c4b5a6978" * 3, "looks like a sample"),
        ("my-PASSWORD-" + "0f1e2d3c4b5a6978" * 3, "looks like a sample"),
    ],
)
def test_a_weak_key_is_refused(tmp_path: Path, key: str, said: str) -> None:
    """By both halves, and by commands that would use it."""
    environment = {**os.environ, "SHARDEX_DATA": str(tmp_path / "d"), "SHARDEX_ADMIN_KEY": key, "PORT": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "shards"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert f"SHARDEX_ADMIN_KEY {said}" in done.stderr and key not in done.stderr
