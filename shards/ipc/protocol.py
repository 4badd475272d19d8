"""The protocol between a mailbox and its callers: received bytes → events, calls → bytes to send, without sockets.

    caller                                        mailbox
    HELLO: shard                              →
                                              ←   WELCOME: slot, newest link message, counters
    REQUEST                                   →
                                              ←   REPLY_PIECE, any number of them; REPLY
    a shard: PROMISE: its newest link message →
    LINK                                      →
                                              ←   CONFIRM

In the mailbox's process the other side is a :class:`Caller`; in the caller's it is a :class:`Callee`, in a shard's a
:class:`Receiver`. Any other frame, or one out of order, is a fault and ends the stream.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from shards.ipc.frames import FrameKind, Stream
from shards.limits import LINK_WINDOW_BYTES, SEND_BUFFER_BYTES_MAX

NOBODY: Final = -1
"""The source of a caller that is not a shard."""

_REQUEST: Final = FrameKind.REQUEST  # aliases, as in shards.model.orders
_REPLY: Final = FrameKind.REPLY
_REPLY_PIECE: Final = FrameKind.REPLY_PIECE
_LINK: Final = FrameKind.LINK
_CONFIRM: Final = FrameKind.CONFIRM


def _unexpected(kind: int) -> str:
    return f"a frame of kind {kind} is not expected here"


# In the mailbox's process


class Hello(NamedTuple):
    """A caller has introduced itself."""

    source: int


class Request(NamedTuple):
    """A command or query, and the caller to reply to."""

    caller: "Caller"
    number: int
    deadline_ms: int
    body: bytes

    def reply(self, bodies: Sequence[bytes]) -> None:
        """Queue the reply, in one or several pieces."""
        for piece in bodies[:-1]:
            self.caller.send(_REPLY_PIECE, self.number, 0, piece)
        self.caller.send(_REPLY, self.number, 0, bodies[-1])


class LinkFrame(NamedTuple):
    """A link message that was received and is not on disk yet."""

    source: int
    number: int
    stamp_ms: int
    body: bytes


class Promise(NamedTuple):
    """From here on a shard's replies wait for its link."""

    newest: int
    confirmed: int  # all up to this were once confirmed to it as on disk


class Caller(Stream[Hello | Request | LinkFrame | Promise]):
    """A connection to this mailbox."""

    def __init__(self, buffer_bytes: int = SEND_BUFFER_BYTES_MAX) -> None:
        super().__init__(buffer_bytes)
        self.source = NOBODY  # its shard
        self.slot = -1  # −1 until it is welcome
        self.waiting = 0  # number of its messages in the queue
        self._confirmed = 0  # last link message confirmed to it
        self._greeted = False

    def _hear(self, kind: int, number: int, time: int, body: bytes) -> Hello | Request | LinkFrame | Promise | None:
        if kind == _REQUEST and self._greeted:
            return Request(self, number, time, body)
        if kind == _LINK and self.source >= 0:
            return LinkFrame(self.source, number, time, body)
        if kind == FrameKind.PROMISE and self.source >= 0:
            return Promise(number, time)
        if kind == FrameKind.HELLO and not self._greeted:
            self._greeted = True
            self.source = number - 1
            return Hello(self.source)
        self._fail(_unexpected(kind))
        return None

    def welcome(self, slot: int, received: int, counters: str) -> None:
        """Welcome it with its slot; it sends link messages after ``received``."""
        self.slot = slot
        self.send(FrameKind.WELCOME, slot, received, counters.encode())

    def confirm(self, number: int) -> None:
        """Confirm link messages up to ``number`` as on disk, if not done before."""
        if number > self._confirmed:
            self._confirmed = number
            self.send(FrameKind.CONFIRM, number)


# In the caller's process


class Welcome(NamedTuple):
    """The mailbox takes messages from now on."""

    slot: int
    received: int  # the newest link message it has
    counters: str  # name of the counters file


class Confirmed(NamedTuple):
    """Link messages up to this number are on disk there."""

    number: int


class Call(Protocol):
    """A pending request."""

    @property
    def bodies(self) -> list[bytes]:
        """The pieces of its reply; none if the other side died."""


C = TypeVar("C", bound=Call)


class Callee(Stream[Welcome | Confirmed | C], Generic[C]):
    """A connection to a mailbox. Emits each call whose reply is complete."""

    def __init__(self, source: int = NOBODY) -> None:
        """``source``: the caller's shard."""
        super().__init__()
        self.calls: dict[int, C] = {}  # pending, by number
        self._welcome: Welcome | None = None
        self.send(FrameKind.HELLO, source + 1)

    def request(self, number: int, call: C, deadline_ms: int, body: bytes) -> None:
        """Send a message for which room was claimed."""
        self.calls[number] = call
        self.send(_REQUEST, number, deadline_ms, body)

    def end(self) -> list[C]:
        """Close after the connection has ended; return the calls that will get no reply."""
        self.close()
        lost, self.calls = list(self.calls.values()), {}
        for call in lost:
            call.bodies.clear()
        return lost

    def _hear(self, kind: int, number: int, time: int, body: bytes) -> Welcome | Confirmed | C | None:
        if self._welcome is None:
            if kind == FrameKind.WELCOME:
                self._welcome = Welcome(number, time, body.decode(errors="replace"))
                return self._welcome
        elif kind == _REPLY:
            call = self.calls.pop(number, None)
            if call is not None:  # else the caller has given up
                call.bodies.append(body)
            return call
        elif kind == _REPLY_PIECE:
            if number in self.calls:
                self.calls[number].bodies.append(body)
            return None
        self._fail(_unexpected(kind))
        return None


class Receiver(Callee[C]):
    """A shard's connection to a mailbox, which also carries link messages."""

    def __init__(self, source: int, window_bytes: int = LINK_WINDOW_BYTES) -> None:
        """``window_bytes``: of link messages written to the socket ahead of its reader."""
        super().__init__(source)
        self._window_bytes = window_bytes
        self.linked = 0  # number of the last link message queued
        self._marks: deque[tuple[int, int]] = deque()  # (stream offset of the message's end, its number), not sent yet

    def promise(self, newest: int, confirmed: int) -> None:
        """Continue after what it has. Callers may have seen messages up to ``newest`` while this link was down."""
        assert self._welcome is not None
        self.linked = self._welcome.received
        self.send(FrameKind.PROMISE, newest, confirmed)

    def link(self, number: int, stamp_ms: int, body: bytes) -> bool:
        """Queue a link message; False if the window is full or the stream closed."""
        if self.unsent_bytes > self._window_bytes or self.closed:
            return False
        self.send(_LINK, number, stamp_ms, body)
        self.linked = number
        self._marks.append((self.sent_bytes + self.unsent_bytes, number))
        return True

    def has_sent(self, number: int) -> bool:
        """Whether link messages up to ``number`` have been sent to the receiver's queue."""
        return number <= (self._marks[0][1] - 1 if self._marks else self.linked)

    def sent(self, count: int) -> None:
        """Remove sent bytes, and the link messages that end within them."""
        super().sent(count)
        while self._marks and self._marks[0][0] <= self.sent_bytes:
            self._marks.popleft()

    def _hear(self, kind: int, number: int, time: int, body: bytes) -> Welcome | Confirmed | C | None:
        if kind == _CONFIRM and self._welcome is not None:
            return Confirmed(number)
        return super()._hear(kind, number, time, body)
