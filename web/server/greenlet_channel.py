"""The channel to a shard or the archive under a hub: greenlets wait, and one write sends all messages of a turn.

The counterpart of :class:`shards.ipc.threaded_channel.ThreadedShardChannel`, which uses threads.
"""

from itertools import count
from typing import Final

from shards.folder import Folder
from shards.ipc.connection import Connection
from shards.ipc.counters import Slot
from shards.ipc.errors import NotServing
from shards.ipc.network import Network
from shards.ipc.protocol import Callee, Confirmed, Welcome
from shards.limits import RECONNECT_MS, RECONNECT_MS_MAX
from web.server.hub import Hub, Waiter
from web.server.poller import READ, WRITE

_NETWORK: Final = Network()


class CallWaiter(Waiter):
    """A pending call."""

    __slots__ = ("bodies",)

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        self.bodies: list[bytes] = []  # empty: the other process died


class GreenletShardChannel:
    """A connection that reconnects whenever it is lost."""

    def __init__(self, hub: Hub, folder: Folder, name: str) -> None:
        self._hub = hub
        self._path = folder.socket(name)
        self._run = folder.run
        self._callee = Callee[CallWaiter]()
        self._connection: Connection[Welcome | Confirmed | CallWaiter] | None = None
        self._slot: Slot | None = None
        self._numbers = count(1)
        self._pause_ms = RECONNECT_MS
        self._closed = False
        hub.before_waiting(self._flush)
        self._connect()

    def wait_connected(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for the other side's welcome; whether it came. Only before the hub runs."""
        self._hub.turn_until(lambda: self._slot is not None, seconds)
        return self._slot is not None

    def serving(self) -> bool:
        """Whether the other side takes commands."""
        return self._slot is not None and self._slot.serving

    def qsize(self) -> int:
        """Messages waiting in its mailbox; 0 when not connected."""
        return self._slot.qsize() if self._slot else 0

    def maxsize(self) -> int:
        """The mailbox's capacity; 0 when not connected."""
        return self._slot.maxsize if self._slot else 0

    def claim(self) -> Slot:
        """Reserve a mailbox slot, valid for this life of the mailbox's owner. Raises queue.Full or NotServing."""
        if self._slot is None:
            raise NotServing
        self._slot.claim()
        return self._slot

    def unclaim(self, slot: Slot) -> None:
        """Return an unused reservation."""
        if self._slot is slot:
            slot.unclaim()

    def send(self, slot: Slot, body: bytes, deadline_ms: int) -> tuple[int, CallWaiter]:
        """Send a message into a reserved slot; never blocks. Raises NotServing if nothing was sent."""
        if self._slot is not slot:
            raise NotServing
        number, waiter = next(self._numbers), CallWaiter(self._hub)
        self._callee.request(number, waiter, deadline_ms, body)
        return number, waiter

    def forget(self, number: int) -> None:
        """Ignore the reply to this call."""
        self._callee.calls.pop(number, None)

    def close(self) -> None:
        """Close the connection for good."""
        self._closed = True
        self._lose()

    # Connecting

    def _connect(self) -> None:
        if self._closed:
            return
        try:
            sock = _NETWORK.connect(self._path)
        except OSError:
            self._connect_later()
            return
        self._callee = Callee()
        self._connection = Connection(sock, self._callee)
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
        if self._slot is not None:
            self._slot.close()
            self._slot = None
        for waiter in self._callee.end():
            waiter.finish()
        self._connect_later()

    # Sending and receiving

    def _flush(self) -> None:
        connection, callee = self._connection, self._callee
        if connection is None or not (callee.unsent_bytes or callee.closed):
            return
        is_other = connection.flush()
        if callee.closed:
            self._receive(connection)  # what it answered before it closed, then its end
        elif is_other:
            self._hub.watch(connection, connection.events, self._on_ready)

    def _on_ready(self, events: int) -> None:
        connection = self._connection
        if connection is not None and events & READ:
            self._receive(connection)
        if events & WRITE:
            self._flush()

    def _receive(self, connection: Connection[Welcome | Confirmed | CallWaiter]) -> None:
        for event in connection.receive():
            if isinstance(event, CallWaiter):
                event.finish()
            elif isinstance(event, Welcome):
                self._welcomed(event)
        if self._callee.closed:
            self._lose()

    def _welcomed(self, welcome: Welcome) -> None:
        try:
            self._slot = Slot(self._run / welcome.counters, welcome.slot)
        except OSError:  # it died again in the meantime: the end of the connection follows
            return
        self._pause_ms = RECONNECT_MS
