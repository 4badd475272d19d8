"""A client connection: plain requests are parsed here and each is answered in a greenlet, one after the other.

The first request that is not plain hands the connection over to gunicorn's own handling, in a greenlet, for the rest of
its life.
"""

import logging
import socket
import time
from functools import partial
from math import inf
from typing import Any, Final, Protocol

from web.server.answer import Answer, Application
from web.server.connection_state import MAY_BECOME, UNDER_WAY, WAITS_FOR_CLIENT, State
from web.server.hub import Hub
from web.server.limits import PIPELINE_BYTES_MAX, RECEIVE_BYTES, WorkerLimits
from web.server.poller import READ, WRITE
from web.server.request_parser import FastRequestParser, NeedsFallback, ParsedRequest
from web.server.stream import Stream

_log: Final = logging.getLogger("gunicorn.error")

_NOTHING: Final = memoryview(b"")


class Server(Protocol):
    """What a connection needs of its worker."""

    hub: Hub
    alive: bool
    keepalive_s: float
    limits: WorkerLimits
    reader: FastRequestParser
    application: Application

    def hand_over(self, stream: Stream, address: tuple[str, int]) -> None:
        """Serve the rest of a connection with gunicorn's handling; returns when it has ended."""

    def answered(self, environ: dict[str, Any], answer: Answer, started: float) -> None:
        """Called for each request that was answered; ``started`` is of time.perf_counter."""

    def note_unread(self, connection: "HttpConnection", size: int) -> None:
        """``size`` bytes of a response are not yet sent; 0: none any more. May close connections."""

    def note_waiting(self) -> None:
        """The connection waits for its client: it could be closed in favor of another."""

    def forget(self, connection: "HttpConnection") -> None:
        """The connection is closed."""


class HttpConnection:
    """A connection, from accept to close. ``until``: when its current timeout expires, in the hub's time."""

    __slots__ = (
        "_address",
        "_keep_alive",
        "_needed",
        "_received",
        "_server",
        "_socket",
        "_state",
        "_stream",
        "_unsent",
        "_watched",
        "until",
    )

    def __init__(self, server: Server, sock: socket.socket, address: tuple[str, int]) -> None:
        self._server = server
        self._socket = sock
        self._address = address
        self._received = b""
        self._needed = 0  # bytes that must be received before parsing is worth another try
        self._unsent = _NOTHING
        self._state = State.FRESH
        self._keep_alive = True
        self._stream: Stream | None = None  # once it is handed over
        self._watched = 0
        self.until = server.hub.now + server.keepalive_s
        self._watch(READ)

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for its client: no request is being processed, or none is complete."""
        return self._state in WAITS_FOR_CLIENT if self._stream is None else self._stream.is_waiting

    def has_input(self) -> bool:
        """Whether the client has sent something not read yet, or has disconnected."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    @property
    def expires_at(self) -> float:
        """When the wait for its client ends, in the hub's time."""
        return self.until if self._stream is None else self._stream.until

    def make_room(self) -> None:
        """Close it while it waits for its client, to free its resources for others."""
        if self._stream is None:
            self.close()
        else:
            self._stream.cut()

    def close(self) -> None:
        if self._state is State.CLOSED:
            return
        self._become(State.CLOSED)
        self._watch(0)
        self._socket.close()
        self._unsent, self._received = _NOTHING, b""
        self._server.forget(self)

    def _drain(self) -> None:
        """Drain received bytes: closing with unread ones would reset the connection and lose the response."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.recv(RECEIVE_BYTES)
        except OSError:
            pass  # nothing received, or the client has disconnected

    def stop(self) -> None:
        """Close it as soon as no request is being processed. Requests already received are answered."""
        if self._state in WAITS_FOR_CLIENT:
            self._on_ready(READ)
        if self._stream is not None:
            self._stream.end()
        elif self._state is State.FRESH:
            self.until = self._server.hub.now + self._server.limits.first_s
        elif self._state is State.IDLE:
            self.close()

    def _become(self, state: State) -> None:
        """Change the state; nothing else does."""
        assert state in MAY_BECOME[self._state], f"{self._state.name} became {state.name}"
        self._state = state

    def _watch(self, events: int) -> None:
        if events == self._watched:
            return
        self._watched = events
        if events:
            self._server.hub.watch(self._socket, events, self._on_ready)
        else:
            self._server.hub.unwatch(self._socket)

    def _on_ready(self, events: int) -> None:
        if self._state is State.CLOSED:
            return
        try:
            if events & READ:
                self._receive()
            elif events & WRITE:
                self._send()
        except Exception:
            self._fail()

    def _fail(self) -> None:
        """An internal error closes this connection, and no other."""
        _log.exception("fault on a connection")
        self.close()

    # Receiving

    def _receive(self) -> None:
        try:
            chunk = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if self._state in UNDER_WAY:
            self._receive_early(chunk)
        elif not chunk:
            self._end_received()
        else:
            if self._state is not State.READING:
                self._become(State.READING)
                server = self._server
                self.until = server.hub.now + server.limits.request_s
            self._received = self._received + chunk if self._received else chunk
            if len(self._received) >= self._needed:
                self._take()

    def _receive_early(self, chunk: bytes) -> None:
        """Buffer the next request, or note the end, while one is being processed."""
        self._received += chunk
        if not chunk or len(self._received) > PIPELINE_BYTES_MAX:
            self._watch(0)

    def _end_received(self) -> None:
        """The client sends no more. A truncated request may still be answered, as in gunicorn."""
        if self._received:
            self._hand_over()
        else:
            self.close()

    def _take_next(self) -> None:
        if self._state is State.CLOSED:
            return
        try:
            self._become(State.READING)
            self._watch(READ)
            self._take()
        except Exception:
            self._fail()

    def _take(self) -> None:
        """Serve the request at the front of the buffer, if it is complete."""
        try:
            found = self._server.reader.read(self._received, self._address)
        except NeedsFallback:
            self._hand_over()
            return
        if isinstance(found, int):
            self._needed = found
            return
        self._received = self._received[found.size :]
        self._needed = 0
        self._become(State.SERVING)
        self.until = inf  # bounded by the engine's deadlines
        self._server.hub.spawn(partial(self._serve, found))

    def _hand_over(self) -> None:
        """Leave the rest of the connection to gunicorn."""
        self._become(State.HANDED_OVER)
        self._watch(0)
        self.until = inf  # the stream has timeouts of its own
        server, hub = self._server, self._server.hub
        note_unread = partial(server.note_unread, self)
        self._stream = Stream(
            hub, self._socket, self._received, server.keepalive_s, server.limits, note_unread, server.note_waiting
        )
        self._received = b""
        hub.spawn(partial(self._serve_stream, self._stream))

    def _serve_stream(self, stream: Stream) -> None:
        try:
            self._server.hand_over(stream, self._address)
        finally:
            self.close()

    # Answering

    def _serve(self, request: ParsedRequest) -> None:
        try:
            self._answer(request)
        except Exception:
            self._fail()

    def _answer(self, request: ParsedRequest) -> None:
        started = time.perf_counter()
        answer = Answer()
        answer.ask(self._server.application, request.environ)
        self._server.answered(request.environ, answer, started)
        self._keep_alive = request.keep_alive and self._server.alive
        self._unsent = memoryview(answer.as_bytes(request.environ["REQUEST_METHOD"], self._keep_alive))
        self._send()

    def _send(self) -> None:
        """Send what the socket accepts; once all is sent, continue with the next request."""
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(self._unsent):
            self._unsent = self._unsent[sent:]
            if self._state is not State.SENDING:
                self._become(State.SENDING)
                self._watch(WRITE)
                self.until = time.monotonic() + self._server.limits.send_s
                self._server.note_unread(self, len(self._unsent))
            return
        if self._state is State.SENDING:
            self._server.note_unread(self, 0)
        if not self._keep_alive:
            self._drain()
            self.close()
            return
        self._unsent = _NOTHING
        if self._received:
            self.until = self._server.hub.now + self._server.limits.request_s
            self._server.hub.soon(self._take_next)
            return
        self._become(State.IDLE)
        self._watch(READ)
        self.until = self._server.hub.now + self._server.keepalive_s
        self._server.note_waiting()
