"""How messages travel over a stream: a fixed head, then the body.

One connection has one writer in each direction and dies with it, so a process killed in the middle of a frame damages
nothing: the rest never comes and the frame is dropped with its connection.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from shards.limits import FRAME_BYTES_MAX

HEAD = struct.Struct("<IBQQ")


class FrameKind(IntEnum):
    """What a frame is."""

    HELLO = 1  # first from the caller. number: 1 + its shard (0: not a shard)
    WELCOME = 2  # first from the called. number: the slot given; time: newest link message it has; body: counters file
    REQUEST = 3  # number: the caller's; time: deadline; body: command or question
    REPLY = 4  # number: the request's; body: reply
    REPLY_PIECE = 5  # as REPLY; more pieces follow
    LINK = 6  # number: the link message's; time: the sender's stamp; body: link message or row
    CONFIRM = 7  # number: everything up to this link message is on disk
    PROMISE = 8  # a shard's answer to WELCOME. number: its newest link message; from here its replies wait for it;
    # time: the newest that it was told is on disk


REQUEST: Final = FrameKind.REQUEST  # by names of their own, as in shards.model.orders
REPLY: Final = FrameKind.REPLY


class Frame(NamedTuple):
    """One frame. Times are Unix milliseconds."""

    kind: int
    number: int
    time: int
    body: bytes


class FrameError(Exception):
    """The other side does not speak this protocol."""


def pack(kind: FrameKind, number: int, time: int = 0, body: bytes = b"") -> bytes:
    """A frame as bytes."""
    return HEAD.pack(len(body), kind, number, time) + body


def unpack(buffer: bytearray) -> list[Frame]:
    """Take all complete frames off the front of ``buffer``. Raises FrameError for one beyond the limit."""
    frames = []
    offset, end = 0, len(buffer)
    while end - offset >= HEAD.size:
        size, kind, number, time = HEAD.unpack_from(buffer, offset)
        if size > FRAME_BYTES_MAX:
            raise FrameError(f"a frame of {size} bytes is over the limit of {FRAME_BYTES_MAX}")
        start = offset + HEAD.size
        if end - start < size:
            break
        frames.append(Frame(kind, number, time, bytes(buffer[start : start + size])))
        offset = start + size
    del buffer[:offset]
    return frames
