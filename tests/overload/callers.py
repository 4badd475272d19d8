"""Many callers on connections of their own, none of which ever waits: raw sockets, keep-alive, one selector."""

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from tests.fuzz import wire
from tests.overload.orders import Request

RECEIVE_BYTES: Final = 65_536
PROBE: Final = Request("probe", wire.PROBE, ())
LOST: Final = 0  # instead of a status: the connection ended without an answer

OnAnswer = Callable[[Request, int, bytes, float], None]
"""The request, its status, the body, and the seconds since it was due."""


class Caller:
    """A connection with at most one request under way."""

    __slots__ = ("buffer", "due", "request", "socket", "unsent")

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(("127.0.0.1", port))
        self.buffer = b""
        self.unsent = b""
        self.request: Request | None = None
        self.due = 0.0

    def push(self) -> None:
        """Send what is unsent, as far as it goes. Raises OSError when the connection has failed."""
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except (BlockingIOError, InterruptedError):
            pass

    def pull(self) -> tuple[int, bytes, bool] | None:
        """Status, body and whether the connection ends, once all is there. Raises OSError when it is lost."""
        try:
            chunk = self.socket.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        if not chunk:
            raise ConnectionResetError
        self.buffer += chunk
        head, mark, body = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return None
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) < int(fields[b"content-length"]):
            return None
        self.buffer = b""
        return int(head[9:12]), body, fields.get(b"connection") == b"close"


class Callers:
    """At most ``count_max`` connections, opened as they are needed."""

    def __init__(self, port: int, count_max: int, on_answer: OnAnswer) -> None:
        self._port = port
        self._count_max = count_max
        self._on_answer = on_answer
        self._idle: deque[Caller] = deque()
        self._selector = selectors.DefaultSelector()
        self._count = 0
        self.under_way = 0

    def has_free(self) -> bool:
        """Whether one more request can be sent now."""
        return bool(self._idle) or self._count < self._count_max

    def send(self, request: Request, due: float) -> None:
        """Send a request that was due at ``due`` (monotonic); somebody must be free."""
        caller = self._idle.popleft() if self._idle else self._open()
        caller.request, caller.due, caller.unsent = request, due, request.data
        self.under_way += 1
        self._push(caller)

    def warm(self, seconds: float) -> None:
        """Open every connection and have a request answered on each: a server may accept them one by one."""
        on_answer, self._on_answer = self._on_answer, lambda *_: None
        try:
            while self._count < self._count_max:
                self._idle.append(self._open())
            for _ in range(self._count_max):
                self.send(PROBE, time.monotonic())
            end = time.monotonic() + seconds
            while self.under_way:
                assert time.monotonic() < end, f"{self.under_way} connections are not served"
                self.turn(end - time.monotonic())
        finally:
            self._on_answer = on_answer

    def turn(self, patience_s: float) -> None:
        """Handle what has come; waits at most so long for anything."""
        for key, events in self._selector.select(max(0.0, patience_s)):
            caller: Caller = key.data
            if events & selectors.EVENT_WRITE:
                self._push(caller)
            if events & selectors.EVENT_READ and caller.socket.fileno() >= 0:
                self._pull(caller)

    def close(self) -> None:
        """Close every connection."""
        for key in list(self._selector.get_map().values()):
            key.data.socket.close()
        self._selector.close()

    def _open(self) -> Caller:
        caller = Caller(self._port)
        self._selector.register(caller.socket, selectors.EVENT_READ, caller)
        self._count += 1
        return caller

    def _push(self, caller: Caller) -> None:
        try:
            caller.push()
        except OSError:
            self._lose(caller)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if caller.unsent else 0)
        if self._selector.get_key(caller.socket).events != events:
            self._selector.modify(caller.socket, events, caller)

    def _pull(self, caller: Caller) -> None:
        try:
            answer = caller.pull()
        except OSError:
            self._lose(caller)
            return
        if answer is not None:
            status, body, ends = answer
            self._finish(caller, status, body)
            if ends:
                self._drop(caller)
            else:
                self._idle.append(caller)

    def _lose(self, caller: Caller) -> None:
        """The connection has ended: while it was idle nothing is lost."""
        if caller.request is None:
            self._idle.remove(caller)
        else:
            self._finish(caller, LOST, b"")
        self._drop(caller)

    def _finish(self, caller: Caller, status: int, body: bytes) -> None:
        request = caller.request
        assert request is not None, f"an answer that nobody asked for: {status} {body!r}"
        caller.request = None
        self.under_way -= 1
        self._on_answer(request, status, body, time.monotonic() - caller.due)

    def _drop(self, caller: Caller) -> None:
        self._selector.unregister(caller.socket)
        caller.socket.close()
        self._count -= 1
