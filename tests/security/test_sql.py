"""SQL: whatever callers write stays a value; and through the operator's door there is no way but reading the tables."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet

from shards.archive.service import History
from shards.ipc.client import Client
from shards.model.events import OrderEnded
from shards.model.queries import GetOrderByClientId, ListFills, ListIncome, ListOrders, RunSql
from shards.model.replies import FillsReply, IncomeReply, OrderReply, OrdersReply, Rejected
from storage.reference import Reference
from tests.exchange import Exchange, until
from tests.fuzz.wire import Connection
from tests.http.stage import Stage
from tests.http.venue import Answer, Venue
from tests.unit.archive.samples import KEY, make_order, number_rows

PAYLOADS: Final = Path(__file__).with_name("payloads.txt").read_text().splitlines()
PROMISED: Final = 500
TARGETS_EACH: Final = 4  # of the places below, for each payload: every place gets its share of all of them
SQL_MS: Final = 30_000  # the bound of an operator's statement
ARCHIVE_S: Final = 30.0

# Each a request with a payload in it, percent-encoded or as JSON text; and what may be answered
TARGETS: Final = (
    ("token", "GET /api/v1/spot/orders?symbol={}", "", (200, 400)),
    ("token", "GET /api/v1/spot/orders?status={}", "", (400,)),
    ("token", "GET /api/v1/spot/orders?before={}", "", (400,)),
    ("token", "GET /api/v1/spot/orders/{}", "", (400, 404)),
    ("token", "DELETE /api/v1/spot/orders?symbol={}", "", (200,)),
    ("token", "DELETE /api/v1/spot/orders/by-client-id/{}/x", "", (400, 404)),
    ("token", "DELETE /api/v1/spot/orders/by-client-id/M1/{}", "", (400, 404)),
    ("token", "DELETE /api/v1/api-keys/{}", "", (404,)),
    (
        "token",
        "POST /api/v1/spot/orders",
        '{"symbol":{},"side":"buy","type":"limit","price":"1","quantity":"1"}',
        (404,),
    ),
    ("nobody", "GET /api/v1/spot/depth?symbol={}", "", (404,)),
    ("nobody", "GET /fapi/v1/klines?interval=1m&symbol={}", "", (400,)),
    ("key", "GET /fapi/v1/allOrders?symbol={}", "", (400,)),
    ("key", "GET /fapi/v1/income?incomeType={}", "", (400,)),
    ("key", "GET /fapi/v1/algoOrder?clientAlgoId={}", "", (400,)),
    ("operator", "GET /api/v1/admin/accounts/{}", "", (200, 400, 404)),
    ("operator", "POST /api/v1/admin/assets", '{"symbol":{},"decimals":99}', (400,)),
    ("payload as key", "GET /api/v1/spot/orders?timestamp={now}&signature=" + 64 * "0", "", (401,)),
)

ESCAPES: Final = (
    "SELECT * FROM read_text('{data}/secrets.json')",
    "SELECT * FROM read_csv('/etc/passwd', sep=':')",
    "SELECT * FROM glob('{data}/*')",
    "SELECT * FROM '{data}/demo.json'",
    "ATTACH '{data}/reference.sqlite' AS reference (TYPE sqlite)",
    "COPY (SELECT 1) TO '{data}/out.csv'",
    "INSTALL httpfs",
    "LOAD '{data}/out.duckdb_extension'",
    "SET enable_external_access = true",
    "SELECT 1; DROP TABLE stored.orders",
    "WITH gone AS (DELETE FROM stored.orders RETURNING *) SELECT * FROM gone",
    "SELECT getenv('PATH')",
    "SELECT count(*) FROM range(100000000000) a, range(100000000000) b",
)


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with Exchange(2) as exchange:
        yield Venue(exchange)


def test_there_are_as_many_as_promised() -> None:
    assert len(set(PAYLOADS)) >= PROMISED
    assert len(ESCAPES) >= 13


@pytest.mark.timeout(240)
def test_payloads_over_http(venue: Venue) -> None:
    """In any place where a text may stand: refused, or answered with nothing; nothing is changed."""
    stage = Stage(venue)
    until(lambda: all(not shard["archive_lag"] for shard in shards_of(venue)), ARCHIVE_S, "archived")
    count = "SELECT (SELECT count(*) FROM stored.orders) AS orders, (SELECT count(*) FROM stored.trades) AS trades"
    before = venue.sql(count)
    targets = itertools.cycle(TARGETS)
    with Connection(venue.exchange.port) as connection:
        for payload in PAYLOADS:
            for who, request, body, expected in itertools.islice(targets, TARGETS_EACH):
                answer = send(connection, stage, payload, (who, request, body))
                assert answer.status in expected, (payload, request, answer)
                assert answer.status != 200 or is_empty(answer), (payload, request, answer)
    stage.check_unchanged()
    assert venue.sql(count) == before
    assert "Traceback" not in venue.exchange.log() and "fault in" not in venue.exchange.log()


def shards_of(venue: Venue) -> list[Any]:
    found: list[Any] = venue.operate("GET", "/shards").ok()["shards"]
    return found


def send(connection: Connection, stage: Stage, payload: str, target: tuple[str, str, str]) -> Answer:
    """The request with the payload in it."""
    who, request, body = target
    method, _, path = request.replace("{now}", str(int(time.time() * 1_000))).partition(" ")
    path = path.replace("{}", quote(payload, safe=""))
    content = body.replace("{}", as_json(payload)).encode()
    headers: dict[str, str] = {}
    if who == "payload as key":
        headers = {"X-MBX-APIKEY": payload}
    elif who == "key":
        key = stage.own.key
        query = f"{path.partition('?')[2]}&timestamp={int(time.time() * 1_000)}"
        path = f"{path.partition('?')[0]}?{query}&signature={key.sign(query)}"
        headers = {"X-MBX-APIKEY": key.key}
    elif who == "token":
        headers = stage.own.bearer
    elif who == "operator":
        headers = {"X-API-Key": stage.venue.exchange.admin_key}
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return connection.ask("\r\n".join(lines).encode() + b"\r\n\r\n" + content)


def as_json(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def is_empty(answer: Answer) -> bool:
    """Whether it shows no orders and no money."""
    body = answer.json
    return body in ([], {"canceled": []}) or (body.get("spot") == [] and not any(body["open_orders"].values()))


def test_payloads_as_values_of_the_archive(tmp_path: Path) -> None:
    """As an account and as a client id, in the named queries in turn: each finds its own row and no other."""
    history = History(tmp_path / "history.duckdb", KEY)
    orders = [make_order(number, account=text, client_id=text) for number, text in enumerate(PAYLOADS, 1)]
    history.store({0: number_rows([OrderEnded(order) for order in orders])})
    for turn, (text, order) in enumerate(zip(PAYLOADS, orders, strict=True)):
        query, expected = (
            (ListOrders(text, 50), OrdersReply([order])),
            (GetOrderByClientId(1, text, text), OrderReply(order)),
            (ListFills(text, 50), FillsReply([])),
            (ListIncome(text, 50), IncomeReply([])),
        )[turn % 4]
        assert history.answer(query) == expected, text
    history.close()


def test_payloads_in_the_reference_file(tmp_path: Path) -> None:
    """As an account, as a label, as a key."""
    reference = Reference(tmp_path / "reference.sqlite", Fernet.generate_key().decode())
    kept = reference.create_key("alice", "mine", ("read",), 1, 1)
    assert kept is not None
    for payload in PAYLOADS:
        made = reference.create_key(payload, payload, ("read",), 1, 1)
        assert made is not None
        assert [key.key for key in reference.list_keys(payload)] == [made.key]
        assert reference.find_key(payload) is None
        assert not reference.revoke_key("alice", payload) and not reference.revoke_key(payload, kept.key)
        assert reference.revoke_key(payload, made.key)
    assert [key.key for key in reference.list_keys("alice")] == [kept.key]
    reference.close()


@pytest.mark.parametrize("escape", ESCAPES)
def test_no_way_out_of_the_running_door(venue: Venue, escape: str) -> None:
    """On a running exchange: refused, in time, and the archive answers the next query as before."""
    folder = venue.exchange.folder
    files = sorted(path.name for path in folder.path.iterdir())
    client = Client(folder)
    try:
        client.wait_connected(10.0)
        reply = client.ask_archive(RunSql(escape.replace("{data}", str(folder.path))), 2 * SQL_MS)
        assert isinstance(reply, Rejected), reply
        assert folder.secrets().jwt not in str(reply) and "root:" not in str(reply)
    finally:
        client.close()
    assert venue.sql("SELECT 1 AS one") == [{"one": 1}]
    assert sorted(path.name for path in folder.path.iterdir()) == files
