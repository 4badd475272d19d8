"""The line to a shard or the archive in a worker with a hub: greenlets wait, and one write takes what a turn has sent.

It is what :class:`shards.ipc.threaded_channel.Line` is with threads.
"""

import queue
from typing import Final

from shards.folder import Folder
from shards.ipc.connection import Connection
from shards.ipc.counters import Counters
from shards.ipc.errors import NotServing
from shards.ipc.frames import REPLY, REQUEST, Frame, FrameKind
from shards.ipc.network import Network
from shards.limits import RECONNECT_MS, RECONNECT_MS_MAX
from web.server.hub import Hub, Waiter
from web.server.poller import READ, WRITE

_NETWORK: Final = Network()


class CallWaiter(Waiter):
    """One call under way."""

    __slots__ = ("bodies",)

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        self.bodies: list[bytes] | None = []  # None: the other side died


class HubLine:
    """A connection that is made again whenever it is lost."""

    def __init__(self, hub: Hub, folder: Folder, name: str) -> None:
        self._hub = hub
        self._path = folder.socket(name)
        self._run = folder.run
        self._connection: Connection | None = None
        self._counters: Counters | None = None
        self._slot = -1
        self._waiters: dict[int, CallWaiter] = {}
        self._next_number = 1
        self._pause_ms = RECONNECT_MS
        self._closed = False
        hub.before_waiting(self._flush)
        self._connect()

    def wait_connected(self, seconds: float) -> bool:
        """Wait until the other side has welcomed this line, at most so long. Only before the hub runs."""
        self._hub.turn_until(lambda: self._counters is not None, seconds)
        return self._counters is not None

    def serving(self) -> bool:
        """Whether the other side takes commands."""
        return self._counters is not None and self._counters.serving

    def qsize(self) -> int:
        """Messages waiting in its mailbox; 0 when not connected."""
        return self._counters.qsize() if self._counters else 0

    def maxsize(self) -> int:
        """The mailbox's bound; 0 when not connected."""
        return self._counters.maxsize if self._counters else 0

    def claim(self) -> Counters:
        """Take a place in the mailbox, of this life of its owner. Raises queue.Full or NotServing."""
        counters = self._counters
        if counters is None or not counters.serving:
            raise NotServing
        if not counters.claim(self._slot):
            raise queue.Full
        return counters

    def unclaim(self, place: Counters) -> None:
        """Give back a place that was not used."""
        if self._counters is place:
            place.unclaim(self._slot)

    def send(self, place: Counters, body: bytes, deadline_ms: int) -> tuple[int, CallWaiter]:
        """Send a message into a claimed place; never waits. Raises NotServing if nothing was sent."""
        if self._connection is None or self._counters is not place:
            raise NotServing
        number = self._next_number
        self._next_number += 1
        waiter = self._waiters[number] = CallWaiter(self._hub)
        self._connection.send(REQUEST, number, deadline_ms, body)
        return number, waiter

    def forget(self, number: int) -> None:
        """Nobody waits for this reply any more."""
        self._waiters.pop(number, None)

    def close(self) -> None:
        """Drop the connection for good."""
        self._closed = True
        self._lose()

    # Connecting

    def _connect(self) -> None:
        if self._closed:
            return
        try:
            self._connection = Connection(_NETWORK.connect(self._path))
        except OSError:
            self._connect_later()
            return
        self._connection.send(FrameKind.HELLO, 0)
        self._hub.watch(self._connection, READ, self._on_ready)
        self._flush()

    def _connect_later(self) -> None:
        self._hub.later(self._pause_ms / 1_000, self._connect)
        self._pause_ms = min(2 * self._pause_ms, RECONNECT_MS_MAX)

    def _lose(self) -> None:
        if self._connection is None:
            return
        self._hub.unwatch(self._connection)
        self._connection.release()
        self._connection = None
        if self._counters is not None:
            self._counters.close()
            self._counters = None
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters.values():
            waiter.bodies = None
            waiter.finish()
        self._connect_later()

    # Sending and receiving

    def _flush(self) -> None:
        connection = self._connection
        if connection is None or not (connection.unsent_bytes or connection.closed):
            return
        done = connection.flush()
        if connection.closed:
            for frame in connection.receive():  # what it answered before it went
                self._hear(frame)
            self._lose()
            return
        events = READ if done else READ | WRITE
        if events != connection.events:
            connection.events = events
            self._hub.watch(connection, events, self._on_ready)

    def _on_ready(self, events: int) -> None:
        connection = self._connection
        if connection is None:
            return
        if events & READ:
            for frame in connection.receive():
                self._hear(frame)
            if connection.closed:
                self._lose()
                return
        if events & WRITE:
            self._flush()

    def _hear(self, frame: Frame) -> None:
        if frame.kind == FrameKind.WELCOME:
            self._welcomed(frame)
            return
        waiter = self._waiters.get(frame.number)
        if waiter is None or waiter.bodies is None:
            return
        waiter.bodies.append(frame.body)
        if frame.kind == REPLY:
            del self._waiters[frame.number]
            waiter.finish()

    def _welcomed(self, frame: Frame) -> None:
        try:
            self._counters = Counters(self._run / frame.body.decode())
        except OSError:  # it died again in the meantime: the end of the connection follows
            return
        self._slot = frame.number
        self._pause_ms = RECONNECT_MS
