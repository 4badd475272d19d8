"""A non-blocking socket with its stream, for event loops with many connections."""

import selectors
import socket
from contextlib import suppress
from typing import Final, Generic, TypeVar

from shards.ipc.frames import Stream
from shards.limits import RECEIVE_BYTES

E = TypeVar("E")

_BOTH: Final = selectors.EVENT_READ | selectors.EVENT_WRITE


class Connection(Generic[E]):
    """A connected socket; its stream handles the protocol. When either ends, so does the other."""

    def __init__(self, sock: socket.socket, stream: Stream[E]) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.stream = stream
        self._heard: list[E] = []  # received when a send failed because the other side was gone
        self.events = selectors.EVENT_READ  # what the event loop must watch it for

    def fileno(self) -> int:
        return self.socket.fileno()

    def receive(self) -> list[E]:
        """Return the received events; closes the stream at the end of input. Never blocks."""
        events, self._heard = self._heard, []
        stream = self.stream
        while not stream.closed:
            try:
                chunk = self.socket.recv(RECEIVE_BYTES)
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
        """Send what the socket accepts; return whether the event loop must watch for other :attr:`events` now."""
        stream = self.stream
        while stream.unsent_bytes:
            chunk = stream.chunk()
            try:
                sent = self.socket.send(chunk)
            except BlockingIOError:
                sent = 0
            except OSError:  # the other side is gone; what it sent before can still be received
                self._heard = self.receive()
                stream.close()
                break
            stream.sent(sent)
            if sent < len(chunk):
                break
        events, self.events = self.events, _BOTH if stream.unsent_bytes else selectors.EVENT_READ
        return events != self.events

    def release(self) -> None:
        """Close the socket: only once no selector has it, since its descriptor may be reused immediately."""
        self.stream.close()
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # a child process that inherited the descriptor would keep it open
        self.socket.close()
