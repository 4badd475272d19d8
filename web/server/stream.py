"""A caller's socket as gunicorn's own handling wants it: waiting hands control to the hub, and time is bounded."""

import errno
import socket
import time

from web.server.hub import READ, WRITE, Hub
from web.server.limits import REQUEST_S, SEND_S


class Stream:
    """Speaks the words of a blocking socket, of those that gunicorn uses."""

    def __init__(self, hub: Hub, sock: socket.socket, received: bytes, keepalive_s: float) -> None:
        """``received``: what has been read of the socket already; ``keepalive_s``: the wait for a next request."""
        self._hub = hub
        self._socket = sock
        self._received = received
        self._keepalive_s = keepalive_s
        self._until = time.monotonic() + REQUEST_S
        self.idle = False  # between two requests
        self._ended = False

    def recv(self, size: int) -> bytes:
        """What has come; b"" at the end, and when the caller's time is up."""
        if self._received:
            chunk, self._received = self._received[:size], self._received[size:]
            return chunk
        while not self._ended:
            try:
                chunk = self._socket.recv(size)
            except BlockingIOError:
                left = self._until - time.monotonic()
                if left <= 0 or not self._hub.wait_for(self._socket, READ, left):
                    break
            else:
                self._note_received()
                return chunk
        return b""

    def _note_received(self) -> None:
        if self.idle:
            self.idle = False
            self._until = time.monotonic() + REQUEST_S

    def sendall(self, data: bytes) -> None:
        """Send all of it; raises OSError when the caller is gone or does not take it in time."""
        left = memoryview(data)
        until = time.monotonic() + SEND_S
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                if not self._hub.wait_for(self._socket, WRITE, until - time.monotonic()):
                    raise OSError(errno.EPIPE, "the caller does not take its answer") from None
        self._hub.give_turn()  # whoever sends requests without end must not keep all others waiting
        self.idle = True
        self._until = time.monotonic() + self._keepalive_s

    def send(self, data: bytes) -> int:
        """As sendall."""
        self.sendall(data)
        return len(data)

    def end(self) -> None:
        """Nothing more is received: the worker stops. Takes effect where it waits for the next request, too."""
        self._ended = True
        self._until = 0.0
        if self.idle:
            self.shutdown(socket.SHUT_RD)

    def shutdown(self, how: int) -> None:
        """As of a socket."""
        self._socket.shutdown(how)

    def close(self) -> None:
        """As of a socket."""
        self._hub.unwatch(self._socket)
        self._socket.close()

    def fileno(self) -> int:
        """As of a socket."""
        return self._socket.fileno()

    def gettimeout(self) -> float:
        """As of a socket that never blocks its thread; time is bounded here."""
        return 0.0

    def settimeout(self, seconds: float | None) -> None:
        """Ignored: see gettimeout."""
