"""Every route of the futures API × own, foreign, unknown, malformed, nobody, a key that may only read.

A route that is not in the table fails, and so does a private one that leaves a case out. Each call names an ``account``
beside all else, the case's: a route that names nothing else of anybody's must not look at it.
"""

import json
from typing import Final
from urllib.parse import quote

import pytest

from tests.http.futures.caller import Answer, Json, now_ms
from tests.http.futures.order_trader import OrderTrader
from tests.http.futures.site import Site
from tests.http.futures.trader import list_contract
from tests.http.table import TableRow, fill, read_table
from tests.http.test_ownership import check_table, routes
from tests.http.venue import Venue

CASES: Final = ("own", "foreign", "unknown", "malformed", "nobody", "reader")
ROUTES: Final = routes(futures=True)
ROWS: Final = read_table("futures_ownership")
SIGNED: Final = sorted(
    {row["route"] for row in ROWS if row["nobody"] == "401 -2014" and "listenKey" not in row["route"]}
)


def test_every_route_is_in_the_table_with_every_case_of_a_private_one() -> None:
    check_table("futures_ownership", ROUTES, CASES, 40)


class Subjects:
    """An order and a trigger of own and of foreign on one market."""

    def __init__(self, venue: Venue) -> None:
        self.market = list_contract(venue, venue.shard_count - 1)
        self.traders = {"own": OrderTrader(venue, 0), "foreign": OrderTrader(venue)}
        self.reader = self.traders["own"].reader
        self._orders, self._triggers = {}, {}
        for case, trader in self.traders.items():
            order = trader.place(self.market, "BUY", "90", "1", newClientOrderId=f"id-of-{case}")
            trigger = trader.stop(self.market, "BUY", "900", "1", newClientOrderId=f"trigger-of-{case}")
            self._orders[case], self._triggers[case] = order["orderId"], trigger["orderId"]

    def named(self, case: str) -> dict[str, str]:
        """What the placeholders stand for; nobody and a reader ask about what is own."""
        case = "own" if case in ("nobody", "reader") else case
        odd = {"unknown": str(self._orders["own"] | 1 << 39), "malformed": "x.5"}
        return {
            "market": self.market,
            "symbol": {"unknown": "NONE", "malformed": ""}.get(case, self.market),
            "order": odd.get(case) or str(self._orders[case]),
            "trigger": odd.get(case) or str(self._triggers[case]),
            "client_id": "a b" if case == "malformed" else f"id-of-{case}",
            "trigger_client_id": "a b" if case == "malformed" else f"trigger-of-{case}",
            "batch": "{}" if case == "malformed" else self._batch(),
            "false": "no" if case == "malformed" else "false",
            "account": {"malformed": "a b", "unknown": "nobody"}.get(case) or self.traders[case].name,
        }

    def _batch(self) -> str:
        return json.dumps([{"symbol": self.market, "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "90"}])

    def state(self, case: str) -> Json:
        """All that must not have changed."""
        trader = self.traders[case]
        return trader.get("/openOrders"), trader.call("GET", "/v3/balance").ok()[0]["availableBalance"]


def query_of(subjects: Subjects, row: TableRow, case: str) -> str:
    return fill(f"{row['query']}&account={{account}}".lstrip("&"), subjects.named(case))


def names_own(subjects: Subjects, row: TableRow, case: str) -> bool:
    """Whether the call is the owner's own but for the account that it names: then it may do what that one does."""
    return fill(row["query"], subjects.named(case)) == fill(row["query"], subjects.named("own"))


def ask(subjects: Subjects, row: TableRow, case: str) -> Answer:
    method, _, rule = row["route"].partition(" ")
    query = quote(query_of(subjects, row, case), safe="=&")
    own, path = subjects.traders["own"].caller, rule.removeprefix("/fapi")
    if case == "nobody":
        return own.send(method, path, query, headers={"X-MBX-APIKEY": ""})
    caller = subjects.reader if case == "reader" else own
    return caller.call(method, path, query)


@pytest.fixture(scope="session")
def untouched(venue: Venue) -> Subjects:
    """For all rows that only read: others use theirs up."""
    return Subjects(venue)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['route']} {row['query']}".strip())
def test_ownership(venue: Venue, untouched: Subjects, row: TableRow) -> None:
    subjects = untouched if row["route"].startswith("GET ") else Subjects(venue)
    own, foreign = subjects.state("own"), subjects.state("foreign")
    for case in sorted(CASES, key="own".__eq__):  # own last, for it may use them up
        if row[case] == "-":
            continue
        answer = ask(subjects, row, case)
        assert answer.brief() == row[case], (case, answer.body)
        assert subjects.state("foreign") == foreign
        before, own = own, subjects.state("own")
        assert own == before or (answer.status == 200 and names_own(subjects, row, case))
        assert b"of-foreign" not in answer.body
        assert subjects.traders["foreign"].name.encode() not in answer.body


@pytest.mark.parametrize("route", SIGNED)
def test_a_wrong_signature(site: Site, route: str) -> None:
    method, _, rule = route.partition(" ")
    query = f"timestamp={now_ms()}&signature={64 * '0'}"
    assert site.own.send(method, rule.removeprefix("/fapi"), query).brief() == "400 -1022"


@pytest.mark.parametrize("rule", ROUTES)
def test_other_methods(site: Site, rule: str) -> None:
    """405 with what is allowed, before anybody is asked who they are."""
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        if method not in ROUTES[rule]:
            answer = site.send(method, rule, {}, b"")
            assert answer.brief() == "405 -5000"
            assert answer.headers["Allow"] == ", ".join(sorted(ROUTES[rule]))
