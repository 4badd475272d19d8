"""A client's socket for gunicorn's own handling: waiting yields to the hub, and time and bytes are bounded."""

import errno
import socket
import time
from collections.abc import Callable

from web.server.gunicorn_parts import NoMoreData
from web.server.hub import Hub
from web.server.limits import LINGER_BYTES_MAX, RECEIVE_BYTES, WorkerLimits
from web.server.poller import READ, WRITE


class Stream:
    """Has the methods of a blocking socket that gunicorn uses."""

    def __init__(
        self,
        hub: Hub,
        sock: socket.socket,
        received: bytes,
        keepalive_s: float,
        limits: WorkerLimits,
        note_unread: Callable[[int], None],
        note_waiting: Callable[[], None],
    ) -> None:
        """``received``: bytes already read from the socket; ``keepalive_s``: how long to wait for a next request.

        ``note_unread`` is called with the number of bytes not yet sent, 0 once all are; ``note_waiting`` is called when
        the client is waited for.
        """
        self._hub = hub
        self._socket = sock
        self._received = received
        self._keepalive_s = keepalive_s
        self._limits = limits
        self._note_unread = note_unread
        self._note_waiting = note_waiting
        self.until = time.monotonic() + limits.request_s  # when the client's timeout expires
        self.is_waiting = False  # for the client to begin or continue a request
        self._bytes = 0  # received of the current request
        self._idle = False  # between two requests
        self._ended = False
        self._closed = False

    def recv(self, size: int) -> bytes:
        """Received bytes; b"" at the end, on timeout, and when the request exceeds its bound.

        Raises NoMoreData when the client has disconnected: not the application's fault.
        """
        if self._received:
            chunk, self._received = self._received[:size], self._received[size:]
            return chunk
        while not (self._idle and self._ended) and self._bytes <= self._limits.request_bytes_max:
            try:
                chunk = self._socket.recv(size)
            except BlockingIOError:
                if not self._wait():
                    break
            except OSError as fault:
                raise NoMoreData from fault
            else:
                self._note_received(len(chunk))
                return chunk
        return b""

    def _wait(self) -> bool:
        """Wait for the client; whether something was received in time."""
        left = self.until - time.monotonic()
        self.is_waiting = left > 0
        try:
            self._note_waiting()
            return left > 0 and self._hub.wait_for(self._socket, READ, left)
        finally:
            self.is_waiting = False

    def _note_received(self, size: int) -> None:
        self._hub.turn_id += 1  # what arrives now may depend on a change made after the turn began
        if self._idle:
            self._idle = False
            self._bytes = 0
            self.until = time.monotonic() + self._limits.request_s
        self._bytes += size

    def sendall(self, data: bytes) -> None:
        """Send a response; raises OSError when the client disconnects or does not receive it in time."""
        self._send(data)
        self._idle = True
        self.until = time.monotonic() + self._keepalive_s

    def send(self, data: bytes) -> int:
        """Send all of an interim response, such as 100 Continue, whose request goes on; raises as sendall does."""
        self._send(data)
        return len(data)

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        until = time.monotonic() + self._limits.send_s
        try:
            while left:
                try:
                    left = left[self._socket.send(left) :]
                except BlockingIOError:
                    self._note_unread(len(data))
                    if not self._hub.wait_for(self._socket, WRITE, until - time.monotonic()):
                        raise OSError(errno.EPIPE, "the client did not take its response in time") from None
        finally:
            self._note_unread(0)
        self._hub.give_turn()  # a client that sends requests without pause must not block all others

    def end(self) -> None:
        """The worker stops: do not wait for a next request."""
        self._ended = True
        if self._idle:
            self.shutdown(socket.SHUT_RD)  # wakes the waiting greenlet with the end

    def cut(self) -> None:
        """Close it while it waits for its client; the waiting greenlet sees the end."""
        self.is_waiting = False
        self.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket, after briefly draining what the client still sends: a reset would lose the response."""
        if self._closed:
            return
        self._closed = True
        self.shutdown(socket.SHUT_WR)
        try:
            self._drain()
        except OSError:
            pass  # it has disconnected
        finally:
            self._socket.close()

    def _drain(self) -> None:
        left = LINGER_BYTES_MAX
        until = time.monotonic() + self._limits.linger_s
        while left > 0 and time.monotonic() < until:
            try:
                size = len(self._socket.recv(RECEIVE_BYTES))
            except BlockingIOError:
                self._hub.wait_for(self._socket, READ, until - time.monotonic())
            else:
                left = left - size if size else 0

    def shutdown(self, how: int) -> None:
        """As of a socket; errors are ignored if the client has already disconnected."""
        try:
            self._socket.shutdown(how)
        except OSError:
            pass

    def fileno(self) -> int:
        return self._socket.fileno()

    def gettimeout(self) -> float:
        """As of a socket that never blocks its thread; time is bounded here."""
        return 0.0

    def settimeout(self, seconds: float | None) -> None:
        """Ignored: see gettimeout."""
