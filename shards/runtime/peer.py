"""The sending end towards another shard or the archive: its link, and commands into its mailbox."""

import queue
import selectors
from collections import deque

from shards.engine.outbox import ARCHIVE, Outbox
from shards.folder import Folder
from shards.ipc.connection import Connection
from shards.ipc.counters import Counters
from shards.ipc.errors import NotServing
from shards.ipc.frames import REPLY, REQUEST, Frame, FrameKind
from shards.ipc.network import Network
from shards.limits import LINK_WINDOW_BYTES
from storage.journal import JournalDamaged


class Peer:
    """A connection that is made again whenever it is lost. What the outbox holds is sent once per connection."""

    def __init__(
        self,
        folder: Folder,
        receiver: int,
        source: int,
        outbox: Outbox,
        selector: selectors.BaseSelector,
        network: Network | None = None,
    ) -> None:
        """``receiver``: a shard, or ARCHIVE; ``source``: the own shard."""
        self._network = network or Network()
        self.receiver = receiver
        self._path = folder.socket("archive" if receiver == ARCHIVE else f"shard-{receiver}")
        self._run = folder.run
        self._source = source
        self._outbox = outbox
        self._selector = selector
        self._connection: Connection | None = None
        self._counters: Counters | None = None
        self._slot = -1
        self._queued = 0  # number of the last link message given to the connection
        self._queued_bytes = 0
        self._marks: deque[tuple[int, int]] = deque()  # (end of the message in the stream, its number), not yet sent
        self.asked: set[int] = set()  # numbers of commands without a reply

    @property
    def connected(self) -> bool:
        """Whether the receiver has welcomed this connection."""
        return self._counters is not None

    def connect(self) -> None:
        """Try to reach the receiver, unless connected. Never waits."""
        if self._connection is not None:
            return
        try:
            self._connection = Connection(self._network.connect(self._path))
        except OSError:
            return
        self._connection.send(FrameKind.HELLO, self._source + 1)
        self._selector.register(self._connection, selectors.EVENT_READ, self)
        self._flush()

    def handle(self) -> list[Frame]:
        """Receive and send; returns replies and confirmations.

        Raises JournalDamaged if the receiver has more than was ever sent.
        """
        if self._connection is None:
            return []
        connection = self._connection
        replies = [frame for frame in connection.receive() if not self._welcomed(connection, frame)]
        self.pump()
        return replies

    def pump(self) -> None:
        """Give the connection what the outbox holds, as far as its window is open, and send."""
        connection = self._connection
        if connection is None:
            return
        if self.connected and self._queued < self._outbox.last_number:
            for posted in self._outbox.after(self._queued):
                if connection.unsent_bytes > LINK_WINDOW_BYTES:
                    break
                self._queue(connection, FrameKind.LINK, posted.number, posted.stamp_ms, posted.body)
                self._queued = posted.number
                self._marks.append((self._queued_bytes, posted.number))
        self._flush()

    def has_sent(self, number: int) -> bool:
        """Whether link messages up to ``number`` are in the receiver's queue, or it is down and will take them up."""
        if not self.connected:
            return True
        return number <= (self._marks[0][1] - 1 if self._marks else self._queued)

    def put_nowait(self, number: int, deadline_ms: int, body: bytes) -> None:
        """Send a command. Raises queue.Full or NotServing, both with nothing sent."""
        if self._connection is None or self._counters is None or not self._counters.serving:
            raise NotServing
        if not self._counters.claim(self._slot):
            raise queue.Full
        self._queue(self._connection, REQUEST, number, deadline_ms, body)
        self.asked.add(number)

    def settle(self, number: int) -> None:
        """The command of that number has been answered, by a link message."""
        self.asked.discard(number)

    def take_lost(self) -> set[int]:
        """The commands whose receiver died with them in its hands, once."""
        if self._connection is not None or not self.asked:
            return set()
        lost, self.asked = self.asked, set()
        return lost

    def _welcomed(self, connection: Connection, frame: Frame) -> bool:
        if frame.kind == REPLY:
            self.asked.discard(frame.number)
        if frame.kind != FrameKind.WELCOME:
            return False
        try:
            self._counters = Counters(self._run / frame.body.decode())
        except OSError:  # it died again in the meantime
            self._lose()
            return True
        if frame.time > self._outbox.last_number:
            raise JournalDamaged(
                f"{self._path} has message {frame.time} of this shard, which made only {self._outbox.last_number}:"
                " its journal is not the newest"
            )
        self._slot = frame.number
        self._queued = frame.time
        self._queued_bytes = 0
        self._marks.clear()
        # what was told to callers while this link was down: the receiver must have it before it serves
        self._queue(connection, FrameKind.PROMISE, self._outbox.last_number, self._outbox.confirmed)
        return True

    def _queue(self, connection: Connection, kind: FrameKind, number: int, time: int = 0, body: bytes = b"") -> None:
        before = connection.unsent_bytes
        connection.send(kind, number, time, body)
        self._queued_bytes += connection.unsent_bytes - before

    def _flush(self) -> None:
        connection = self._connection
        if connection is None:
            return
        done = connection.flush()
        if connection.closed:
            self._lose()
            return
        sent = self._queued_bytes - connection.unsent_bytes
        while self._marks and self._marks[0][0] <= sent:
            self._marks.popleft()
        events = selectors.EVENT_READ if done else selectors.EVENT_READ | selectors.EVENT_WRITE
        if events != connection.events:
            connection.events = events
            self._selector.modify(connection, events, self)

    def _lose(self) -> None:
        if self._connection is not None:
            self._selector.unregister(self._connection)
            self._connection.release()
        if self._counters is not None:
            self._counters.close()
        self._connection = self._counters = None

    def close(self) -> None:
        """Drop the connection."""
        self._lose()
