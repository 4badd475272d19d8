"""Settings that need no order, and listen keys."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from storage.reference import ApiKey, Reference
from tests.http.futures.caller import now_ms
from tests.http.futures.site import Site
from web.futures.limits import LISTEN_KEY_FRESH_MS, LISTEN_KEY_MS

DONE = {"code": 200, "msg": "success"}

CASES = [
    ("POST", "/v1/marginType", "", "400 -1102"),
    ("POST", "/v1/marginType", "marginType=ISOLATED", "400 -1102"),
    ("POST", "/v1/marginType", "symbol=NONE&marginType=x", "400 -1121"),
    ("POST", "/v1/marginType", "symbol=BTCUSDT", "400 -1102"),
    ("POST", "/v1/marginType", "symbol=BTCUSDT&marginType=", "400 -1102"),
    ("POST", "/v1/marginType", "symbol=BTCUSDT&marginType=ISOLATED", "400 -1020"),
    ("POST", "/v1/marginType", "symbol=BTCUSDT&marginType=isolated", "400 -1130"),
    ("POST", "/v1/marginType", "symbol=BTCUSDT&marginType=CROSSED", "200"),
    ("POST", "/v1/marginType", "symbol=BTCUSDT&marginType=CROSS", "200"),
    ("POST", "/v1/marginType", "symbol=ETHUSDT&marginType=CROSSED", "200"),
    ("GET", "/v1/marginType", "symbol=BTCUSDT&marginType=CROSS", "405 -5000"),
    ("POST", "/v1/positionSide/dual", "", "400 -1102"),
    ("POST", "/v1/positionSide/dual", "dualSidePosition=1", "400 -1102"),
    ("POST", "/v1/positionSide/dual", "dualSidePosition=true", "400 -1020"),
    ("POST", "/v1/positionSide/dual", "dualSidePosition=TRUE", "400 -1020"),
    ("POST", "/v1/positionSide/dual", "dualSidePosition=false", "200"),
    ("POST", "/v1/positionSide/dual", "dualsideposition=False", "200"),
    ("POST", "/v1/multiAssetsMargin", "multiAssetsMargin=true", "400 -1020"),
    ("POST", "/v1/multiAssetsMargin", "multiAssetsMargin=x", "400 -1102"),
    ("POST", "/v1/multiAssetsMargin", "multiAssetsMargin=false", "200"),
    ("GET", "/v1/commissionRate", "", "400 -1102"),
    ("GET", "/v1/commissionRate", "symbol=NONE", "400 -1121"),
    ("GET", "/v1/leverageBracket", "symbol=NONE", "400 -1121"),
]


@pytest.mark.parametrize(("method", "path", "query", "expected"), CASES)
def test_settings(site: Site, method: str, path: str, query: str, expected: str) -> None:
    answer = site.own.call(method, path, query)
    assert answer.brief() == expected
    assert expected != "200" or answer.json == DONE


def test_modes(site: Site) -> None:
    assert site.reader.call("GET", "/v1/positionSide/dual").ok() == {"dualSidePosition": False}
    assert site.reader.call("GET", "/v1/multiAssetsMargin").ok() == {"multiAssetsMargin": False}


def test_fees(site: Site) -> None:
    assert site.reader.call("GET", "/v1/commissionRate", "symbol=BTCUSDT").ok() == {
        "symbol": "BTCUSDT",
        "makerCommissionRate": "0.0002",
        "takerCommissionRate": "0.0005",
    }


def test_brackets(site: Site) -> None:
    answer = site.reader.call("GET", "/v1/leverageBracket", "symbol=BTCUSDT")
    bracket = b'{"bracket":1,"initialLeverage":125,"notionalCap":100000000,"notionalFloor":0,'
    bracket += b'"maintMarginRatio":0.005,"cum":0}'
    assert answer.body == b'{"symbol":"BTCUSDT","notionalCoef":1,"brackets":[' + bracket + b"]}"
    listed = site.reader.call("GET", "/v1/leverageBracket").ok()
    assert [row["symbol"] for row in listed] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"] and listed[0] == answer.json


# Listen keys


def test_listen_key(new_site: Site) -> None:
    assert new_site.own.send("PUT", "/v1/listenKey").brief() == "400 -1125"
    made = new_site.own.send("POST", "/v1/listenKey").ok()
    assert list(made) == ["listenKey"] and re.fullmatch(r"[A-Za-z0-9]{64}", made["listenKey"])
    assert new_site.own.send("POST", "/v1/listenKey").ok() == made
    assert new_site.own.send("PUT", "/v1/listenKey", "listenKey=whatever").ok() == made
    assert new_site.other.send("POST", "/v1/listenKey").ok() != made
    assert new_site.own.send("DELETE", "/v1/listenKey").ok() == {}
    assert new_site.own.send("DELETE", "/v1/listenKey").ok() == {}
    assert new_site.own.send("PUT", "/v1/listenKey").brief() == "400 -1125"
    assert new_site.other.send("PUT", "/v1/listenKey").brief() == "200"
    assert new_site.own.send("POST", "/v1/listenKey").ok() != made


def test_listen_key_needs_a_key_and_no_signature(new_site: Site) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert new_site.send(method, "/fapi/v1/listenKey", {}, b"").brief() == "401 -2014"
        assert new_site.send(method, "/fapi/v1/listenKey", {"X-MBX-APIKEY": "x"}, b"").brief() == "401 -2015"
    empty = {"Content-Type": "application/json"}
    assert new_site.own.send("POST", "/v1/listenKey", "", b"", empty).brief() == "200"
    assert new_site.own.call("POST", "/v1/listenKey").brief() == "200"


def test_a_listen_key_ends_an_hour_after_its_last_renewal(new_site: Site) -> None:
    def make(account: str, ago_ms: int) -> dict[str, str]:
        made_ms = now_ms() - ago_ms
        return {"listenKey": new_site.reference.renew_listen_key(account, made_ms, LISTEN_KEY_MS, LISTEN_KEY_FRESH_MS)}

    nearly_ended, ended = make("alice", LISTEN_KEY_MS - 30_000), make("bob", LISTEN_KEY_MS)
    assert new_site.own.send("PUT", "/v1/listenKey").ok() == nearly_ended
    renewed = new_site.reference.find_listen_key("alice", now_ms() + LISTEN_KEY_MS - 30_000)
    assert renewed is not None and renewed.key == nearly_ended["listenKey"]
    assert new_site.other.send("PUT", "/v1/listenKey").brief() == "400 -1125"
    assert new_site.other.send("POST", "/v1/listenKey").ok() != ended


def test_a_fresh_listen_key_is_not_written_again(new_site: Site) -> None:
    def renew(now_ms: int) -> int:
        new_site.reference.renew_listen_key("alice", now_ms, LISTEN_KEY_MS, LISTEN_KEY_FRESH_MS)
        found = new_site.reference.find_listen_key("alice", now_ms)
        assert found is not None
        return found.expires_ms

    assert renew(1) == renew(LISTEN_KEY_FRESH_MS) == 1 + LISTEN_KEY_MS
    assert renew(1 + LISTEN_KEY_FRESH_MS) == 1 + LISTEN_KEY_FRESH_MS + LISTEN_KEY_MS


BEFORE = """
CREATE TABLE assets (
    symbol TEXT PRIMARY KEY, decimals INTEGER NOT NULL, image TEXT NOT NULL, chain_id INTEGER NOT NULL,
    contract TEXT NOT NULL
) STRICT;
CREATE TABLE markets (
    number INTEGER PRIMARY KEY, product INTEGER NOT NULL, symbol TEXT NOT NULL, spec BLOB NOT NULL,
    active INTEGER NOT NULL, UNIQUE (product, symbol)
) STRICT;
CREATE TABLE api_keys (
    key TEXT PRIMARY KEY, account TEXT NOT NULL, label TEXT NOT NULL, permissions TEXT NOT NULL,
    created_ms INTEGER NOT NULL, secret BLOB NOT NULL
) STRICT;
CREATE INDEX api_keys_of_account ON api_keys (account);
CREATE TABLE switches (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
PRAGMA user_version = 1;
"""


def test_a_file_of_before_is_brought_up_to_date(tmp_path: Path) -> None:
    path, storage_key = tmp_path / "reference.sqlite", Fernet.generate_key().decode()
    made = ApiKey("k" * 64, "alice", "", ("read",), 0, b"s" * 64)
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(BEFORE)
        row = (made.key, made.account, made.label, "read", made.created_ms, Fernet(storage_key).encrypt(made.secret))
        db.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?)", row)
    after = Reference(path, storage_key)
    assert after.find_key(made.key) == made
    assert after.find_listen_key("alice", 0) is None
    assert after.renew_listen_key("alice", 0, LISTEN_KEY_MS, LISTEN_KEY_FRESH_MS)
    after.close()
