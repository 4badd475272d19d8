"""What a mailbox and its callers say to each other: bytes in → events out, calls → bytes out, without any socket.

    caller                                        mailbox
    HELLO: who                                →
                                              ←   WELCOME: slot, newest link message, counters
    REQUEST                                   →
                                              ←   REPLY_PIECE, as many as there are; REPLY
    a shard: PROMISE: its newest link message →
    LINK                                      →
                                              ←   CONFIRM

In the mailbox's process the other side is a :class:`Caller`; in the caller's it is a :class:`Callee`, in a shard's a
:class:`Receiver`. Whatever else is said, or sooner, is a fault, and ends the stream.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from shards.ipc.frames import FrameKind, Stream
from shards.limits import LINK_WINDOW_BYTES

NOBODY: Final = -1
"""The shard of a caller that is none."""

_REQUEST: Final = FrameKind.REQUEST  # by names of their own, as in shards.model.orders
_REPLY: Final = FrameKind.REPLY
_REPLY_PIECE: Final = FrameKind.REPLY_PIECE
_LINK: Final = FrameKind.LINK
_CONFIRM: Final = FrameKind.CONFIRM


def _unexpected(kind: int) -> str:
    return f"a frame of kind {kind} is not expected here"


# In the mailbox's process


class Hello(NamedTuple):
    """Somebody has called."""

    source: int


class Request(NamedTuple):
    """A command or query, and where its reply goes."""

    caller: "Caller"
    number: int
    deadline_ms: int
    body: bytes

    def reply(self, bodies: Sequence[bytes]) -> None:
        """Queue the reply, in one piece or several."""
        for piece in bodies[:-1]:
            self.caller.send(_REPLY_PIECE, self.number, 0, piece)
        self.caller.send(_REPLY, self.number, 0, bodies[-1])


class LinkFrame(NamedTuple):
    """A link message that has come and is not on disk yet."""

    source: int
    number: int
    stamp_ms: int
    body: bytes


class Promise(NamedTuple):
    """From here a shard's replies wait for its link."""

    newest: int
    confirmed: int  # it was told once that all up to this are on disk


class Caller(Stream[Hello | Request | LinkFrame | Promise]):
    """Who called this mailbox."""

    def __init__(self) -> None:
        super().__init__()
        self.source = NOBODY  # the shard it belongs to
        self.slot = -1  # −1 until it is welcome
        self.waiting = 0  # its messages in the queue
        self._confirmed = 0  # number of the last link message it knows to be on disk
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
        """It has this slot in the counters, and is heard from the link message after ``received`` on."""
        self.slot = slot
        self.send(FrameKind.WELCOME, slot, received, counters.encode())

    def confirm(self, number: int) -> None:
        """Link messages up to ``number`` are on disk: say so once."""
        if number > self._confirmed:
            self._confirmed = number
            self.send(FrameKind.CONFIRM, number)


# In the caller's process


class Welcome(NamedTuple):
    """The mailbox takes messages from here on."""

    slot: int
    received: int  # the newest link message it has
    counters: str  # the name of their file


class Confirmed(NamedTuple):
    """Link messages up to this number are on disk there."""

    number: int


class Call(Protocol):
    """A request under way."""

    @property
    def bodies(self) -> list[bytes]:
        """The pieces of its reply; none if the other side died."""


C = TypeVar("C", bound=Call)


class Callee(Stream[Welcome | Confirmed | C], Generic[C]):
    """A mailbox that was called. A call whose reply is whole is an event."""

    def __init__(self, source: int = NOBODY) -> None:
        """``source``: the own shard."""
        super().__init__()
        self.calls: dict[int, C] = {}  # under way, by their numbers
        self._welcome: Welcome | None = None
        self.send(FrameKind.HELLO, source + 1)

    def request(self, number: int, call: C, deadline_ms: int, body: bytes) -> None:
        """Send a message into a place that is taken."""
        self.calls[number] = call
        self.send(_REQUEST, number, deadline_ms, body)

    def end(self) -> list[C]:
        """The connection has ended: the calls that get no reply any more."""
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
            if call is not None:  # else nobody waits for it any more
                call.bodies.append(body)
            return call
        elif kind == _REPLY_PIECE:
            if number in self.calls:
                self.calls[number].bodies.append(body)
            return None
        self._fail(_unexpected(kind))
        return None


class Receiver(Callee[C]):
    """A mailbox that a shard has called: it takes link messages, too."""

    def __init__(self, source: int) -> None:
        super().__init__(source)
        self.linked = 0  # number of the last link message given to the stream
        self._marks: deque[tuple[int, int]] = deque()  # (end of the message in the stream, its number), not yet sent

    def promise(self, newest: int, confirmed: int) -> None:
        """Go on after what it has. Callers were told of what is up to ``newest`` while this link was down."""
        assert self._welcome is not None
        self.linked = self._welcome.received
        self.send(FrameKind.PROMISE, newest, confirmed)

    def link(self, number: int, stamp_ms: int, body: bytes) -> bool:
        """Queue a link message; False: the window is full, or the stream has ended."""
        if self.unsent_bytes > LINK_WINDOW_BYTES or self.closed:
            return False
        self.send(_LINK, number, stamp_ms, body)
        self.linked = number
        self._marks.append((self.sent_bytes + self.unsent_bytes, number))
        return True

    def has_sent(self, number: int) -> bool:
        """Whether link messages up to ``number`` are in the receiver's queue."""
        return number <= (self._marks[0][1] - 1 if self._marks else self.linked)

    def sent(self, count: int) -> None:
        """So much of the chunk has gone, and with it the link messages that end there."""
        super().sent(count)
        while self._marks and self._marks[0][0] <= self.sent_bytes:
            self._marks.popleft()

    def _hear(self, kind: int, number: int, time: int, body: bytes) -> Welcome | Confirmed | C | None:
        if kind == _CONFIRM and self._welcome is not None:
            return Confirmed(number)
        return super()._hear(kind, number, time, body)
