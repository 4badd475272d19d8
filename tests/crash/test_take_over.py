"""A data folder that was made before anything in it carried checksums: adopted as it is, once, and that is logged.

``tests/data/folder-unsealed.tar.xz`` was left by the program as it was then: two shards, the demo, an asset OLD, orders
open and canceled, a halted market; ``right.json`` is what its API reported.
"""

import json
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from tests.crash.commands import run, shardex
from tests.data import folders
from tests.exchange import Exchange
from web.cli.demo import DemoAccount
from web.cli.run import ROOT
from web.http.tokens import Tokens

RECORDED: Final = ROOT / "tests" / "data" / "folder-unsealed.tar.xz"
TAKEN_OVER: Final = ("is adopted as it is", "adopted into the journal", "had no checksum")


def unpack(to: Path) -> dict[str, Any]:
    """The folder; returns what is right."""
    folders.unpack(RECORDED, to)
    right: dict[str, Any] = json.loads((to / "right.json").read_text())
    (to / "right.json").unlink()
    return right


def test_it_is_taken_over_once() -> None:
    with closing(Exchange(2)) as exchange:
        right = unpack(exchange.data)
        exchange.engine.start()
        exchange.web.start()
        exchange.wait_ready()
        check(exchange, right)
        assert all(text in exchange.log() for text in TAKEN_OVER)
        logged = len(exchange.log())
        exchange.stop()
        assert shardex(exchange.data, "verify").ok() == f"ok: 2 shards and the archive of {exchange.data}\n"
        exchange.engine.start()
        exchange.web.start()
        exchange.wait_ready()
        check(exchange, right)
        assert not [text for text in TAKEN_OVER if text in exchange.log()[logged:]]


def check(exchange: Exchange, right: dict[str, Any]) -> None:
    """Balances, keys, markets and assets are what they were."""
    secrets = exchange.folder.secrets()
    exchange.admin_key = secrets.admin_key
    tokens = Tokens(secrets.jwt, {}, "HS256")
    exchange.accounts = [
        DemoAccount(own["id"], tokens.mint(own["id"], 600), own["api_key"], own["api_secret"])
        for own in right["accounts"]
    ]
    assert [exchange.call("GET", "/api/v1/spot/balances", account=a).json() for a in (0, 1)] == right["balances"]
    for account, own in enumerate(right["accounts"]):
        listed = exchange.call("GET", "/api/v1/api-keys", account=account).json()
        assert [key["api_key"] for key in listed] == [own["api_key"]]
    markets = exchange.call("GET", "/api/v1/spot/markets", account=None).json()
    assert {market["id"]: market["status"] for market in markets} == {
        "DFUSDT": "listed",
        "BTCUSDT": "listed",
        "ETHUSDT": "halted",
    }
    for decimals in (5, 8):
        again = exchange.operate("POST", "/assets", {"symbol": "OLD", "decimals": decimals})
        assert (again.status_code, again.json()) == (409, {"error": "ASSET_EXISTS"})


@pytest.mark.parametrize("name", ["reference.sqlite", "secrets.json", "shard-1/journal.sqlite"])
def test_what_is_missing_is_not_made_anew(tmp_path: Path, name: str) -> None:
    unpack(tmp_path / "data")
    for file in (tmp_path / "data").glob(f"{name}*"):
        file.unlink()
    for _ in range(2):
        done = run("-m", "shards", SHARDEX_DATA=str(tmp_path / "data"))
        assert done.returncode == 1 and f"{name} is missing" in done.stderr and "Traceback" not in done.stderr
