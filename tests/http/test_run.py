"""The runner behind `make run`, the demo it makes, and the commands of `shardex`."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet

from loadtest.signing import add_signature, stamp
from shards.folder import Folder
from tests.exchange import OWN_SETTINGS, Exchange, group_members, has_open, hold_port, kill, until
from web.cli import main as cli
from web.cli.demo import Demo, DemoError, fetch, provide_demo
from web.cli.run import ROOT, is_ready, read_procfile
from web.http.tokens import Tokens

START_S = 30
STOP_S = 20


class Run:
    """`python -m web.cli.run` as a process group of its own."""

    started: ClassVar[list["Run"]] = []

    def __init__(self, folder: Path, port: int, **settings: str) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.data = folder / "data"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
        environment |= {"PORT": str(port), "SHARDEX_DATA": str(self.data), "SHARDEX_SHARDS": "2", **settings}
        self._out = folder / f"out-{port}"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "web.cli.run"],
                cwd=ROOT,
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(self)

    def output(self) -> str:
        return self._out.read_text()

    def wait_shown(self) -> str:
        until(lambda: "Press Ctrl-C to stop." in self.output() or self.process.poll() is not None, START_S, "started")
        assert self.process.poll() is None, self.output()
        return self.output()

    def services(self) -> dict[str, int]:
        """The first process of each service."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == str(self.process.pid):
                found["web" if b"gunicorn" in command else "engine"] = int(entry.name)
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(STOP_S)


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="sx", dir="/tmp"))
    yield path
    for run in Run.started:
        if run.process.poll() is None:
            run.stop()
    Run.started.clear()
    shutil.rmtree(path)


def free_port() -> int:
    holder, port = hold_port()
    holder.close()
    return port


def can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


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


# The exchange of the tests


def test_pids(exchange: Exchange) -> None:
    shard_count = exchange.folder.shard_count
    pids = [*(exchange.shard_pid(shard) for shard in range(shard_count)), exchange.archive_pid()]
    assert len(set(pids)) == shard_count + 1
    assert len(exchange.worker_pids()) == 2
    assert {*pids, *exchange.worker_pids(), exchange.engine.pid, exchange.web.pid} <= set(exchange.processes())


@needs_proc
def test_a_process_that_ends_has_nothing_open(tmp_path: Path) -> None:
    """Its descriptors cannot be seen any more by an ordinary user, and that is no fault."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    try:
        until(lambda: "(zombie)" in Path(f"/proc/{ended.pid}/status").read_text(), 10, "ended and not reaped")
        assert not has_open(ended.pid, tmp_path)
    finally:
        ended.wait()


# Commands


def shardex(exchange: Exchange | Path, *arguments: str) -> Result:
    data = exchange if isinstance(exchange, Path) else exchange.data
    return CliRunner().invoke(cli.main, ["--data", str(data), *arguments])


def succeed(exchange: Exchange, *arguments: str) -> str:
    result = shardex(exchange, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def fail(exchange: Exchange | Path, *arguments: str) -> str:
    result = shardex(exchange, *arguments)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert not result.stdout
    return result.stderr.removeprefix("Error: ").strip()


def test_token(exchange: Exchange) -> None:
    token = succeed(exchange, "token", "carol", "--days", "3").strip()
    answer = fetch(f"127.0.0.1:{exchange.port}", "GET", "/api/v1/spot/balances", {"Authorization": f"Bearer {token}"})
    assert answer == (200, b'{"balances":[]}')
    assert fail(exchange, "token", "no spaces") == "invalid account"
    assert shardex(exchange, "token", "carol", "--days", "32").exit_code == 2


def test_key(exchange: Exchange) -> None:
    shown = dict(line.split() for line in succeed(exchange, "key", "dave", "--read-only", "--label", "x").splitlines())
    assert len(shown["api_key"]) == len(shown["api_secret"]) == 64
    assert shown["permissions"] == "read"
    token = succeed(exchange, "token", "dave").strip()
    listed = exchange.call("GET", "/api/v1/api-keys", account=None, headers={"Authorization": f"Bearer {token}"}).json()
    assert [(key["api_key"], key["label"], key["permissions"]) for key in listed] == [(shown["api_key"], "x", ["read"])]


def test_deposit(exchange: Exchange) -> None:
    first = succeed(exchange, "deposit", "erin", "USDT", "2.50", "--reference", "r-1")
    assert first == "2.5 USDT to erin, available 2.5, reference r-1\n"
    assert succeed(exchange, "deposit", "erin", "USDT", "2.50", "--reference", "r-1") == first
    assert "available 3.5, reference cli-" in succeed(exchange, "deposit", "erin", "USDT", "1")
    assert fail(exchange, "deposit", "erin", "USDT", "3", "--reference", "r-1") == "REFERENCE_CONFLICT"
    assert fail(exchange, "deposit", "erin", "GOLD", "1") == "UNKNOWN_ASSET"
    assert fail(exchange, "deposit", "erin", "USDT", "one") == "invalid amount"
    assert fail(exchange, "deposit", "erin", "USDT", "0") == "AMOUNT_NON_POSITIVE"
    to_futures = ["deposit", "erin", "USDT", "4", "--wallet", "futures"]
    assert "available 4, reference cli-" in succeed(exchange, *to_futures)
    assert exchange.operate("GET", "/accounts/erin").json()["futures"]["wallet_balance"] == "4"


def test_withdraw(exchange: Exchange) -> None:
    succeed(exchange, "deposit", "frank", "USDT", "10")
    first = succeed(exchange, "withdraw", "frank", "USDT", "2.50", "--reference", "w-1")
    assert first == "2.5 USDT from frank, available 7.5, reference w-1\n"
    assert succeed(exchange, "withdraw", "frank", "USDT", "2.50", "--reference", "w-1") == first
    assert fail(exchange, "withdraw", "frank", "USDT", "7.6") == "INSUFFICIENT_BALANCE"
    assert fail(exchange, "withdraw", "frank", "USDT", "1e0") == "invalid amount"
    assert fail(exchange, "withdraw", "frank", "USDT", "1", "--wallet", "futures") == "INSUFFICIENT_BALANCE"
    assert "available 0, reference cli-" in succeed(exchange, "withdraw", "frank", "USDT", "7.5")


@pytest.mark.parametrize("group", ["market", "futures"])
def test_delisting_asks_first(exchange: Exchange, group: str) -> None:
    """Without a yes nothing is done, also where nobody can be asked; all else is done at once."""
    symbol = f"ASK{group.upper()}"
    quote = ["USDT"] if group == "market" else []
    sizes = ["--tick", "0.01", "--lot", "0.001", "--min-notional", "5"]
    succeed(exchange, group, "add", symbol, "BTC", *quote, *sizes)

    def ask(answer: str, *more: str) -> Result:
        command = ["--data", str(exchange.data), group, "status", symbol, "delisted", *more]
        return CliRunner().invoke(cli.main, command, input=answer)

    for answer in ("", "n\n", "\n", "listed\n"):
        told = ask(answer)
        assert (told.exit_code, told.stdout) == (1, "") and "is final" in told.stderr, answer
        assert f"{symbol} " in succeed(exchange, group, "list") and "delisted" not in succeed(exchange, group, "list")
    assert ask("y\n").stdout == f"{symbol} delisted\n"
    other = f"{symbol}2"
    succeed(exchange, group, "add", other, "BTC", *quote, *sizes)
    assert succeed(exchange, group, "status", other, "halted") == f"{other} halted\n"
    assert succeed(exchange, group, "status", other, "delisted", "--yes") == f"{other} delisted\n"


def test_markets(exchange: Exchange) -> None:
    assert succeed(exchange, "asset", "add", "SOL", "9") == "SOL added\n"
    assert fail(exchange, "asset", "add", "SOL", "9") == "ASSET_EXISTS"
    terms = ["SOL", "USDT", "--tick", "0.01", "--lot", "0.001", "--min-notional", "5"]
    assert succeed(exchange, "market", "add", "SOLUSDT", *terms) == "SOLUSDT listed\n"
    assert fail(exchange, "market", "add", "SOLUSDT", *terms) == "MARKET_EXISTS"
    assert succeed(exchange, "market", "status", "SOLUSDT", "halted") == "SOLUSDT halted\n"
    assert fail(exchange, "market", "status", "NONE", "halted") == "MARKET_NOT_FOUND"
    rows = [line.split() for line in succeed(exchange, "market", "list").splitlines()]
    assert rows[0] == ["symbol", "base", "quote", "tick", "lot", "min_notional", "maker_bps", "taker_bps", "status"]
    assert rows[-1] == ["SOLUSDT", "SOL", "USDT", "0.01", "0.001", "5", "0", "0", "halted"]


def test_futures_markets(exchange: Exchange) -> None:
    assert succeed(exchange, "asset", "add", "DOT", "10") == "DOT added\n"
    terms = ["DOT", "--tick", "0.01", "--lot", "0.1", "--min-notional", "5", "--max-leverage", "50"]
    assert succeed(exchange, "futures", "add", "DOTUSDT", *terms, "--mark-price", "7.25") == "DOTUSDT listed\n"
    assert fail(exchange, "futures", "add", "DOTUSDT", *terms) == "MARKET_EXISTS"
    assert fail(exchange, "futures", "add", "D2USDT", *terms, "--mark-price", "7.251") == "INVALID_TICK"
    assert fail(exchange, "futures", "add", "D2USDT", *terms, "--min-leverage", "51") == "invalid min_leverage"

    def mark_price() -> str:
        query = "/fapi/v1/premiumIndex?symbol=DOTUSDT"
        return str(exchange.call("GET", query, account=None).json()["markPrice"])

    assert mark_price() == "7.25"
    assert succeed(exchange, "futures", "mark", "DOTUSDT", "8.50") == "DOTUSDT mark price 8.5\n"
    assert mark_price() == "8.5"
    assert succeed(exchange, "futures", "mark", "DOTUSDT", "last") == "DOTUSDT mark price of the last trade\n"
    assert mark_price() == "0"
    assert fail(exchange, "futures", "mark", "DOTUSDT", "x") == "invalid price"
    assert fail(exchange, "futures", "mark", "NONE", "1") == "MARKET_NOT_FOUND"
    _set_risk(exchange)
    assert succeed(exchange, "futures", "status", "DOTUSDT", "halted") == "DOTUSDT halted\n"
    assert fail(exchange, "futures", "status", "NONE", "halted") == "MARKET_NOT_FOUND"
    rows = [line.split() for line in succeed(exchange, "futures", "list").splitlines()]
    shown = "symbol base tick lot min_notional maker_bps taker_bps leverage status"
    assert rows[0] == shown.split()
    assert rows[1] == ["BTCUSDT", "BTC", "0.1", "0.001", "10", "2", "5", "1-100", "(20)", "listed"]
    assert rows[-2] == ["DOTUSDT", "DOT", "0.01", "0.1", "5", "0", "0", "1-100", "(20)", "halted"]


def _set_risk(exchange: Exchange) -> None:
    brackets = """
notional_cap  max_leverage  maint_margin_ratio  cum
40000                  100  0.005               0
200000                  50  0.01                200
"""
    head = "symbol   mark_price  open_interest  liquidation_fee\n"

    def shown(*arguments: str) -> str:
        return succeed(exchange, "futures", "risk", "DOTUSDT", *arguments)

    given = ["--bracket", "40000:100:0.005", "--bracket", "200000:50:0.01"]
    assert shown(*given) == shown() == f"{head}DOTUSDT              0              0.0125\n{brackets}"
    succeed(exchange, "futures", "mark", "DOTUSDT", "8.5")
    told = f"{head}DOTUSDT  8.5         0              0.02\n{brackets}"
    assert shown("--liquidation-fee", "0.02") == shown() == told
    assert fail(exchange, "futures", "risk", "DOTUSDT", "--liquidation-fee", "0.1") == "invalid liquidation_fee"
    assert fail(exchange, "futures", "risk", "DOTUSDT", "--bracket", "40000:100").startswith("a bracket is CAP:")
    assert fail(exchange, "futures", "risk", "DOTUSDT", *given[2:], *given[:2]) == "invalid brackets"
    assert fail(exchange, "futures", "risk", "NONE", *given) == fail(exchange, "futures", "risk", "NONE")
    assert shown() == told
    fresh = ["DOT", "--tick", "0.01", "--lot", "0.1", "--min-notional", "5"]
    succeed(exchange, "futures", "add", "D3USDT", *fresh, "--liquidation-fee", "0.0005", *given)
    assert succeed(exchange, "futures", "risk", "D3USDT").splitlines()[1].split() == ["D3USDT", "0", "0.0005"]
    assert fail(exchange, "futures", "add", "D4USDT", *fresh, "--liquidation-fee", "1e-7") == "invalid liquidation_fee"
    demo = succeed(exchange, "futures", "risk", "BTCUSDT").splitlines()
    assert (demo[1].split()[-1], len(demo)) == ("0.0125", 8)


def test_sql_and_verify(exchange: Exchange) -> None:
    body = {"symbol": "DFUSDT", "side": "buy", "type": "limit", "price": "0.5", "quantity": "10"}
    placed = exchange.call("POST", "/api/v1/spot/orders", body).json()
    assert exchange.call("DELETE", f"/api/v1/spot/orders/{placed['id']}").status_code == 200
    statement = f"SELECT account, status, 1 AS n, NULL AS x, true AS y FROM orders WHERE id = '{placed['id']}'"
    table = "account  status    n  x  y\ndemo-1   canceled  1     true\n"
    until(lambda: succeed(exchange, "sql", statement) == table, 5, "the order is in the history")
    assert succeed(exchange, "sql", "--csv", statement) == "account,status,n,x,y\ndemo-1,canceled,1,,true\n"
    row = {"account": "demo-1", "status": "canceled", "n": 1, "x": None, "y": True}
    assert json.loads(succeed(exchange, "sql", "--json", statement)) == [row]
    assert json.loads(succeed(exchange, "sql", "--json", "SELECT 1 WHERE false")) == []
    assert fail(exchange, "sql", "SELECT 1; SELECT 2") == "exactly one SELECT statement is allowed"
    assert "nonsense" in fail(exchange, "sql", "SELECT nonsense")
    assert succeed(exchange, "verify").startswith("ok: ")


@pytest.mark.parametrize("own_exchange", [2], indirect=True)
def test_at_rest(own_exchange: Exchange) -> None:
    own_exchange.stop()
    assert "no engine runs" in fail(own_exchange, "deposit", "erin", "USDT", "1")
    assert succeed(own_exchange, "sql", "SELECT count(*) AS n FROM orders") == "n\n0\n"
    assert succeed(own_exchange, "verify").startswith("ok: 2 shards")
    assert "DFUSDT" in succeed(own_exchange, "market", "list")
    succeed(own_exchange, "token", "demo-1")


def test_no_folder(folder: Path) -> None:
    assert "--data" in fail(folder / "none", "verify")
    assert "start the engine first" in fail(folder, "market", "list")
    assert not (folder / "none").exists()
