"""The receiving end: the bounded queue in front of a shard (or the archive), and its incoming links.

``multiprocessing.Queue`` does not survive a killed producer; this queue does. A connection has one writer per direction
and dies with it, and no lock is shared between processes (:mod:`shards.ipc.counters`).
"""

import os
import selectors
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shards.folder import Folder
from shards.ipc.connection import Connection
from shards.ipc.counters import OwnCounters
from shards.ipc.errors import LinkBroken
from shards.ipc.network import Network
from shards.ipc.protocol import Caller, Hello, LinkFrame, Promise, Request
from shards.limits import CONNECTIONS_MAX


class Mailbox:
    """Listens, receives, and keeps messages in order until they are taken."""

    def __init__(
        self,
        folder: Folder,
        name: str,
        maxsize: int,
        received: dict[int, int],
        network: Network | None = None,
        selector: selectors.BaseSelector | None = None,
    ) -> None:
        """``received``: per sender, the newest link message on disk here. ``selector``: that of the event loop."""
        network = network or Network()
        self._remove_old(folder.run, name)
        life = os.urandom(6).hex()
        self._counters_path = folder.run / f"{name}-{life}.mailbox"
        self._counters = OwnCounters(self._counters_path, maxsize)
        self._listener = network.listen(folder.socket(name))
        self._free = deque(range(CONNECTIONS_MAX))  # a slot is reused as late as possible
        self._requests: deque[Request] = deque()
        self.callers: dict[Caller, Connection[Hello | Request | LinkFrame | Promise]] = {}  # in order of arrival
        self._links: dict[int, Caller] = {}
        self._link_frames: list[LinkFrame] = []
        self._received = received  # advances as frames arrive, before they are on disk
        self._promised: dict[int, int] = {}  # per sender: the number in its PROMISE
        self._selector = selector or network.selector()
        self._selector.register(self._listener, selectors.EVENT_READ, self)

    @staticmethod
    def _remove_old(run: Path, name: str) -> None:
        for old in run.glob(f"{name}-*.mailbox"):
            old.unlink(missing_ok=True)

    @property
    def maxsize(self) -> int:
        """Capacity in messages."""
        return self._counters.maxsize

    @property
    def serving(self) -> bool:
        """Whether the owner takes commands; visible to callers."""
        return self._counters.serving

    @serving.setter
    def serving(self, serving: bool) -> None:
        self._counters.serve(serving)

    def qsize(self) -> int:
        """Return the number of waiting messages, including those not yet read from their sockets."""
        return self._counters.qsize()

    # Waiting

    def watch(self, file: Any, act: Callable[[], object]) -> None:
        """Also watch this file; :meth:`poll` yields ``act`` when it is readable."""
        self._selector.register(file, selectors.EVENT_READ, act)

    def poll(self, patience_s: float | None) -> Iterator[Any]:
        """Wait at most so long; accept, receive and send. Yields the data of other registered files that are ready.

        Raises LinkBroken.
        """
        for key, events in self._selector.select(patience_s):
            ready = key.data
            if isinstance(ready, Caller):
                if events & selectors.EVENT_READ:
                    self._receive(ready)
                if events & selectors.EVENT_WRITE and not ready.closed:
                    self.send(ready)
            elif ready is self:
                self._accept()
            else:
                yield ready

    # Taking

    def waiting(self) -> bool:
        return bool(self._requests)

    def get(self, count_max: int) -> list[Request]:
        """Take up to ``count_max`` messages, oldest first, without waiting."""
        taken: list[Request] = []
        while self._requests and len(taken) < count_max:
            request = self._requests.popleft()
            taken.append(request)
            caller = request.caller
            caller.waiting -= 1
            self._counters.take(caller.slot)
            if caller not in self.callers and not caller.waiting:  # its connection has ended
                self._free_slot(caller)
        return taken

    def poll_links(self) -> None:
        """Read the links once more. Raises LinkBroken."""
        for caller in list(self._links.values()):
            self._receive(caller)

    def arrived(self) -> Sequence[LinkFrame]:
        """Return the received link messages without taking them."""
        return self._link_frames

    def take_arrived(self) -> list[LinkFrame]:
        """Take all received link messages."""
        taken, self._link_frames = self._link_frames, []
        return taken

    @property
    def free_slots(self) -> int:
        """How many more callers can be welcomed."""
        return len(self._free)

    def all_promised(self) -> bool:
        """Whether every sender has sent its PROMISE, and nothing confirmed to it is missing here."""
        return len(self._promised) == len(self._received)

    def lagging(self, applied: Mapping[int, int]) -> list[int]:
        """Return the senders without a PROMISE, or with link messages up to it that are not applied."""
        promised = self._promised
        return [source for source in self._received if source not in promised or applied[source] < promised[source]]

    # Sending

    def flush(self) -> None:
        """Send pending data to all callers."""
        for caller in list(self.callers):
            if caller.unsent_bytes or caller.closed:
                self.send(caller)

    def send(self, caller: Caller) -> None:
        """Send pending data to ``caller``; watch its socket for room if some is left."""
        connection = self.callers.get(caller)
        if connection is None:
            return
        is_other = connection.flush()
        if caller.closed:
            self._receive(caller)  # receive what it sent before it closed, then its end
        elif is_other:
            self._selector.modify(connection, connection.events, caller)

    def confirm(self, numbers: Mapping[int, int]) -> None:
        """Confirm to senders what is on disk: per sender, the newest link message."""
        for source, caller in self._links.items():
            caller.confirm(numbers[source])

    def close(self) -> None:
        self.serving = False
        self._selector.unregister(self._listener)
        self._listener.close()
        for caller in list(self.callers):
            self._ended(caller)
        self._counters_path.unlink(missing_ok=True)

    # Receiving

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        if len(self.callers) >= CONNECTIONS_MAX:
            sock.close()
            return
        caller = Caller()
        connection = self.callers[caller] = Connection(sock, caller)
        self._selector.register(connection, selectors.EVENT_READ, caller)

    def _receive(self, caller: Caller) -> None:
        """Read from one caller. Raises LinkBroken."""
        connection = self.callers.get(caller)
        if connection is None:
            return
        for event in connection.receive():
            if type(event) is Request:
                caller.waiting += 1
                self._requests.append(event)
            elif type(event) is LinkFrame:
                self._take_link(event)
            elif type(event) is Promise:
                self._take_promise(caller.source, event)
            elif not self._welcome(caller):
                caller.close()
                break
        if caller.closed:
            self._ended(caller)

    def _take_link(self, frame: LinkFrame) -> None:
        expected = self._received[frame.source] + 1
        if frame.number == expected:
            self._received[frame.source] = expected
            self._link_frames.append(frame)
        elif frame.number > expected:
            raise self._lost(frame.source, frame.number - 1)

    def _take_promise(self, source: int, promise: Promise) -> None:
        """Detect lost link messages now rather than when the next one arrives."""
        if promise.confirmed > self._received[source]:
            raise self._lost(source, promise.confirmed)
        self._promised[source] = promise.newest

    def _lost(self, source: int, last: int) -> LinkBroken:
        return LinkBroken(
            f"messages {self._received[source] + 1} to {last} of shard {source} are missing, but were here before:"
            " this data is not the newest"
        )

    def _welcome(self, caller: Caller) -> bool:
        """Welcome the caller if there is a free slot and, if it is a shard, it is a known one; else return False."""
        source = caller.source
        if not self._free or (source >= 0 and source not in self._received):
            return False
        for slot in self._free:
            self._counters.clear(slot)  # a caller that was cut off may have counted one more message before it noticed
        slot = self._free.popleft()
        self._counters.use(slot)
        if source >= 0:
            earlier = self._links.get(source)
            if earlier is not None:
                self._receive(earlier)  # its previous connection's messages come before those of this one
                self._ended(earlier)
            self._links[source] = caller
        caller.welcome(slot, self._received.get(source, 0), self._counters_path.name)
        self.send(caller)
        return True

    def _ended(self, caller: Caller) -> None:
        connection = self.callers.pop(caller, None)
        if connection is None:
            return
        self._selector.unregister(connection)
        connection.release()
        if self._links.get(caller.source) is caller:
            del self._links[caller.source]
        if caller.slot >= 0 and not caller.waiting:
            self._free_slot(caller)

    def _free_slot(self, caller: Caller) -> None:
        self._counters.clear(caller.slot)
        self._free.append(caller.slot)
