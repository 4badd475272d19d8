"""A worker in the test's own process, over real sockets, and its callers. One thread: whoever waits turns the hub."""

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
from web.server.limits import WorkerLimits
from web.server.worker import HubWorker

LONG_S: Final = 20.0  # a test that waits so long has failed
PIECE: Final = 65_536
LIMITS: Final = WorkerLimits(first_s=0.3, linger_s=0.1, look_s=0.02, successor_s=0.02)  # the rest as in use


class Application:
    """/echo repeats what it was sent; /wait waits for ``release``; /big/N has a body of N bytes; /fail raises."""

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

    limits = LIMITS

    def __init__(self, listener: Any, **settings: Any) -> None:
        config = Config()
        for name, value in {"keepalive": 75, "http_parser": "python", **settings}.items():
            config.set(name, value)
        super().__init__(1, os.getppid(), [listener], None, 30, config, Logger(config))
        self.hub = Hub()
        self.site = self.wsgi = Application(self.hub)
        self.faulty = ""  # the name of a step that fails
        self.begin()

    def answered(self, *arguments: Any) -> None:
        self._fail_in("answered")
        super().answered(*arguments)

    def handle(self, *arguments: Any) -> None:
        self._fail_in("handle")
        super().handle(*arguments)

    def _fail_in(self, step: str) -> None:
        if step == self.faulty:
            raise ValueError("ours")

    def until(self, reached: Callable[[], bool], what: str, seconds: float = LONG_S) -> None:
        """Turn the hub until it is so; fails after so long."""
        end = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < end, f"not within {seconds} s: {what}"
            self.hub.turn(0.002)

    def turn_for(self, seconds: float) -> None:
        """Turn the hub for so long."""
        self.hub.turn_until(lambda: False, seconds)

    def close(self) -> None:
        """Release what is its own; no connection may be left."""
        self.tmp.close()
        self.hub.close()


class Answer(NamedTuple):
    """What a caller receives."""

    status: int
    headers: dict[str, str]
    body: bytes


class Caller:
    """A client's socket, which never blocks."""

    def __init__(
        self, bench: Bench, address: Any, receive_bytes: int | None = None, send_bytes: int | None = None
    ) -> None:
        """``receive_bytes`` and ``send_bytes``: so small are its own buffers."""
        self._bench = bench
        self._socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        if receive_bytes is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        if send_bytes is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
        self._socket.connect(address)
        self._socket.setblocking(False)
        self.received = b""
        self.ended = False  # the server has closed its side
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
        """Close the sending side."""
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

    def answers(self, count: int, method: str = "GET") -> list[Answer]:
        """So many of them, which came whole; the rest stays."""
        found: list[Answer] = []

        def look() -> bool:
            while self.pull():
                pass
            while len(found) < count and (answer := self._take(method)) is not None:
                found.append(answer)
            return len(found) == count or self.ended

        self._bench.until(look, "answers")
        assert len(found) == count, f"{len(found)} answers, and then the end: {self.received[:200]!r}"
        return found

    def answer(self, method: str = "GET") -> Answer:
        """The next one."""
        return self.answers(1, method)[0]

    def ask(self, data: bytes, method: str = "GET") -> Answer:
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
        """Disconnect with a reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        self._socket.close()

    def _take(self, method: str) -> Answer | None:
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
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, rest[:length])


class _Readable:
    """As http.client wants a socket."""

    def __init__(self, source: BytesIO) -> None:
        self._source = source

    def makefile(self, mode: str) -> BytesIO:
        return self._source
