"""How messages travel over a stream: a fixed head, then the body.

One connection has one writer in each direction and dies with it, so a process killed in the middle of a frame damages
nothing: the rest never comes and the frame is dropped with its connection.
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
    """What a frame is. Times are Unix milliseconds."""

    HELLO = 1  # first from the caller. number: 1 + its shard (0: not a shard)
    WELCOME = 2  # first from the called. number: the slot given; time: newest link message it has; body: counters file
    REQUEST = 3  # number: the caller's; time: deadline; body: command or query
    REPLY = 4  # number: the request's; body: reply
    REPLY_PIECE = 5  # as REPLY; more pieces follow
    LINK = 6  # number: the link message's; time: the sender's stamp; body: link message or row
    CONFIRM = 7  # number: everything up to this link message is on disk
    PROMISE = 8  # a shard's answer to WELCOME. number: its newest link message; from here its replies wait for it;
    # time: the newest that it was told is on disk


E = TypeVar("E")


class Stream(Generic[E]):
    """One end of a connection, without its socket: bytes in → what they say; frames → bytes out.

    What a frame says, and whether it may come now, is for the subclasses to tell (:mod:`shards.ipc.protocol`).
    """

    def __init__(self) -> None:
        self.closed = False  # nothing more comes or goes
        self.fault = ""  # why, if the other side does not speak this protocol
        self.unsent_bytes = 0
        self.sent_bytes = 0
        self._received = bytearray()  # the beginning of a frame
        self._unsent: deque[bytes] = deque()
        self._begun: bytes | memoryview = b""  # what goes ahead of these

    def receive(self, chunk: bytes) -> list[E]:
        """What has come whole with ``chunk``. A fault ends the stream, after what came before it."""
        events: list[E] = []
        stream: bytes | bytearray = chunk  # most frames come whole: each body is then copied once
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
        """What a frame says, if anything."""
        raise NotImplementedError

    def _fail(self, fault: str) -> None:
        self.fault = fault
        self.close()

    def send(self, kind: FrameKind, number: int, time: int = 0, body: bytes = b"") -> None:
        """Queue a frame. A reader that lets too much pile up is cut off."""
        if self.closed:
            return
        frame = HEAD.pack(len(body), kind, number, time) + body
        self._unsent.append(frame)
        self.unsent_bytes += len(frame)
        if self.unsent_bytes > SEND_BUFFER_BYTES_MAX:
            self.close()

    def chunk(self) -> bytes | memoryview:
        """What goes next, for one system call; the same again until :meth:`sent`. Each byte is copied once."""
        if not self._begun:
            if self.unsent_bytes <= SEND_BYTES:
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
        """So much of the chunk has gone; the rest goes next."""
        self.sent_bytes += count
        self.unsent_bytes -= count
        self._begun = memoryview(self._begun)[count:] if count < len(self._begun) else b""

    def close(self) -> None:
        """Nothing more comes or goes. What came whole has been told."""
        self.closed = True
        self._received = bytearray()
        self._unsent.clear()
        self._begun = b""
        self.unsent_bytes = 0
