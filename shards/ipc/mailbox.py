"""The receiving end: the bounded queue in front of a shard (or the archive), and the links that end there.

``multiprocessing.Queue`` does not survive a killed producer; this queue does. A connection has one writer in each
direction and dies with it, and no lock is shared between processes (:mod:`shards.ipc.counters`).
"""

import os
import selectors
from collections import deque
from pathlib import Path
from typing import NamedTuple

from shards.folder import Folder
from shards.ipc.connection import Connection
from shards.ipc.counters import Counters
from shards.ipc.frames import REQUEST, Frame, FrameKind
from shards.ipc.network import Network
from shards.limits import CONNECTIONS_MAX


class LinkBroken(Exception):
    """Link messages are missing here that their sender was once told are on disk."""


class Caller(Connection):
    """A connection that somebody opened to this mailbox."""

    slot: int = -1  # −1 until its hello came
    source: int = -1  # the shard it belongs to; −1: none
    waiting: int = 0  # its messages in the queue
    confirmed: int = 0  # number of the last link message it knows to be on disk


class Request(NamedTuple):
    """A command or question taken from the queue, and where its reply goes."""

    caller: Caller
    number: int
    deadline_ms: int
    body: bytes


class LinkFrame(NamedTuple):
    """A link message that has come and is not on disk yet."""

    source: int
    number: int
    stamp_ms: int
    body: bytes


class Mailbox:
    """Listens, receives, and keeps what has come in order until it is taken."""

    def __init__(
        self, folder: Folder, name: str, maxsize: int, received: dict[int, int], network: Network | None = None
    ) -> None:
        """``received``: per sender the newest link message that is on disk here."""
        network = network or Network()
        self._remove_old(folder.run, name)
        life = os.urandom(6).hex()
        self._counters_path = folder.run / f"{name}-{life}.mailbox"
        self.counters = Counters(self._counters_path, maxsize)
        self._listener = network.listen(folder.socket(name))
        self._free = deque(range(CONNECTIONS_MAX))  # a slot is used again as late as possible
        self._requests: deque[Request] = deque()
        self.callers: dict[Caller, None] = {}  # in the order in which they came
        self.links: dict[int, Caller] = {}
        self.link_frames: deque[LinkFrame] = deque()
        self.received = received  # moves along as frames come, before they are on disk
        self.promised: dict[int, int] = {}  # per sender: its newest message when its replies began to wait for its link
        self.selector = network.selector()
        self.selector.register(self._listener, selectors.EVENT_READ)

    @staticmethod
    def _remove_old(run: Path, name: str) -> None:
        for old in run.glob(f"{name}-*.mailbox"):
            old.unlink(missing_ok=True)

    @property
    def maxsize(self) -> int:
        """The bound in messages."""
        return self.counters.maxsize

    def qsize(self) -> int:
        """Messages waiting, whether or not they have been read from their sockets."""
        return self.counters.qsize()

    def owns(self, ready: object) -> bool:
        """Whether a selected file object belongs to this mailbox."""
        return ready is self._listener or isinstance(ready, Caller)

    def handle(self, ready: object, events: int) -> None:
        """Accept, receive or send, as the selector says."""
        if ready is self._listener:
            self._accept()
        elif isinstance(ready, Caller):
            if events & selectors.EVENT_READ:
                self.receive(ready)
            if events & selectors.EVENT_WRITE and not ready.closed:
                self.send(ready)

    def get(self, count_max: int) -> list[Request]:
        """Take up to ``count_max`` messages, oldest first; none if none are here."""
        taken: list[Request] = []
        while self._requests and len(taken) < count_max:
            request = self._requests.popleft()
            taken.append(request)
            caller = request.caller
            caller.waiting -= 1
            self.counters.take(caller.slot)
            if caller not in self.callers and not caller.waiting:  # it has ended
                self._free_slot(caller)
        return taken

    def waiting(self) -> bool:
        """Whether a message can be taken now."""
        return bool(self._requests)

    def poll_links(self) -> None:
        """Read once more what waits on the links."""
        for caller in list(self.links.values()):
            self.receive(caller)

    def receive(self, caller: Caller) -> None:
        """Read what has come from one caller. Raises LinkBroken."""
        for frame in caller.receive():
            self._sort(caller, frame)
        if caller.closed:
            self._ended(caller)

    def flush(self) -> None:
        """Send what waits for any caller."""
        for caller in list(self.callers):
            if caller.unsent_bytes or caller.closed:
                self.send(caller)

    def send(self, caller: Caller) -> None:
        """Send what waits for ``caller``; watch for room if not all could go."""
        done = caller.flush()
        if caller.closed:
            self.receive(caller)  # what it sent before it went, then its end
            return
        events = selectors.EVENT_READ if done else selectors.EVENT_READ | selectors.EVENT_WRITE
        if events != caller.events:
            caller.events = events
            self.selector.modify(caller, events)

    def confirm(self, numbers: dict[int, int]) -> None:
        """Tell senders what is on disk: per sender the newest link message."""
        for source, caller in self.links.items():
            if numbers[source] > caller.confirmed:
                caller.confirmed = numbers[source]
                caller.send(FrameKind.CONFIRM, caller.confirmed)

    def close(self) -> None:
        """Stop listening and close every connection."""
        self.counters.serving = False
        self.selector.unregister(self._listener)
        self._listener.close()
        for caller in list(self.callers):
            self._ended(caller)
        self._counters_path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        if len(self.callers) >= CONNECTIONS_MAX:
            sock.close()
            return
        caller = Caller(sock)
        self.callers[caller] = None
        self.selector.register(caller, selectors.EVENT_READ)

    def _sort(self, caller: Caller, frame: Frame) -> None:
        if frame.kind == REQUEST and caller.slot >= 0:
            caller.waiting += 1
            self._requests.append(Request(caller, frame.number, frame.time, frame.body))
        elif frame.kind == FrameKind.LINK and caller.source >= 0:
            self._take_link(caller, frame)
        elif frame.kind == FrameKind.PROMISE and caller.source >= 0:
            self._take_promise(caller, frame)
        elif frame.kind == FrameKind.HELLO and caller.slot < 0 and self._free and self._knows(frame.number - 1):
            self._welcome(caller, frame)
        else:
            caller.close()

    def _knows(self, source: int) -> bool:
        return source == -1 or source in self.received

    def _take_link(self, caller: Caller, frame: Frame) -> None:
        expected = self.received[caller.source] + 1
        if frame.number == expected:
            self.received[caller.source] = expected
            self.link_frames.append(LinkFrame(caller.source, frame.number, frame.time, frame.body))
        elif frame.number > expected:
            raise self._lost(caller.source, frame.number - 1)

    def _take_promise(self, caller: Caller, frame: Frame) -> None:
        """Notice here what was lost, rather than when the next message comes."""
        if frame.time > self.received[caller.source]:
            raise self._lost(caller.source, frame.time)
        self.promised[caller.source] = frame.number

    def _lost(self, source: int, last: int) -> LinkBroken:
        return LinkBroken(
            f"messages {self.received[source] + 1} to {last} of shard {source} are missing, which were here once:"
            " this data is not the newest"
        )

    def _welcome(self, caller: Caller, hello: Frame) -> None:
        for slot in self._free:
            self.counters.clear(slot)  # a caller that was cut off may have counted once more before it noticed
        caller.slot = self._free.popleft()
        self.counters.use(caller.slot)
        caller.source = hello.number - 1
        received = 0
        if caller.source >= 0:
            earlier = self.links.get(caller.source)
            if earlier is not None:
                self.receive(earlier)  # what its last life sent comes before what this one sends
                self._ended(earlier)
            self.links[caller.source] = caller
            received = self.received[caller.source]
        caller.send(FrameKind.WELCOME, caller.slot, received, self._counters_path.name.encode())
        self.send(caller)

    def _ended(self, caller: Caller) -> None:
        if caller not in self.callers:
            return
        del self.callers[caller]
        self.selector.unregister(caller)
        caller.release()
        if self.links.get(caller.source) is caller:
            del self.links[caller.source]
        if caller.slot >= 0 and not caller.waiting:
            self._free_slot(caller)

    def _free_slot(self, caller: Caller) -> None:
        self.counters.clear(caller.slot)
        self._free.append(caller.slot)
