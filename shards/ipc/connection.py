"""One non-blocking socket under a stream, for loops that serve many."""

import selectors
import socket
from contextlib import suppress
from typing import Final, Generic, TypeVar

from shards.ipc.frames import Stream
from shards.limits import RECEIVE_BYTES

E = TypeVar("E")

_BOTH: Final = selectors.EVENT_READ | selectors.EVENT_WRITE


class Connection(Generic[E]):
    """A connected socket; what goes over it is the stream's to say. The end of either is the end of the other."""

    def __init__(self, sock: socket.socket, stream: Stream[E]) -> None:
        sock.setblocking(False)
        self._socket = sock
        self.stream = stream
        self._heard: list[E] = []  # before sending found the other side gone
        self.events = selectors.EVENT_READ  # what its loop is to watch it for

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def receive(self) -> list[E]:
        """What has come; closes the stream at its end. Never waits."""
        events, self._heard = self._heard, []
        stream = self.stream
        while not stream.closed:
            try:
                chunk = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                break
            except OSError:
                chunk = b""
            if not chunk:
                stream.close()
                break
            events += stream.receive(chunk)
            if len(chunk) < RECEIVE_BYTES:
                break
        return events

    def flush(self) -> bool:
        """Send what the socket takes; whether its loop must watch it for other :attr:`events` now."""
        stream = self.stream
        while stream.unsent_bytes:
            chunk = stream.chunk()
            try:
                sent = self._socket.send(chunk)
            except BlockingIOError:
                sent = 0
            except OSError:  # the other side has gone; what it sent before can still be taken
                self._heard = self.receive()
                stream.close()
                break
            stream.sent(sent)
            if sent < len(chunk):
                break
        events, self.events = self.events, _BOTH if stream.unsent_bytes else selectors.EVENT_READ
        return events != self.events

    def release(self) -> None:
        """End it and give the descriptor back: only once no selector knows it, for its number is used again at once."""
        self.stream.close()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # a child that has the descriptor, too, would keep it open
        self._socket.close()
