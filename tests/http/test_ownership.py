"""Every route × own, foreign, unknown, malformed, nobody. A route that is not in the table fails.

So does a private route, one that nobody may ask without credentials, that leaves a case out. Each call names an
``account`` beside all else, the case's: a route that names nothing else of anybody's must not look at it. The futures
API, which has credentials and errors of its own, is not looked at here.
"""

import json
from collections.abc import Sequence
from typing import Final, cast
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.http.stage import Stage
from tests.http.table import TableRow, read_table
from tests.http.venue import Answer, new_order
from web.app import make_app
from web.services import Services

CASES: Final = ("own", "foreign", "unknown", "malformed", "nobody")
AUTOMATIC: Final = {"HEAD", "OPTIONS"}
FOREIGN_QUANTITY: Final = "0.7"  # of nothing else here


def routes(futures: bool) -> dict[str, set[str]]:
    """Rule → methods, of the application itself."""
    found: dict[str, set[str]] = {}
    for rule in make_app(cast(Services, None)).url_map.iter_rules():
        if rule.rule.startswith("/fapi/") == futures:
            found.setdefault(rule.rule, set()).update(rule.methods or ())
    return found


def check_table(name: str, routes: dict[str, set[str]], cases: Sequence[str], private_count: int) -> None:
    """Every route is there, and of a private one every case."""
    rows = read_table(name)
    assert {f"{method} {rule}" for rule, methods in routes.items() for method in methods - AUTOMATIC} == {
        row["route"] for row in rows
    }
    private = [row for row in rows if row["nobody"].startswith("401")]
    assert len(private) > private_count
    assert [(row, case) for row in private for case in cases if row[case] == "-"] == []


ROUTES: Final = routes(futures=False)


def test_every_route_is_in_the_table_with_every_case_of_a_private_one() -> None:
    check_table("ownership", ROUTES, CASES, 20)


class Subjects:
    """What own and somebody else have."""

    def __init__(self, stage: Stage) -> None:
        venue, pair = stage.venue, stage.elsewhere
        self.pair = pair
        self.users = {"own": venue.user(0, USDT="8"), "foreign": venue.user(None, USDT="10")}
        quantities = {"own": "0.1", "foreign": FOREIGN_QUANTITY}
        orders = {
            case: user.place(pair, "buy", quantities[case], "10", client_order_id=f"id-of-{case}")["id"]
            for case, user in self.users.items()
        }
        trades = {"own": stage.trade(self.users["own"]), "foreign": stage.values["foreign_trade"]}
        keys = {case: user.key.key for case, user in self.users.items()}
        accounts = {case: user.name for case, user in self.users.items()}
        self.named = {
            "order": orders | {"unknown": str(uuid4()), "malformed": "not-an-id"},
            "client_id": {"own": "id-of-own", "foreign": "id-of-foreign", "unknown": "none", "malformed": "a b"},
            "trade": trades | {"unknown": str(uuid4()), "malformed": "not-an-id"},
            "key": keys | {"unknown": "a" * 64, "malformed": "?"},
            "account": accounts | {"unknown": "nobody", "malformed": "a b"},
            "symbol": {"own": pair.symbol, "foreign": pair.symbol, "unknown": "NONE", "malformed": ""},
        }


def ask(subjects: Subjects, stage: Stage, route: str, case: str) -> Answer:
    """The row's call: with the owner's token about what the case names, or about their own with no credentials."""
    method, _, rule = route.partition(" ")
    named = {name: values["own" if case == "nobody" else case] for name, values in subjects.named.items()}
    target = rule
    for placeholder, name in (
        ("<text>", "order"),
        ("<rest:client_id>", "client_id"),
        ("<key>", "key"),
        ("<account>", "account"),
    ):
        target = target.replace(placeholder, quote(named[name], safe=""))
    own_or_unknown = "NONE" if case == "unknown" and "admin" in rule else subjects.pair.symbol
    target = target.replace("<symbol>", own_or_unknown)
    target += "?" + query_of(route, named)
    if route != "DELETE /api/v1/spot/orders":  # which knows no account, and refuses what it does not know
        target += f"&account={quote(named['account'])}"
    headers = {} if case == "nobody" else subjects.users["own"].bearer
    return stage.venue.send(method, target, headers, body_of(subjects, route, case))


def query_of(route: str, named: dict[str, str]) -> str:
    name = route.rpartition("/")[2]
    if route in ("GET /api/v1/spot/orders", "GET /api/v1/spot/trades/me"):
        return f"&before={named['order' if name == 'orders' else 'trade']}"
    if route == "DELETE /api/v1/spot/orders":
        return f"&symbol={named['symbol']}" if named["symbol"] else "&symbol=A&symbol=B"
    if name in ("depth", "trades", "klines", "24hr"):
        return f"&interval=1m&symbol={named['symbol']}"
    return ""


def body_of(subjects: Subjects, route: str, case: str) -> bytes | None:
    """With somebody's account in it, too."""
    if not route.startswith(("POST ", "PATCH ")):
        return None
    if case == "malformed":
        return b"nonsense"
    fields = {"account": subjects.named["account"].get(case, "")}
    if route == "POST /api/v1/spot/orders":
        fields |= new_order(subjects.pair, "buy", "0.1", "10")
        if case == "unknown":
            fields["symbol"] = "NONE"
        if case == "foreign":
            fields["client_order_id"] = subjects.named["client_id"][case]
    if route == "POST /api/v1/spot/transfer":
        fields |= {"token": "NONE" if case == "unknown" else "USDT", "direction": "spot_to_perp", "amount": "1"}
    return json.dumps(fields).encode()


@pytest.mark.parametrize("row", read_table("ownership"), ids=lambda row: row["route"])
def test_ownership(stage: Stage, row: TableRow) -> None:
    subjects = None
    for case in (case for case in CASES if row[case] != "-"):
        subjects = subjects or Subjects(stage)
        foreign = subjects.users["foreign"]
        before = foreign.state()
        answer = ask(subjects, stage, row["route"], case)
        assert answer.brief() == row[case], case
        assert foreign.state() == before
        if case == "foreign":  # not a word of it
            assert foreign.name.encode() not in answer.body and f'"{FOREIGN_QUANTITY}'.encode() not in answer.body
        if case != "own" and answer.status != 200:
            assert subjects.users["own"].orders(status="open")
            assert subjects.users["own"].wallets()["USDT"].endswith(" 1")
        if case == CASES[-1] or (answer.status == 200 and not row["route"].startswith("GET ")):  # they are used up
            for user in subjects.users.values():
                user.cancel_all()
            subjects = None


@pytest.mark.parametrize("rule", ROUTES)
def test_other_methods(stage: Stage, rule: str) -> None:
    """405 with what is allowed, before anybody is asked who they are; and HEAD is GET without a body."""
    target = rule.translate({ord(bracket): None for bracket in "<>:"})
    allowed = ROUTES[rule]
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD"):
        if method in allowed:
            continue
        answer = stage.venue.send(method, target)
        assert answer.status == 405
        assert answer.headers["Allow"] == ", ".join(sorted(allowed))
        assert method == "HEAD" or answer.brief() == "405 METHOD_NOT_ALLOWED"
    if "GET" in allowed:
        head, get = stage.venue.send("HEAD", target), stage.venue.send("GET", target)
        assert head.body == b""
        assert (head.status, head.headers["Content-Type"]) == (get.status, get.headers["Content-Type"])
