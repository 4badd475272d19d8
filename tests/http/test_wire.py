"""Bodies and connections, byte by byte: what is answered, what is read as the next request; and nothing changes."""

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from email.parser import BytesParser
from typing import Final, NamedTuple

import pytest

from tests.http.stage import Stage
from tests.http.table import FOLDER, expand, fill
from tests.http.venue import ANSWER_S, Answer

PROBE: Final = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
_END: Final = "<<end>>"


class Case(NamedTuple):
    """What is sent on one connection, and what comes back."""

    title: str
    requests: list[str]
    answers: list[str]


def read_cases() -> Iterator[Case]:
    """The cases of the table."""
    for block in re.split(r"^=== ", (FOLDER / "wire.txt").read_text(), flags=re.MULTILINE)[1:]:
        title, _, rest = block.partition("\n")
        sent, _, received = rest.partition("--> ")
        answers = [line.removeprefix("--> ") for line in received.splitlines() if line]
        yield Case(title, sent.split("---\n"), answers)


def as_bytes(request: str) -> bytes:
    """Header lines with CRLF, then the body."""
    head, _, body = request.partition("\n\n")
    body = body.rstrip("\n").replace("\\r", "\r").replace("\\n", "\n")
    return b"".join(expand(line) + b"\r\n" for line in head.splitlines()) + b"\r\n" + expand(body)


class Wire:
    """A connection and what came over it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), ANSWER_S)
        self._file = self._socket.makefile("rb")

    def send(self, data: bytes, and_no_more: bool = False) -> None:
        self._socket.sendall(data)
        if and_no_more:
            self._socket.shutdown(socket.SHUT_WR)

    def answer(self) -> tuple[str, Answer]:
        """The next answer, and its first line."""
        first = self._file.readline().decode()
        head = b"".join(iter(self._file.readline, b"\r\n"))
        headers = BytesParser().parsebytes(head)
        body = self._file.read(int(headers["Content-Length"]))
        return first, Answer(int(first.split()[1]), headers, body)

    def line(self) -> bytes:
        return self._file.readline()

    def ended(self) -> bool:
        """Whether the other side closes it, with nothing more to say."""
        return self._file.read(1) == b""

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in read_cases()])
def test_wire(stage: Stage, case: Case) -> None:
    values = {**stage.values, "jwt": stage.own.jwt, "admin": stage.venue.exchange.admin_key}
    values["host_and_token"] = f"Host: x\nAuthorization: Bearer {stage.own.jwt}"
    now = fill("{now}", {})
    values["sig"] = stage.own.key.sign(f"timestamp={now}{{}}")
    values["empty_sig"] = stage.own.key.sign(f"timestamp={now}")
    text = [fill(request, values, int(now)) for request in case.requests]
    with closing(Wire(stage.venue.exchange.port)) as wire:
        stops = _END in text[-1]
        wire.send(b"".join(as_bytes(request.replace(_END, "")) for request in text), stops)
        *expected, end = case.answers
        for each in expected:
            check(*wire.answer(), each)
        if end == "closed":
            assert wire.ended()
        else:
            wire.send(PROBE)
            assert wire.answer()[1].ok() == {"status": "live"}
    stage.check_unchanged()


def check(first: str, answer: Answer, expected: str) -> None:
    if expected.startswith("server "):
        assert answer.status == int(expected.removeprefix("server "))
        assert answer.headers["Connection"] == "close"
        assert b"Traceback" not in answer.body
    else:
        assert first.startswith(("HTTP/1.1 ", "HTTP/1.0 "))
        assert answer.brief() == expected


def test_expect_100_continue(stage: Stage) -> None:
    """``Expect: 100-continue``, as curl sends it before a large body."""
    head = f"POST /api/v1/spot/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {stage.own.jwt}\r\n"
    with closing(Wire(stage.venue.exchange.port)) as wire:
        wire.send(f"{head}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n".encode())
        assert wire.line() == b"HTTP/1.1 100 Continue\r\n"
        assert wire.line() == b"\r\n"
        wire.send(b"{}")
        assert wire.answer()[1].brief() == "400 symbol required"
        wire.send(PROBE)
        assert wire.answer()[1].ok() == {"status": "live"}


def test_a_line_that_cannot_be_read_is_not_logged(stage: Stage) -> None:
    """It may be a credential that somebody put into the wrong place."""
    with closing(Wire(stage.venue.exchange.port)) as wire:
        wire.send(b"planted-in-a-line planted-in-a-line\r\n\r\n")
        wire.answer()
    log = stage.venue.exchange.log()
    assert "Invalid request from" in log and "planted-in-a-line" not in log


def test_log_has_no_faults_and_no_secrets(stage: Stage) -> None:
    """Whatever was sent here and before: none of it was a fault of ours, and no credentials were written down."""
    log = stage.venue.exchange.log()
    assert "Traceback" not in log and "fault in" not in log
    for secret in (stage.own.jwt, stage.values["secret"], stage.values["key"], stage.venue.exchange.admin_key):
        assert secret not in log
