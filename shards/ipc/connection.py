"""One non-blocking stream of frames, for loops that serve many."""

import selectors
import socket
from collections import deque
from contextlib import suppress
from typing import Final

from shards.ipc.frames import Frame, FrameError, FrameKind, pack, unpack
from shards.limits import RECEIVE_BYTES, SEND_BUFFER_BYTES_MAX, SEND_BYTES

_NOTHING: Final = memoryview(b"")


class Connection:
    """A connected socket with what has been received in part and what waits to be sent."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._received = bytearray()
        self._unsent: deque[bytes] = deque()
        self._begun = _NOTHING  # what goes ahead of these: the rest of what the socket took in part
        self.unsent_bytes = 0
        self.closed = False
        self.events = selectors.EVENT_READ  # what its loop watches it for; the loop's to keep

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def receive(self) -> list[Frame]:
        """The frames that have come; sets :attr:`closed` at the end of the stream. Never waits."""
        self._read()
        try:
            return unpack(self._received)
        except FrameError:
            self.close()
            return []

    def _read(self) -> None:
        while not self.closed:
            try:
                chunk = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                break
            except OSError:
                chunk = b""
            if not chunk:
                self.close()
                break
            self._received += chunk
            if len(chunk) < RECEIVE_BYTES:
                break

    def send(self, kind: FrameKind, number: int, time: int = 0, body: bytes = b"") -> None:
        """Queue a frame; :meth:`flush` sends it. A reader that lets too much pile up is cut off."""
        if self.closed:
            return
        frame = pack(kind, number, time, body)
        self._unsent.append(frame)
        self.unsent_bytes += len(frame)
        if self.unsent_bytes > SEND_BUFFER_BYTES_MAX:
            self.close()

    def flush(self) -> bool:
        """Send what the socket takes; whether nothing is left. Each byte is copied once, however much waits."""
        while (self._begun or self._unsent) and not self.closed:
            chunk = self._begun or self._gather()
            try:
                sent = self._socket.send(chunk)
            except BlockingIOError:
                sent = 0
            except OSError:  # the other side has gone; what it sent before can still be taken
                self._read()
                self.close()
                break
            self.unsent_bytes -= sent
            if sent < len(chunk):
                self._begun = memoryview(chunk)[sent:]
                break
            self._begun = _NOTHING
        return not self._begun and not self._unsent

    def _gather(self) -> bytes:
        """The next frames as one chunk for one system call."""
        if self.unsent_bytes <= SEND_BYTES:
            chunk = b"".join(self._unsent) if len(self._unsent) > 1 else self._unsent[0]
            self._unsent.clear()
            return chunk
        frames, size = [], 0
        while self._unsent and size < SEND_BYTES:
            frames.append(self._unsent.popleft())
            size += len(frames[-1])
        return b"".join(frames)

    def close(self) -> None:
        """End the stream; nothing more comes or goes. What was received whole can still be taken."""
        if not self.closed:
            self.closed = True
            self._unsent.clear()
            self._begun = _NOTHING
            self.unsent_bytes = 0
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Give the descriptor back: only once no selector knows it, for its number is used again at once."""
        self.close()
        self._socket.close()
