"""The framing of messages in a stream: a fixed header, then the body.

A connection has one writer per direction and dies with it, so a process killed in the middle of a frame does no harm:
the partial frame is dropped with its connection.
"""

import struct
from collections import deque
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, Generic, TypeVar

from shards.limits import FRAME_BYTES_MAX, SEND_BUFFER_BYTES_MAX, SEND_BYTES

HEAD: Final = struct.Struct("<IBQQ")
_HEAD_BYTES: Final = HEAD.size


class FrameKind(IntEnum):
    """The type of a frame, with the meaning of its number, time and body. Times are Unix milliseconds."""

    HELLO = 1  # first from the caller. number: 1 + its shard (0: not a shard)
    WELCOME = 2  # first from the mailbox. number: slot; time: newest link message received; body: counters file
    REQUEST = 3  # number: the caller's; time: deadline; body: command or query
    REPLY = 4  # number: that of the request; body: reply
    REPLY_PIECE = 5  # like REPLY, with more pieces to follow
    LINK = 6  # number: that of the link message; time: the sender's stamp; body: link message or event
    CONFIRM = 7  # number: link messages up to this one are on disk
    PROMISE = 8  # a shard's answer to WELCOME. number: its newest link message, after which replies wait for the link;
    # time: the newest one confirmed to it as on disk


E = TypeVar("E")


class Stream(Generic[E]):
    """One end of a connection, without its socket: received bytes → events; frames → bytes to send.

    Subclasses interpret frames and decide whether one is allowed now (:mod:`shards.ipc.protocol`).
    """

    def __init__(self, buffer_bytes: int = SEND_BUFFER_BYTES_MAX) -> None:
        """``buffer_bytes``: queued for a reader that does not read; beyond this it is disconnected."""
        self.closed = False  # nothing more is received or sent
        self.fault = ""  # the reason, if the other side violated the protocol
        self.unsent_bytes = 0
        self.sent_bytes = 0
        self._buffer_bytes = buffer_bytes
        self._received = bytearray()  # an incomplete frame
        self._unsent: deque[bytes] = deque()
        self._begun: bytes | memoryview = b""  # the current chunk, sent before these

    def receive(self, chunk: bytes) -> list[E]:
        """Return the events of frames completed by ``chunk``. A fault ends the stream, after the events before it."""
        events: list[E] = []
        stream: bytes | bytearray = chunk  # most frames arrive in one chunk: each body is then copied once
        if self._received:
            stream = self._received
            stream += chunk
        offset, end = 0, len(stream)
        while end - offset >= _HEAD_BYTES:
            size, kind, number, time = HEAD.unpack_from(stream, offset)
            if size > FRAME_BYTES_MAX:
                self._fail(f"a frame of {size} bytes is over the limit of {FRAME_BYTES_MAX}")
            start = offset + _HEAD_BYTES
            if self.closed or end - start < size:
                break
            offset = start + size
            event = self._hear(kind, number, time, bytes(stream[start:offset]))
            if event is not None:
                events.append(event)
        if stream is not chunk:
            del self._received[:offset]
        elif offset < end:
            self._received += chunk[offset:]
        return events

    def _hear(self, kind: int, number: int, time: int, body: bytes) -> E | None:
        """Return the event of a frame, if any."""
        raise NotImplementedError

    def _fail(self, fault: str) -> None:
        self.fault = fault
        self.close()

    def send(self, kind: FrameKind, number: int, time: int = 0, body: bytes = b"") -> None:
        """Queue a frame. The connection is closed if a slow reader lets the queue grow beyond its limit."""
        if self.closed:
            return
        frame = HEAD.pack(len(body), kind, number, time) + body
        self._unsent.append(frame)
        self.unsent_bytes += len(frame)
        if self.unsent_bytes > self._buffer_bytes:
            self.close()

    def chunk(self) -> bytes | memoryview:
        """Return the next bytes to send, the same until :meth:`sent` is called. Each byte is copied once."""
        if not self._begun:
            if len(self._unsent) == 1:
                self._begun = self._unsent.popleft()
            elif self.unsent_bytes <= SEND_BYTES:
                self._begun = b"".join(self._unsent)
                self._unsent.clear()
            else:
                self._begun = b"".join(self._some())
        return self._begun

    def _some(self) -> Iterator[bytes]:
        size = 0
        while self._unsent and size < SEND_BYTES:
            frame = self._unsent.popleft()
            size += len(frame)
            yield frame

    def sent(self, count: int) -> None:
        """Remove the first ``count`` bytes of the chunk, which were sent."""
        self.sent_bytes += count
        self.unsent_bytes -= count
        self._begun = memoryview(self._begun)[count:] if count < len(self._begun) else b""

    def close(self) -> None:
        """Stop receiving and sending. Complete frames have already been returned."""
        self.closed = True
        self._received = bytearray()
        self._unsent.clear()
        self._begun = b""
        self.unsent_bytes = 0
