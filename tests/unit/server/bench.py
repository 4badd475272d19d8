"""A worker in the test's own process, over real sockets, and its callers. One thread: whoever looks turns the hub."""

import os
import socket
import struct
import time
from collections.abc import Callable, Iterable
from http.client import HTTPResponse
from io import BytesIO
from typing import Any, Final, NamedTuple, Self

from gunicorn.config import Config
from gunicorn.glogging import Logger

from web.server.hub import Hub, Waiter
from web.server.worker import HubWorker

LONG_S: Final = 20.0  # a test that waits so long has failed
PIECE: Final = 65_536


class Application:
    """/echo tells what it was sent; /wait waits for ``release``; /big/N has a body of N bytes; /fail raises."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiters: list[Waiter] = []
        self.environs: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.environs.append(environ)
        body = environ["wsgi.input"].read()
        path = environ["PATH_INFO"]
        if path == "/fail":
            raise ValueError("ours")
        if path == "/wait":
            waiter = Waiter(self._hub)
            self._waiters.append(waiter)
            waiter.wait(LONG_S)
        said = (
            b"b" * int(path[5:]) if path.startswith("/big/") else f"{environ['REQUEST_METHOD']} {path} ".encode() + body
        )
        start_response("200 OK", [("Content-Length", str(len(said)))])
        return [said]

    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiters)

    def release(self) -> None:
        """Let those that wait be answered."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.finish()


class Bench(HubWorker):
    """A worker that is turned by its callers."""

    def __init__(self, listener: Any, **settings: Any) -> None:
        config = Config()
        for name, value in {"keepalive": 75, "http_parser": "python", **settings}.items():
            config.set(name, value)
        super().__init__(1, os.getppid(), [listener], None, 30, config, Logger(config))
        self.hub = Hub()
        self.site = self.wsgi = Application(self.hub)
        self.begin()

    def until(self, reached: Callable[[], bool], what: str, seconds: float = LONG_S) -> None:
        """Turn the hub until it is so; fails after so long."""
        end = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < end, f"not within {seconds} s: {what}"
            self.hub.turn(0.002)

    def turn_for(self, seconds: float) -> None:
        """Turn the hub for so long."""
        self.hub.turn_until(lambda: False, seconds)

    def count(self) -> int:
        """Of its connections."""
        return len(self._connections)

    def held_bytes(self) -> int:
        """What it has received and not yet taken."""
        return sum(len(connection._received) for connection in self._connections)


class Told(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Caller:
    """A client's socket, which never blocks."""

    def __init__(self, bench: Bench, address: Any, receive_bytes: int | None = None) -> None:
        """``receive_bytes``: so small is its own buffer."""
        self._bench = bench
        self._socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        if receive_bytes is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._socket.connect(address)
        self._socket.setblocking(False)
        self.received = b""
        self.ended = False  # the other side has said all
        self.broken = False  # by a reset

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> Self:
        """Send all of it, or what is taken until the server closes."""
        left = memoryview(data)

        def push() -> bool:
            nonlocal left
            left = left[self.push(left) :]
            return not left or self.broken

        self._bench.until(push, "the server reads")
        return self

    def push(self, data: bytes | memoryview) -> int:
        """Send what is taken at once; how many bytes."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.broken = True
            return 0

    def half_close(self) -> Self:
        """Say that nothing more comes."""
        self._socket.shutdown(socket.SHUT_WR)
        return self

    def pull(self, size: int = PIECE) -> int:
        """Receive what is there, at most so much; how many bytes."""
        try:
            piece = self._socket.recv(size)
        except BlockingIOError:
            return 0
        except OSError:
            piece = b""
            self.broken = True
        self.ended = self.ended or not piece
        self.received += piece
        return len(piece)

    def answers(self, count: int, method: str = "GET") -> list[Told]:
        """So many of them, which came whole; the rest stays."""
        found: list[Told] = []

        def look() -> bool:
            while self.pull():
                pass
            while len(found) < count and (told := self._take(method)) is not None:
                found.append(told)
            return len(found) == count or self.ended

        self._bench.until(look, "answers")
        assert len(found) == count, f"{len(found)} answers, and then the end: {self.received[:200]!r}"
        return found

    def answer(self, method: str = "GET") -> Told:
        """The next one."""
        return self.answers(1, method)[0]

    def ask(self, data: bytes, method: str = "GET") -> Told:
        """Send, and the answer to it."""
        return self.send(data).answer(method)

    def wait_closed(self, seconds: float = LONG_S) -> bytes:
        """What still comes until the server closes."""
        self._bench.until(lambda: self.pull() == 0 and self.ended, "closed by the server", seconds)
        return self.received

    def is_open(self) -> bool:
        """Whether the server has not closed it."""
        self._bench.turn_for(0.02)
        self.pull()
        return not self.ended

    def reset(self) -> None:
        """Go away without a word."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        self._socket.close()

    def _take(self, method: str) -> Told | None:
        _, mark, rest = self.received.partition(b"\r\n\r\n")
        if not mark:
            return None
        source = BytesIO(self.received)
        response = HTTPResponse(_Readable(source), method=method)  # type: ignore[arg-type]
        response.begin()
        length = response.length or 0
        if len(rest) < length:
            return None
        self.received = rest[length:]
        return Told(response.status, {name.lower(): value for name, value in response.getheaders()}, rest[:length])


class _Readable:
    """As http.client wants a socket."""

    def __init__(self, source: BytesIO) -> None:
        self._source = source

    def makefile(self, mode: str) -> BytesIO:
        return self._source
