"""The gunicorn worker class that serves with a hub: one thread, a greenlet for each request being processed.

Gunicorn's master starts, stops and reloads it like any other. Heartbeat, signals and graceful stop are those of
gunicorn's workers; plain requests are parsed and answered by :mod:`web.server.connection`, all others by gunicorn's own
handling over a :class:`web.server.stream.Stream`.
"""

import os
import socket
import time
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from web.server import hub as hubs
from web.server.answer import Answer, Application
from web.server.connection import HttpConnection
from web.server.descriptors import make_room
from web.server.gunicorn_parts import GunicornWorker, LoggedAnswer, ReadRequest, base_environ, create, log_access
from web.server.limits import ACCEPT_COUNT_MAX, ACCEPT_PAUSE_S, WorkerLimits
from web.server.poller import READ
from web.server.request_parser import FastRequestParser
from web.server.stream import Stream


class HubWorker(GunicornWorker):
    """One worker process."""

    limits = WorkerLimits()  # a class attribute, because gunicorn constructs the worker

    def init_process(self) -> None:
        """Runs in the worker before the application is loaded, which connects to the engine with this hub."""
        self.hub = hubs.make_current()
        super().init_process()

    def run(self) -> None:
        """Serve until asked to stop, then finish pending requests, within gunicorn's timeout."""
        self.hub.watch(self.PIPE[0], READ, self._on_signal)
        self.begin()
        while self.alive and self.ppid == os.getppid():
            self.hub.turn(self.limits.look_s)
        self.stop()

    def begin(self) -> None:
        """Start accepting connections."""
        self._connections: dict[HttpConnection, None] = {}
        self._unread: dict[HttpConnection, int] = {}  # bytes of responses not yet sent
        self.unread_bytes = 0  # their sum
        self._accepting = False
        self._logs_access = bool(self.cfg.accesslog)  # looking up a gunicorn setting is slow
        self.keepalive_s = float(self.cfg.keepalive)
        self.worker_connections: int = make_room(self.cfg.worker_connections)
        self.application: Application = self.wsgi
        self._listener = _Listener(self.sockets[0].getsockname())
        self.reader = FastRequestParser(self._base_environ(), self.cfg)
        for listener in self.sockets:
            listener.setblocking(False)
        self._accept_again()
        self._look()

    def _base_environ(self) -> dict[str, Any]:
        host, port = _host_and_port(self._listener.getsockname())
        return {
            **base_environ(self.cfg),
            "wsgi.url_scheme": "http",
            "wsgi.multithread": True,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "SCRIPT_NAME": "",
        }

    def _on_signal(self, _: int) -> None:
        """Wakes the loop after a signal; its handler has done the rest."""
        try:
            os.read(self.PIPE[0], 4_096)
        except BlockingIOError:
            pass

    # Connections

    @property
    def connection_count(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def _accept_again(self) -> None:
        if not self._accepting and self.alive:
            self._accepting = True
            for listener in self.sockets:
                self.hub.watch(listener, READ, partial(self._accept, listener))

    def _pause_accepting(self) -> None:
        if self._accepting:
            self._accepting = False
            for listener in self.sockets:
                self.hub.unwatch(listener)

    def _accept(self, listener: Any, _: int = READ) -> bool:
        """Accept waiting connections, up to a bound; whether there may be more."""
        for _ in range(ACCEPT_COUNT_MAX):
            is_full = len(self._connections) >= self.worker_connections
            leaving = self._first_to_end() if is_full else None
            if is_full and leaving is None:
                self._pause_accepting()  # until a request is answered
                return False
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return False
            except ConnectionAbortedError:
                continue
            except OSError as fault:
                self.log.warning("cannot accept: %s", fault)
                self._pause_accepting()
                self.hub.later(ACCEPT_PAUSE_S, self._accept_again)
                return False
            if leaving is not None:
                leaving.make_room()
            self._begin(sock, address)
        return True

    def _first_to_end(self) -> HttpConnection | None:
        """The connection to close in favor of a new one: idle or incomplete, with the earliest timeout."""
        waiting = (connection for connection in self._connections if connection.is_waiting)
        in_order = sorted(waiting, key=lambda connection: connection.expires_at)
        return next((connection for connection in in_order if not connection.has_input()), None)

    def _begin(self, sock: socket.socket, address: Any) -> None:
        sock.setblocking(False)
        self._connections[HttpConnection(self, sock, _host_and_port(address))] = None

    def note_unread(self, connection: HttpConnection, size: int) -> None:
        """``size`` bytes of a response are not yet sent. Beyond the bound, the connection with the most is closed."""
        self.unread_bytes += size - self._unread.pop(connection, 0)
        if size:
            self._unread[connection] = size
        while self.unread_bytes > self.limits.unread_bytes_max:
            most = max(self._unread, key=lambda each: self._unread[each])
            self.unread_bytes -= self._unread.pop(most)
            most.make_room()

    def note_waiting(self) -> None:
        """A connection waits for its client: it could be closed in favor of another."""
        if len(self._connections) >= self.worker_connections:
            self._accept_again()  # otherwise descriptors were short, and the pause in accepting goes on

    def forget(self, connection: HttpConnection) -> None:
        self.note_unread(connection, 0)
        self._connections.pop(connection, None)
        self._accept_again()

    def _look(self) -> None:
        """Heartbeat; closes connections whose timeout has expired."""
        self.notify()
        self.hub.later(self.limits.look_s, self._look)
        now = time.monotonic()
        for connection in [each for each in self._connections if each.until <= now]:
            connection.close()

    # Requests

    def hand_over(self, stream: Stream, address: tuple[str, int]) -> None:
        """Serve the rest of a connection with gunicorn's handling; returns when it has ended."""
        self.handle(self._listener, stream, address)

    def timeout_ctx(self) -> AbstractContextManager[None]:
        """Replaces gunicorn's bound on the wait for a request: the stream has its own."""
        return nullcontext()

    def handle_request(self, listener_name: Any, req: ReadRequest, sock: Stream, addr: tuple[str, int]) -> bool:
        """Answer a request parsed by gunicorn like one parsed here; raises StopIteration at the connection's end."""
        started = time.perf_counter()
        _, environ = create(req, sock, addr, listener_name, self.cfg)
        environ["wsgi.multithread"] = True
        answer = Answer()
        answer.ask(self.application, environ)
        self.answered(environ, answer, started)
        keep_alive = self.alive and not req.should_close()
        sock.sendall(answer.as_bytes(req.method, keep_alive))
        if not keep_alive:
            raise StopIteration
        return True

    def answered(self, environ: dict[str, Any], answer: Answer, started: float) -> None:
        """Count and log an answered request."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        if self._logs_access:
            logged = LoggedAnswer(answer.status, len(answer.body), answer.headers)
            log_access(self.log, logged, environ, time.perf_counter() - started)

    # Stopping

    def stop(self) -> None:
        """Accept nothing more; finish pending requests."""
        self.alive = False
        self.hub.turn_until(lambda: False, self.limits.successor_s)
        self._pause_accepting()
        for listener in self.sockets:
            while self._accept(listener):
                pass  # closing the socket would reset connections waiting in its backlog
            listener.close()
        for connection in list(self._connections):
            connection.stop()
        self.hub.turn_until(lambda: not self._connections, self.cfg.graceful_timeout)


def _host_and_port(address: Any) -> tuple[str, int]:
    """Of a TCP address; a Unix socket has none."""
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else ("localhost", 0)


class _Listener:
    """What gunicorn's handling needs of the listener, even after it is closed."""

    def __init__(self, name: Any) -> None:
        self._name = name

    def getsockname(self) -> Any:
        return self._name
