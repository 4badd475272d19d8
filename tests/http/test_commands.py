"""The commands of `shardex` on a running exchange, and without one."""

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import pytest
from click.testing import Result

from tests.exchange import Exchange, until
from tests.http import shell
from tests.http.shell import shardex
from web.cli.demo import fetch

SPOT_STEPS: Final = "--tick 0.01 --lot 0.001 --min-notional 5"
STEPS: Final = "DOT --tick 0.01 --lot 0.1 --min-notional 5"
BRACKETS: Final = ("--bracket 40000:100:0.005", "--bracket 200000:50:0.01")
RISK: Final = "symbol mark_price open_interest liquidation_fee DOTUSDT"
SHOWN_BRACKETS: Final = "notional_cap max_leverage maint_margin_ratio cum 40000 100 0.005 0 200000 50 0.01 200"
SESSIONS: Final = {
    "deposits": [
        ("deposit erin USDT 2.50 --reference r-1", "2.5 USDT to erin, available 2.5, reference r-1"),
        ("deposit erin USDT 2.50 --reference r-1", "2.5 USDT to erin, available 2.5, reference r-1"),
        ("deposit erin USDT 1", "1 USDT to erin, available 3.5, reference cli-*"),
        ("deposit erin USDT 3 --reference r-1", "! REFERENCE_CONFLICT"),
        ("deposit erin GOLD 1", "! UNKNOWN_ASSET"),
        ("deposit erin USDT one", "! invalid amount"),
        ("deposit erin USDT 0", "! AMOUNT_NON_POSITIVE"),
        ("deposit erin USDT 4 --wallet futures", "4 USDT to erin, available 4, reference cli-*"),
    ],
    "withdrawals": [
        ("deposit frank USDT 10", "10 USDT to frank, available 10, reference cli-*"),
        ("withdraw frank USDT 2.50 --reference w-1", "2.5 USDT from frank, available 7.5, reference w-1"),
        ("withdraw frank USDT 2.50 --reference w-1", "2.5 USDT from frank, available 7.5, reference w-1"),
        ("withdraw frank USDT 7.6", "! INSUFFICIENT_BALANCE"),
        ("withdraw frank USDT 1e0", "! invalid amount"),
        ("withdraw frank USDT 1 --wallet futures", "! INSUFFICIENT_BALANCE"),
        ("withdraw frank USDT 7.5", "7.5 USDT from frank, available 0, reference cli-*"),
    ],
    "spot markets": [
        ("asset add SOL 9", "SOL added"),
        ("asset add SOL 9", "! ASSET_EXISTS"),
        (f"market add SOLUSDT SOL USDT {SPOT_STEPS}", "SOLUSDT listed"),
        (f"market add SOLUSDT SOL USDT {SPOT_STEPS}", "! MARKET_EXISTS"),
        ("market status SOLUSDT halted", "SOLUSDT halted"),
        ("market status NONE halted", "! MARKET_NOT_FOUND"),
        ("market list", "symbol base quote tick lot min_notional maker_bps taker_bps status *"),
        ("market list", "* SOLUSDT SOL USDT 0.01 0.001 5 0 0 halted"),
    ],
    "futures markets": [
        ("asset add DOT 10", "DOT added"),
        (f"futures add DOTUSDT {STEPS} --max-leverage 50 --mark-price 7.25", "DOTUSDT listed"),
        (f"futures add DOTUSDT {STEPS}", "! MARKET_EXISTS"),
        (f"futures add D2USDT {STEPS} --mark-price 7.251", "! INVALID_TICK"),
        (f"futures add D2USDT {STEPS} --max-leverage 50 --min-leverage 51", "! invalid min_leverage"),
        ("futures risk DOTUSDT", f"{RISK} 7.25 0 *"),
        ("futures mark DOTUSDT 8.50", "DOTUSDT mark price 8.5"),
        ("futures risk DOTUSDT", f"{RISK} 8.5 0 *"),
        ("futures mark DOTUSDT last", "DOTUSDT mark price of the last trade"),
        ("futures mark DOTUSDT x", "! invalid price"),
        ("futures mark NONE 1", "! MARKET_NOT_FOUND"),
        (f"futures risk DOTUSDT {' '.join(BRACKETS)}", f"{RISK} 0 0.0125 {SHOWN_BRACKETS}"),
        ("futures risk DOTUSDT", f"{RISK} 0 0.0125 {SHOWN_BRACKETS}"),
        ("futures mark DOTUSDT 8.5", "DOTUSDT mark price 8.5"),
        ("futures risk DOTUSDT --liquidation-fee 0.02", f"{RISK} 8.5 0 0.02 {SHOWN_BRACKETS}"),
        ("futures risk DOTUSDT --liquidation-fee 0.1", "! invalid liquidation_fee"),
        ("futures risk DOTUSDT --bracket 40000:100", "! a bracket is CAP:*"),
        (f"futures risk DOTUSDT {' '.join(BRACKETS[::-1])}", "! invalid brackets"),
        (f"futures risk NONE {BRACKETS[0]}", "! MARKET_NOT_FOUND"),
        ("futures risk NONE", "! MARKET_NOT_FOUND"),
        ("futures risk DOTUSDT", f"{RISK} 8.5 0 0.02 {SHOWN_BRACKETS}"),
        ("futures status DOTUSDT halted", "DOTUSDT halted"),
        ("futures status NONE halted", "! MARKET_NOT_FOUND"),
        ("futures list", "symbol base tick lot min_notional maker_bps taker_bps leverage status BTCUSDT BTC *"),
        ("futures list", "* BTCUSDT BTC 0.1 0.001 10 2 5 1-100 (20) listed *"),
        ("futures list", "* DOTUSDT DOT 0.01 0.1 5 0 0 1-100 (20) halted*"),
        (f"futures add D3USDT {STEPS} --liquidation-fee 0.0005 {' '.join(BRACKETS)}", "D3USDT listed"),
        ("futures risk D3USDT", f"* D3USDT 0 0.0005 {SHOWN_BRACKETS}"),
        (f"futures add D4USDT {STEPS} --liquidation-fee 1e-7", "! invalid liquidation_fee"),
        ("futures risk BTCUSDT", "* BTCUSDT * 0.0125 notional_cap * *"),
    ],
}


def succeed(exchange: Exchange, *words: str) -> str:
    return shell.succeed(exchange.data, *words)


def fail(data: Path, *words: str) -> str:
    """The one line that a command prints as it fails."""
    result = shardex(data, *words)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.output
    assert not result.stdout
    return result.stderr.removeprefix("Error: ").strip()


@pytest.mark.parametrize("session", SESSIONS)
def test_session(exchange: Exchange, session: str) -> None:
    """One command after the other, and all that each prints; after "!", why it fails."""
    for command, expected in SESSIONS[session]:
        words = command.split()
        if expected.startswith("! "):
            printed = "! " + fail(exchange.data, *words)
        else:
            printed = " ".join(succeed(exchange, *words).split())
        assert fnmatchcase(printed, expected), command


def test_a_mark_price_is_in_force_at_once(exchange: Exchange) -> None:
    def mark_price() -> object:
        return exchange.call("GET", "/fapi/v1/premiumIndex?symbol=ETHUSDT", account=None).json()["markPrice"]

    for price, shown in (("7.25", "7.25"), ("8.50", "8.5"), ("last", "0")):
        succeed(exchange, "futures", "mark", "ETHUSDT", price)
        assert mark_price() == shown


def test_a_deposit_to_futures_is_there(exchange: Exchange) -> None:
    succeed(exchange, "deposit", "grace", "USDT", "4", "--wallet", "futures")
    assert exchange.operate("GET", "/accounts/grace").json()["futures"]["wallet_balance"] == "4"


def test_token(exchange: Exchange) -> None:
    token = succeed(exchange, "token", "carol", "--days", "3").strip()
    answer = fetch(f"127.0.0.1:{exchange.port}", "GET", "/api/v1/spot/balances", {"Authorization": f"Bearer {token}"})
    assert answer == (200, b'{"balances":[]}')
    assert fail(exchange.data, "token", "no spaces") == "invalid account"
    assert shardex(exchange.data, "token", "carol", "--days", "32").exit_code == 2


def test_key(exchange: Exchange) -> None:
    shown = dict(line.split() for line in succeed(exchange, "key", "dave", "--read-only", "--label", "x").splitlines())
    assert len(shown["api_key"]) == len(shown["api_secret"]) == 64
    assert shown["permissions"] == "read"
    token = succeed(exchange, "token", "dave").strip()
    listed = exchange.call("GET", "/api/v1/api-keys", account=None, headers={"Authorization": f"Bearer {token}"}).json()
    assert [(key["api_key"], key["label"], key["permissions"]) for key in listed] == [(shown["api_key"], "x", ["read"])]


@pytest.mark.parametrize("group", ["market", "futures"])
def test_delisting_asks_first(exchange: Exchange, group: str) -> None:
    """Without a yes nothing is done, also where nobody can be asked; all else is done at once."""
    symbol, other = f"ASK{group.upper()}", f"ASK{group.upper()}2"
    for each in (symbol, other):
        succeed(exchange, group, "add", each, "BTC", *(["USDT"] if group == "market" else []), *SPOT_STEPS.split())

    def delist(stdin: str) -> Result:
        return shardex(exchange.data, group, "status", symbol, "delisted", stdin=stdin)

    for answer in ("", "n\n", "\n", "listed\n"):
        result = delist(answer)
        assert (result.exit_code, result.stdout) == (1, "") and "is final" in result.stderr, answer
        listed = succeed(exchange, group, "list")
        assert f"{symbol} " in listed and "delisted" not in listed
    assert delist("y\n").stdout == f"{symbol} delisted\n"
    assert succeed(exchange, group, "status", other, "halted") == f"{other} halted\n"
    assert succeed(exchange, group, "status", other, "delisted", "--yes") == f"{other} delisted\n"


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
    assert fail(exchange.data, "sql", "SELECT 1; SELECT 2") == "exactly one SELECT statement is allowed"
    assert "nonsense" in fail(exchange.data, "sql", "SELECT nonsense")
    assert succeed(exchange, "verify").startswith("ok: ")


@pytest.mark.parametrize("own_exchange", [2], indirect=True)
def test_at_rest(own_exchange: Exchange) -> None:
    own_exchange.stop()
    assert "no engine runs" in fail(own_exchange.data, "deposit", "erin", "USDT", "1")
    assert succeed(own_exchange, "sql", "SELECT count(*) AS n FROM orders") == "n\n0\n"
    assert succeed(own_exchange, "verify").startswith("ok: 2 shards")
    assert "DFUSDT" in succeed(own_exchange, "market", "list")
    succeed(own_exchange, "token", "demo-1")


def test_no_folder(folder: Path) -> None:
    assert "--data" in fail(folder / "none", "verify")
    assert "start the engine first" in fail(folder, "market", "list")
    assert not (folder / "none").exists()
