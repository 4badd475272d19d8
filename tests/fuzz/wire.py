"""Connections on which bytes are sent as they are, and the answers read one by one."""

import socket
from email.message import Message
from types import TracebackType
from typing import Final, Self

from tests.http.venue import Answer

PATIENCE_S: Final = 12.0  # longer than the longest deadline
PROBE: Final = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class Broken(Exception):
    """The other side has closed the connection, or what it said is not HTTP; the text says which."""


class Connection:
    """One connection. The socket is opened when it is first needed, and again after the server has closed it."""

    def __init__(self, port: int, patience_s: float = PATIENCE_S) -> None:
        self._port = port
        self._patience_s = patience_s
        self._socket: socket.socket | None = None
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, request: bytes) -> Answer:
        """Send one request and read its answer; raises Broken, TimeoutError."""
        self.send(request)
        return self.read()

    def ask_last(self, data: bytes) -> list[Answer]:
        """Send ``data`` and no more, on a connection of its own; all that is answered until the server closes it."""
        self.close()
        answers = []
        try:
            self.send(data)
            self._opened().shutdown(socket.SHUT_WR)
            while True:
                answers.append(self.read())
        except (Broken, OSError) as end:
            if isinstance(end, TimeoutError) or self._buffer:
                raise Broken(f"after {len(answers)} answers: {end!r} {self._buffer[:200]!r}") from end
        finally:
            self.close()
        return answers

    def send(self, data: bytes) -> None:
        """Send these bytes."""
        self._opened().sendall(data)

    def read(self) -> Answer:
        """The next answer."""
        end = self._receive_until(b"\r\n\r\n")
        first, *lines = self._buffer[: end - 4].decode("latin-1").split("\r\n")
        parts = first.split(" ", 2)
        if len(parts) != 3 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
            raise Broken(f"no answer: {first!r}")
        headers = Message()
        for line in lines:
            name, _, value = line.partition(":")
            headers[name] = value.strip()
        if headers["Content-Length"] is None:
            raise Broken(f"an answer without a length: {first!r}")
        length = int(headers["Content-Length"])
        self._receive(end + length)
        body, self._buffer = self._buffer[end : end + length], self._buffer[end + length :]
        if (headers["Connection"] or "").lower() == "close":
            left, self._buffer = self._buffer, b""
            if left:
                raise Broken(f"more after the last answer: {left[:200]!r}")
            self.close()
        return Answer(int(parts[1]), headers, body)

    def is_live(self) -> bool:
        """Whether the next request on it is answered."""
        return bool(self.ask(PROBE).ok() == {"status": "live"})

    def close(self) -> None:
        """Close it; the next request opens another one."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._buffer = b""

    def _opened(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), self._patience_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _receive_until(self, mark: bytes) -> int:
        """Where the first ``mark`` of the buffer ends."""
        while mark not in self._buffer:
            self._receive(len(self._buffer) + 1)
        return self._buffer.index(mark) + len(mark)

    def _receive(self, length: int) -> None:
        """Until the buffer holds so much."""
        while len(self._buffer) < length:
            if self._socket is None:
                raise Broken("closed")
            piece = self._socket.recv(65_536)
            if not piece:
                raise Broken("closed")
            self._buffer += piece


def is_of_server(answer: Answer) -> bool:
    """Whether the HTTP server itself has refused the request, before the application was asked."""
    return (
        400 <= answer.status < 600
        and answer.status != 500
        and answer.headers["Connection"] == "close"
        and answer.headers["Content-Type"] == "text/html"
        and b"Traceback" not in answer.body
    )
