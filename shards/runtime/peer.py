"""The sending end toward another shard or the archive: its link, and commands for its mailbox."""

import selectors
from typing import NamedTuple

from shards.engine.outbox import ARCHIVE, Outbox
from shards.folder import Folder
from shards.ipc.connection import Connection
from shards.ipc.counters import Slot
from shards.ipc.errors import LinkBroken, NotServing
from shards.ipc.network import Network
from shards.ipc.protocol import Confirmed, Receiver, Welcome
from shards.limits import LINK_WINDOW_BYTES


class PeerCall(NamedTuple):
    """A command sent to the receiver."""

    number: int
    bodies: list[bytes]


class Peer:
    """A connection that is re-established whenever it is lost. Each outbox message is sent once per connection."""

    def __init__(
        self,
        folder: Folder,
        receiver: int,
        source: int,
        outbox: Outbox,
        selector: selectors.BaseSelector,
        network: Network,
        window_bytes: int = LINK_WINDOW_BYTES,
    ) -> None:
        """``receiver``: a shard or ARCHIVE; ``source``: this shard; ``window_bytes``: that of its links."""
        self._network = network
        self.receiver = receiver
        self._path = folder.socket("archive" if receiver == ARCHIVE else f"shard-{receiver}")
        self._run = folder.run
        self._source = source
        self._outbox = outbox
        self._selector = selector
        self._window_bytes = window_bytes
        self._stream = Receiver[PeerCall](source, window_bytes)
        self._connection: Connection[Welcome | Confirmed | PeerCall] | None = None
        self._slot: Slot | None = None
        self._lost: set[int] = set()  # numbers of commands that will get no reply

    @property
    def connected(self) -> bool:
        """Whether the receiver has welcomed this connection."""
        return self._slot is not None

    def connect(self) -> None:
        """Try to connect to the receiver unless connected. Never blocks."""
        if self._connection is not None:
            return
        try:
            sock = self._network.connect(self._path)
        except OSError:
            return
        self._stream = Receiver(self._source, self._window_bytes)
        self._connection = Connection(sock, self._stream)
        self._selector.register(self._connection, selectors.EVENT_READ, self)
        self._flush()

    def handle(self) -> list[Confirmed | PeerCall]:
        """Receive and send; return confirmations and rejected commands.

        Raises LinkBroken if the receiver has more than was ever sent.
        """
        if self._connection is None:
            return []
        heard: list[Confirmed | PeerCall] = []
        for event in self._connection.receive():
            if isinstance(event, Welcome):
                self._welcomed(event)
            else:
                heard.append(event)
        self.pump()
        return heard

    def pump(self) -> None:
        """Queue outbox messages as far as the link's window allows, and send."""
        if self.connected and self._stream.linked < self._outbox.last_number:
            for posted in self._outbox.after(self._stream.linked):
                if not self._stream.link(posted.number, posted.stamp_ms, posted.body):
                    break
        self._flush()

    def has_sent(self, number: int) -> bool:
        """Whether link messages up to ``number`` are in the receiver's queue, or it is down and gets them first."""
        return not self.connected or self._stream.has_sent(number)

    def put_nowait(self, number: int, deadline_ms: int, body: bytes) -> None:
        """Send a command. Raises queue.Full or NotServing, both with nothing sent."""
        if self._slot is None:
            raise NotServing
        self._slot.claim()
        self._stream.request(number, PeerCall(number, []), deadline_ms, body)

    def mark_answered(self, number: int) -> None:
        """Forget the command with that number: a link message has answered it."""
        self._stream.calls.pop(number, None)

    def take_lost(self) -> set[int]:
        """Take the numbers of commands whose receiver died while processing."""
        lost, self._lost = self._lost, set()
        return lost

    def _welcomed(self, welcome: Welcome) -> None:
        try:
            self._slot = Slot(self._run / welcome.counters, welcome.slot)
        except OSError:  # it died again in the meantime
            self.disconnect()
            return
        if welcome.received > self._outbox.last_number:
            raise LinkBroken(
                f"{self._path} has message {welcome.received} of this shard, which made only"
                f" {self._outbox.last_number}: its journal is not the newest"
            )
        self._stream.promise(self._outbox.last_number, self._outbox.confirmed)

    def _flush(self) -> None:
        connection = self._connection
        if connection is None:
            return
        is_other = connection.flush()
        if self._stream.closed:
            self.disconnect()
        elif is_other:
            self._selector.modify(connection, connection.events, self)

    def disconnect(self) -> None:
        """End the connection, if there is one; pending commands get no reply."""
        lost = self._stream.end()
        if self._connection is not None:
            lost += [event for event in self._connection.receive() if isinstance(event, PeerCall)]  # not handled yet
            self._selector.unregister(self._connection)
            self._connection.release()
            self._connection = None
        if self._slot is not None:
            self._slot.close()
            self._slot = None
        self._lost.update(call.number for call in lost)
