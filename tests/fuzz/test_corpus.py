"""Malformed requests, kept as files in ``corpus/``: the exact answer over a raw socket, and nothing is changed by them.

Besides what all tables know, ``<<sign text>>`` is the signature of a text, and ``<<utf-16 text>>`` the text in that
encoding.
"""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.exchange import Exchange
from tests.fuzz.wire import Connection, is_of_server
from tests.http.futures.order_stage import OrderStage
from tests.http.stage import Stage
from tests.http.table import TableRow, expand, fill, read_table
from tests.http.venue import Answer, Key, Venue

CORPUS: Final = Path(__file__).with_name("corpus")
REQUESTS: Final = ("spot", "futures_ids", "futures_orders", "futures_calls")
FRAMING: Final = "framing"
PROMISED: Final = 300  # requests
LOOK_COUNT: Final = 20  # rows between two looks at what they must leave unchanged

_SIGN: Final = re.compile(r"<<sign (.*?)>>")
_CODE: Final = re.compile(r"^<<(utf-\S+|cp\d+|gzip) (.*)>>$")


class Scene:
    """Both APIs' casts on one exchange, and connections to it."""

    def __init__(self, exchange: Exchange) -> None:
        venue = Venue(exchange)
        self.port = exchange.port
        self.spot = Stage(venue)
        self.futures = OrderStage(venue)
        self.connection = Connection(exchange.port)
        own = self.futures.own.user
        self.keys = {"key": own.key, "bare key": own.key, "reader": own.make_key("read")}
        self.values = {
            **self.spot.values,
            **{f"f_{name}": value for name, value in self.futures.values.items()},
            "jwt": self.spot.own.jwt,
            "admin": exchange.admin_key,
            "key": own.key.key,
        }
        self._known = self.spot.state(), self.futures.state()

    def check_unchanged(self, where: str) -> None:
        """Fails if anything is not as it was."""
        assert (self.spot.state(), self.futures.state()) == self._known, f"something was changed {where}"

    def ask(self, row: TableRow) -> Answer:
        """The answer to a row's request."""
        now = fill("{now}", {})
        method, _, target = self.read(row["request"], now).partition(b" ")
        body = self.read_body(row["body"], now)
        headers = [self.read(row["headers"], now)] if row["headers"] else []
        headers += self._credentials(row["who"])
        if row["who"] in ("key", "reader"):
            target = _signed(self.keys[row["who"]], target, body, now)
        lines = [method + b" " + target + b" HTTP/1.1", b"Host: x", b"Content-Length: %d" % len(body), *headers]
        answer = self.connection.ask(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        if answer.status == 413:
            self.connection.close()  # with threads, the server reads no more on it
        return answer

    def ask_framed(self, row: TableRow) -> tuple[str, str]:
        """All answers to what is sent on a connection of its own, and the expected ones."""
        text = fill(row["sent"], self.values).replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t")
        with Connection(self.port) as connection:
            answers = [brief(answer) for answer in connection.ask_last(expand(text))]
        return "; ".join(answers) or "closed", row["answers"].removesuffix("; closed")

    def read(self, text: str, now: str) -> bytes:
        """A cell as bytes."""
        filled = fill(text, self.values, int(now))
        return expand(_SIGN.sub(lambda match: self.keys["key"].sign(match[1]), filled))

    def read_body(self, text: str, now: str) -> bytes:
        """The same, or a text in another encoding."""
        coded = _CODE.match(text)
        if coded is None:
            return self.read(text, now)
        plain = fill(coded[2], self.values)
        return gzip.compress(plain.encode()) if coded[1] == "gzip" else plain.encode(coded[1])

    def _credentials(self, who: str) -> list[bytes]:
        if who == "token":
            return [f"Authorization: Bearer {self.spot.own.jwt}".encode()]
        if who == "operator":
            return [f"X-API-Key: {self.values['admin']}".encode()]
        return [f"X-MBX-APIKEY: {self.keys[who].key}".encode()] if who in self.keys else []


def _signed(key: Key, target: bytes, body: bytes, now: str) -> bytes:
    path, _, query = target.partition(b"?")
    payload = b"&".join(part for part in (query, f"timestamp={now}".encode()) if part)
    return path + b"?" + payload + b"&signature=" + key.sign(payload + body).encode()


@pytest.fixture(scope="module", params=["hub", "gthread"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """With each class of workers: both read requests in ways of their own."""
    with Exchange(2, {"SHARDEX_WORKER_CLASS": request.param}) as exchange:
        workers = exchange.worker_pids()
        made = Scene(exchange)
        yield made
        made.connection.close()
        assert exchange.worker_pids() == workers
        assert "Traceback" not in exchange.log() and "fault in" not in exchange.log()


def brief(answer: Answer) -> str:
    """Status and error: "404 ORDER_NOT_FOUND", "400 -1102 The body …", "server 400"; the rest must be as always."""
    if is_of_server(answer):
        return f"server {answer.status}"
    body = json.loads(answer.body) if answer.body else {}
    if "code" not in body:
        return answer.brief()
    assert list(body) == ["code", "msg"] and answer.headers["Content-Type"] == "application/json"
    assert (answer.headers["Allow"] is not None) == (answer.status == 405)
    return f"{answer.status} {body['code']} {body['msg']}"


@pytest.mark.parametrize("table", [*REQUESTS, FRAMING])
def test_corpus(scene: Scene, table: str) -> None:
    faults = []
    for number, row in enumerate(rows := read_table(table, CORPUS), 1):
        found, expected = scene.ask_framed(row) if table == FRAMING else (brief(scene.ask(row)), row["answer"])
        if found != expected:
            faults.append(f"line {row.line}: {found} instead of {expected}")
        if number % LOOK_COUNT == 0 or row is rows[-1]:
            scene.check_unchanged(f"in the {LOOK_COUNT} rows up to line {row.line} of {table}")
    assert not faults, "\n".join(faults)


def test_corpus_is_as_large_as_promised() -> None:
    assert sum(len(read_table(name, CORPUS)) for name in (*REQUESTS, FRAMING)) >= PROMISED
