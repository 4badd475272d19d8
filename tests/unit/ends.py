"""The other end of a connection, as a test likes it: it says whatever it is told to, and hears frames as they are."""

import socket
from typing import NamedTuple

from shards.ipc.connection import Connection
from shards.ipc.frames import HEAD, FrameKind, Stream
from shards.limits import SEND_BUFFER_BYTES_MAX


def pack(kind: FrameKind, number: int, time: int = 0, body: bytes = b"") -> bytes:
    """A frame as bytes."""
    return HEAD.pack(len(body), kind, number, time) + body


class Frame(NamedTuple):
    """One frame."""

    kind: int
    number: int
    time: int
    body: bytes


class Frames(Stream[Frame]):
    """Without any rule."""

    def _hear(self, kind: int, number: int, time: int, body: bytes) -> Frame:
        return Frame(kind, number, time, body)


class End(Connection[Frame]):
    """Without any rule, on a socket."""

    def __init__(self, sock: socket.socket, buffer_bytes: int = SEND_BUFFER_BYTES_MAX) -> None:
        super().__init__(sock, Frames(buffer_bytes))

    @property
    def closed(self) -> bool:
        return self.stream.closed

    @property
    def unsent_bytes(self) -> int:
        return self.stream.unsent_bytes

    def send(self, kind: FrameKind, number: int, time: int = 0, body: bytes = b"") -> None:
        self.stream.send(kind, number, time, body)
