"""The runner behind `make run`, and the demo it makes."""

import json
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.fernet import Fernet

from loadtest.signing import add_signature, stamp
from shards.folder import Folder
from tests.exchange import Exchange, free_port, group_members, kill, until
from tests.http.starts import START_S, STOP_S, Run, can_bind
from web.cli.demo import Demo, DemoError, fetch, provide_demo
from web.cli.run import is_ready
from web.cli.service import read_procfile
from web.http.tokens import Tokens


@pytest.fixture
def folder(folder: Path) -> Iterator[Path]:
    """Where runs are started; those that are left are stopped."""
    yield folder
    for run in Run.started:
        if run.process.poll() is None:
            run.stop()
    Run.started.clear()


# The runner


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")


@needs_proc
def test_first_start_deaths_and_stop(folder: Path) -> None:
    run = Run(folder, free_port())
    try:
        run.wait_shown()
        demo = json.loads((run.data / "demo.json").read_bytes())
        assert list(demo) == ["base_url", "admin_key", "accounts", "checksum"]
        assert demo["base_url"] == run.url
        assert [account["id"] for account in demo["accounts"]] == ["demo-1", "demo-2"]
        assert all(list(account) == ["id", "jwt", "api_key", "api_secret"] for account in demo["accounts"])
        assert (run.data / "demo.json").stat().st_mode & 0o777 == 0o600

        before = run.services()
        kill(before["engine"])
        until(lambda: not group_members(before["engine"]), 5, "all of the engine is gone")
        until(lambda: is_ready(run.url), START_S, "ready again")
        kill(before["web"])
        until(lambda: not group_members(before["web"]), 5, "no worker outlives its master")
        until(lambda: is_ready(run.url), START_S, "ready again")
        after = run.services()
        assert not set(before.values()) & set(after.values())
    finally:
        assert run.stop() == 0, run.output()
    assert not [pid for group in after.values() for pid in group_members(group)]
    assert can_bind(run.port)


@needs_proc
def test_later_starts(folder: Path) -> None:
    first = Run(folder, free_port())
    first.wait_shown()
    # Ctrl-C reaches all processes of the terminal: the runner alone must be among them
    os.killpg(first.process.pid, signal.SIGINT)
    assert first.process.wait(STOP_S) == 0, first.output()
    demo = msgspec.json.decode((first.data / "demo.json").read_bytes(), type=Demo)

    second = Run(folder, free_port())
    try:
        second.wait_shown()
        again = msgspec.json.decode((second.data / "demo.json").read_bytes(), type=Demo)
        assert again == msgspec.structs.replace(demo, base_url=second.url, checksum=again.checksum)

        on_same_port = Run(folder, second.port)
        assert on_same_port.process.wait(START_S) == 1
        assert "PORT" in on_same_port.output()
        on_same_data = Run(folder, free_port())
        assert on_same_data.process.wait(START_S) == 1
        assert "another engine" in on_same_data.output()
        assert is_ready(second.url)
    finally:
        assert second.stop() == 0, second.output()

    other_count = Run(folder, free_port(), SHARDEX_SHARDS="3")
    assert other_count.process.wait(START_S) == 1
    assert "made with 2 shards" in other_count.output()
    assert "Traceback" not in other_count.output()


def test_lost_secrets(folder: Path) -> None:
    """Replaced by the four variables: what is shown then works, and nothing else is; again at the next start."""
    first = Run(folder, free_port())
    first.wait_shown()
    assert first.stop() == 0, first.output()
    old = msgspec.json.decode((first.data / "demo.json").read_bytes(), type=Demo)
    (first.data / "secrets.json").unlink()
    names = ("SHARDEX_JWT_SECRET", "SHARDEX_ADMIN_KEY", "SHARDEX_ID_KEY")
    replaced = {name: secrets.token_hex(32) for name in names}
    replaced["SHARDEX_STORAGE_KEY"] = Fernet.generate_key().decode()
    made = []
    for _ in range(2):
        run = Run(folder, free_port(), **replaced)
        shown = run.wait_shown()
        demo = msgspec.json.decode((run.data / "demo.json").read_bytes(), type=Demo)
        for account, before in zip(demo.accounts, old.accounts, strict=True):
            assert account.api_key in shown and account.api_secret in shown and account.jwt in shown
            assert before.api_key not in shown and before.jwt not in shown
            assert ask_signed(run.url, account.api_key, account.api_secret) == 200
        assert run.stop() == 0, run.output()
        made.append(demo.accounts)
    assert made[0] == made[1]


def ask_signed(url: str, key: str, secret: str) -> int:
    """What a call with the API key is answered."""
    path = f"/api/v1/spot/balances?{add_signature(secret, stamp(''))}"
    return fetch(url.removeprefix("http://"), "GET", path, {"X-MBX-APIKEY": key})[0]


def test_stopped_while_it_starts(folder: Path) -> None:
    run = Run(folder, free_port())
    until(lambda: (run.data / "shardex.json").exists(), START_S, "begun")
    run.stop()
    assert "Traceback (most recent call last)" not in run.output()
    assert can_bind(run.port)


def test_procfile() -> None:
    assert read_procfile() == {
        "engine": ["python", "-m", "shards"],
        "web": ["gunicorn", "-c", "web/gunicorn_conf.py", "web:create_app()"],
    }


# The demo


@pytest.fixture
def tokens(own_exchange: Exchange) -> Tokens:
    return Tokens(own_exchange.folder.secrets().jwt, {}, "HS256")


@pytest.mark.parametrize("own_exchange", [1], indirect=True)
def test_demo_is_repeatable(own_exchange: Exchange, tokens: Tokens) -> None:
    def balances(account: int) -> object:
        return own_exchange.call("GET", "/api/v1/spot/balances", account=account).json()

    expected = {"BTC": "10", "DF": "100000", "ETH": "100", "USDT": "100000"}
    funded = {"balances": [{"token": token, "available": much, "frozen": "0"} for token, much in expected.items()]}
    assert balances(0) == balances(1) == funded
    markets = own_exchange.call("GET", "/api/v1/spot/markets", account=None).json()
    assert [(m["id"], m["tick_size"], m["lot_size"], m["min_notional"]) for m in markets] == [
        ("DFUSDT", "0.0001", "0.01", "1"),
        ("BTCUSDT", "0.01", "0.0001", "5"),
        ("ETHUSDT", "0.01", "0.0001", "5"),
    ]
    info = own_exchange.call("GET", "/fapi/v1/exchangeInfo", account=None).json()
    assert [(s["symbol"], *(list(f.values())[-1] for f in s["filters"][:4])) for s in info["symbols"]] == [
        ("BTCUSDT", "0.1", "0.001", "0.001", "10"),
        ("ETHUSDT", "0.01", "0.001", "0.001", "10"),
    ]

    # as if the first start had ended just before it wrote demo.json
    own_exchange.folder.demo.unlink()
    again = provide_demo(own_exchange.folder, tokens, own_exchange.base_url)
    assert again is not None
    assert balances(0) == balances(1) == funded
    listed = own_exchange.call("GET", "/api/v1/api-keys").json()
    assert [key["api_key"] for key in listed] == [again.accounts[0].api_key]

    # a token that is about to end
    short = [msgspec.structs.replace(account, jwt=tokens.mint(account.id, 60)) for account in again.accounts]
    old = msgspec.structs.replace(again, accounts=short, checksum="")
    own_exchange.folder.demo.write_bytes(msgspec.json.encode(old))
    renewed = provide_demo(own_exchange.folder, tokens, own_exchange.base_url)
    assert renewed is not None
    assert [account.jwt for account in renewed.accounts] != [account.jwt for account in short]
    assert [account.api_key for account in renewed.accounts] == [account.api_key for account in short]


def test_demo_without_exchange(folder: Path) -> None:
    at = Folder.open(folder / "data", 1)
    with pytest.raises(DemoError, match="no answer"):
        provide_demo(at, Tokens(at.secrets().jwt, {}, "HS256"), f"http://127.0.0.1:{free_port()}")
    assert not at.demo.exists()


def test_no_demo_without_operator(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDEX_ADMIN_KEY", "")
    at = Folder.open(folder / "data", 1)
    assert provide_demo(at, Tokens(at.secrets().jwt, {}, "HS256"), "http://127.0.0.1:1") is None
