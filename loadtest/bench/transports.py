"""Ways to send queries to another process and receive its replies: Python's own, and what is common to all."""

import multiprocessing
import socket
from collections.abc import Callable
from typing import Any, Final, Protocol

BODY: Final = b"x" * 64
UNANSWERED: Final = b"-" * 64  # message of the one-way throughput
UNDER_WAY: Final = 64
DEPTH: Final = 1_024

context: Final = multiprocessing.get_context("fork")


class Transport(Protocol):
    """A way to send queries to another process and receive its replies."""

    def answer(self) -> None:
        """Run in the answering process, forever."""

    def open(self) -> None:
        """Prepare in the asking process, once the other runs."""

    def ask(self) -> None:
        """One round trip."""

    def ask_many(self, count: int) -> None:
        """``count`` round trips, :data:`UNDER_WAY` concurrently."""

    def tell_many(self, count: int) -> None:
        """``count`` messages one way; returns when the other process has received the last."""


class _Blocking:
    """A transport whose operations block: it sends ahead of what it receives, and sending waits for room."""

    _take: Callable[[], bytes]  # in the answering process
    _reply: Callable[[bytes], object]
    _send: Callable[[bytes], object]  # in the asking one
    _receive: Callable[[], bytes]

    def answer(self) -> None:
        while True:
            body = self._take()
            if body != UNANSWERED:
                self._reply(body)

    def open(self) -> None:
        """Nothing to do."""

    def ask(self) -> None:
        self._send(BODY)
        self._receive()

    def ask_many(self, count: int) -> None:
        for index in range(count + UNDER_WAY):
            if index >= UNDER_WAY:
                self._receive()
            if index < count:
                self._send(BODY)

    def tell_many(self, count: int) -> None:
        for _ in range(1, count):
            self._send(UNANSWERED)
        self.ask()


class StandardQueue(_Blocking):
    """A ``multiprocessing.Queue`` in each direction."""

    def __init__(self) -> None:
        queries: Any = context.Queue(DEPTH)
        replies: Any = context.Queue(DEPTH)
        self._take, self._reply = queries.get, replies.put
        self._send, self._receive = queries.put, replies.get


class StandardPipe(_Blocking):
    """A ``multiprocessing.Pipe``."""

    def __init__(self) -> None:
        near, far = context.Pipe()
        self._take, self._reply = far.recv_bytes, far.send_bytes
        self._send, self._receive = near.send_bytes, near.recv_bytes


class RawSocket:
    """A Unix stream socket: no frames, no numbers, no bound."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()

    def answer(self) -> None:
        while True:
            answered = self._far.recv(65_536).replace(UNANSWERED[:1], b"")
            if answered:
                self._far.sendall(answered)

    def open(self) -> None:
        """Nothing to do."""

    def ask(self) -> None:
        self._near.sendall(BODY)
        self._near.recv(len(BODY), socket.MSG_WAITALL)

    def ask_many(self, count: int) -> None:
        """Sends ahead of what it receives."""
        requested = answered = 0
        while answered < count:
            for _ in range(min(UNDER_WAY - (requested - answered), count - requested)):
                self._near.sendall(BODY)
                requested += 1
            size = len(self._near.recv(65_536))
            size += len(self._near.recv(-size % len(BODY), socket.MSG_WAITALL)) if size % len(BODY) else 0
            answered += size // len(BODY)

    def tell_many(self, count: int) -> None:
        """Sends, which wait for room."""
        for _ in range(1, count):
            self._near.sendall(UNANSWERED)
        self.ask()
