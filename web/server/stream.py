"""A caller's socket as gunicorn's own handling wants it: waiting hands control to the hub, and all is bounded."""

import errno
import socket
import time
from collections.abc import Callable

from web.server.gunicorn_parts import NoMoreData
from web.server.hub import Hub
from web.server.limits import LINGER_BYTES_MAX, LINGER_S, RECEIVE_BYTES, REQUEST_S, SEND_S
from web.server.poller import READ, WRITE


class Stream:
    """Speaks the words of a blocking socket, of those that gunicorn uses."""

    def __init__(
        self,
        hub: Hub,
        sock: socket.socket,
        received: bytes,
        keepalive_s: float,
        bytes_max: int,
        note_unread: Callable[[int], None],
        note_waiting: Callable[[], None],
    ) -> None:
        """``received``: what has been read of the socket already; ``keepalive_s``: the wait for a next request.

        ``bytes_max``: of one request. ``note_unread`` is told how many bytes wait for their reader; 0 when none do any
        more. ``note_waiting`` is told when the caller is waited for.
        """
        self._hub = hub
        self._socket = sock
        self._received = received
        self._keepalive_s = keepalive_s
        self._bytes_max = bytes_max
        self._note_unread = note_unread
        self._note_waiting = note_waiting
        self.until = time.monotonic() + REQUEST_S  # when its caller's time is up
        self.is_waiting = False  # for its caller, to begin a request or to go on with it
        self._bytes = 0  # received of the request under way
        self._idle = False  # between two requests
        self._ended = False
        self._closed = False

    def recv(self, size: int) -> bytes:
        """What has come; b"" at the end, and when the caller's time is up or the request beyond all bounds.

        Raises NoMoreData when the caller has gone: no fault of who reads.
        """
        if self._received:
            chunk, self._received = self._received[:size], self._received[size:]
            return chunk
        while not (self._idle and self._ended) and self._bytes <= self._bytes_max:
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
        """Wait for the caller; whether something has come in time."""
        left = self.until - time.monotonic()
        self.is_waiting = left > 0
        try:
            self._note_waiting()
            return left > 0 and self._hub.wait_for(self._socket, READ, left)
        finally:
            self.is_waiting = False

    def _note_received(self, size: int) -> None:
        self._hub.turn_id += 1  # what comes now may know of a change that was made after the turn began
        if self._idle:
            self._idle = False
            self._bytes = 0
            self.until = time.monotonic() + REQUEST_S
        self._bytes += size

    def sendall(self, data: bytes) -> None:
        """Send an answer; raises OSError when the caller is gone or does not take it in time."""
        self._send(data)
        self._idle = True
        self.until = time.monotonic() + self._keepalive_s

    def send(self, data: bytes) -> int:
        """Send all of a first word, such as 100 Continue, whose request goes on; raises as sendall does."""
        self._send(data)
        return len(data)

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        until = time.monotonic() + SEND_S
        try:
            while left:
                try:
                    left = left[self._socket.send(left) :]
                except BlockingIOError:
                    self._note_unread(len(data))
                    if not self._hub.wait_for(self._socket, WRITE, until - time.monotonic()):
                        raise OSError(errno.EPIPE, "the caller does not take its answer") from None
        finally:
            self._note_unread(0)
        self._hub.give_turn()  # whoever sends requests without end must not keep all others waiting

    def end(self) -> None:
        """The worker stops: no next request is waited for."""
        self._ended = True
        if self._idle:
            self.shutdown(socket.SHUT_RD)  # whoever waits for it hears the end

    def cut(self) -> None:
        """End it while it waits for its caller: whoever waits hears the end."""
        self.is_waiting = False
        self.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """As of a socket; but a caller who still sends is heard out for a moment, or it would lose its answer."""
        if self._closed:
            return
        self._closed = True
        self.shutdown(socket.SHUT_WR)
        try:
            self._hear_out()
        except OSError:
            pass  # it has gone
        finally:
            self._socket.close()

    def _hear_out(self) -> None:
        left = LINGER_BYTES_MAX
        until = time.monotonic() + LINGER_S
        while left > 0 and time.monotonic() < until:
            try:
                size = len(self._socket.recv(RECEIVE_BYTES))
            except BlockingIOError:
                self._hub.wait_for(self._socket, READ, until - time.monotonic())
            else:
                left = left - size if size else 0

    def shutdown(self, how: int) -> None:
        """As of a socket; nothing is said if the caller has gone already."""
        try:
            self._socket.shutdown(how)
        except OSError:
            pass

    def fileno(self) -> int:
        """As of a socket."""
        return self._socket.fileno()

    def gettimeout(self) -> float:
        """As of a socket that never blocks its thread; time is bounded here."""
        return 0.0

    def settimeout(self, seconds: float | None) -> None:
        """Ignored: see gettimeout."""
