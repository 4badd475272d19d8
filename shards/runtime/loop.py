"""A shard's loop. One thread; each turn does the following:

1. receive from callers, peers and their links
2. reject what is past its deadline
3. stamp each input with time and sequence number
4. append the batch to the journal: one transaction, one sync
5. apply each input to the machines
6. send link messages, then replies
7. answer queries, for a limited time

Nothing is applied before it is durable, nothing is answered before it is applied, and no reply leaves before the link
messages it depends on are in their receivers' queues (:mod:`shards.runtime.reply_queue`). A shard that has taken
commands first reads its links once more and applies their messages. So what a caller reads next, on any shard, includes
every answer it has received.
"""

from collections.abc import Callable

from shards import limits
from shards.clock import monotonic_ms, now_ms
from shards.engine.engine import Engine
from shards.engine.order_entry import AskAccountShard
from shards.engine.outbox import ARCHIVE
from shards.folder import Folder
from shards.ipc.mailbox import Mailbox
from shards.ipc.network import Network
from shards.ipc.protocol import Confirmed, LinkFrame, Request
from shards.model.links import Granted
from shards.model.reasons import RejectReason
from shards.runtime.admission import Admission
from shards.runtime.answering import Answering
from shards.runtime.batch import Batch, Input, source_of
from shards.runtime.bounds import BOUNDS, Bounds
from shards.runtime.disk_room import Room
from shards.runtime.observer import Observer
from shards.runtime.peer import Peer
from shards.runtime.query_queue import QueryQueue
from shards.runtime.remote_holds import Holds
from shards.runtime.reply_queue import Replies, account_of
from shards.runtime.snapshots import Snapshots
from shards.runtime.stale_accounts import StaleAccounts
from shards.vitals import State, Vitals
from storage.journal import Journal, Record, StorageFull


class Shard:
    """One shard: its engine between its disk and its sockets."""

    def __init__(
        self,
        folder: Folder,
        engine: Engine,
        journal: Journal,
        snapshots: Snapshots,
        queue_depth: int,
        clock: Callable[[], int] = now_ms,
        monotonic: Callable[[], int] = monotonic_ms,
        network: Network | None = None,
        vitals: Vitals | None = None,
        bounds: Bounds = BOUNDS,
        first_ticket: int | None = None,
        observer: Observer | None = None,
    ) -> None:
        """``clock`` returns Unix ms, ``monotonic`` ms that never jump; ``network`` connects to callers and peers.

        A simulation replaces these, and passes its own limits and ``first_ticket``, otherwise random, and watches as
        ``observer``. ``vitals`` publish this shard's status.
        """
        self.engine = engine
        self.stopping = False
        network = network or Network()
        self._selector = selector = network.selector()
        received = dict(engine.received)
        self.mailbox = mailbox = Mailbox(folder, f"shard-{engine.shard}", queue_depth, received, network, selector)
        self._batch_count = bounds.batch_count
        self._observer = observer
        self._clock = clock
        self._monotonic_ms = monotonic
        self._journal = journal
        self._snapshots = snapshots
        self.peers = {
            receiver: Peer(folder, receiver, engine.shard, outbox, selector, network, bounds.link_window_bytes)
            for receiver, outbox in engine.outboxes.items()
        }
        self._shard_peers = {receiver: peer for receiver, peer in self.peers.items() if receiver != ARCHIVE}
        self.replies = replies = Replies(engine, self._shard_peers, bounds.reply_piece_count, observer)
        self.queries = queries = QueryQueue(queue_depth, bounds.query_count, bounds.unread_bytes)
        self._holds = holds = Holds(engine, self._shard_peers, replies, first_ticket)
        self._stale_accounts = stale = StaleAccounts()
        self._admission = Admission(engine, mailbox, holds, queries, replies, clock, bounds.archive_backlog_count)
        self._answering = Answering(
            engine, mailbox, snapshots, queries, replies, stale, clock, monotonic, bounds.query_ms
        )
        self._vitals = vitals or Vitals(None)
        self._room = Room(self._vitals, self._monotonic_ms)
        self._waited_ms, self._waits_since_ms = 0, self._monotonic_ms()
        self._reconnect_ms = bounds.reconnect_ms
        self._next_connect_ms = 0

    def run(self) -> None:
        """Serve until :attr:`stopping` is set; then finish pending work."""
        while not self.stopping:
            self.turn(self._patience_s())
        self._finish()

    def turn(self, patience_s: float | None) -> None:
        """Run one turn; wait at most ``patience_s`` for work."""
        self._receive(patience_s)
        self._vitals.beat()
        self._reach_peers()
        self._open_for_service()
        requests = self.mailbox.get(self._batch_count)
        if requests:
            self.mailbox.poll_links()
        is_due = self._is_due()
        if requests or self.mailbox.arrived() or self._holds.returned or is_due:
            self._process(self._admission.sort(requests, self.mailbox.arrived(), is_due=is_due))
        self._send()
        if self.queries:
            self._answering.answer_some()
            self._send()
        if self._snapshots.step(self.engine, self._journal):
            self._send()

    # 1. Receive

    def _patience_s(self) -> float | None:
        if self.mailbox.waiting() or self.queries.has_next() or self._holds.returned:
            return 0
        if self.mailbox.arrived():  # left over because the disk was full
            return limits.STORAGE_RETRY_MS / 1000
        if not self.mailbox.serving or not all(peer.connected for peer in self.peers.values()):
            return self._reconnect_ms / 1000
        patience_s, due_ms = self._snapshots.patience_s(), self.engine.due_ms()
        due_s = limits.BEAT_S if due_ms is None else max(0, due_ms - self._clock()) / 1000
        return min(due_s, limits.BEAT_S if patience_s is None else patience_s)

    def _is_due(self) -> bool:
        """Whether a timer is due, or a retry after a full disk."""
        due_ms = self.engine.due_ms()
        return (due_ms is not None and due_ms <= self._clock()) or self._room.is_due()

    def _receive(self, patience_s: float | None) -> None:
        for ready in self.mailbox.poll(patience_s):
            if isinstance(ready, Peer):
                self._hear(ready)
            else:
                ready()  # a wake-up

    def _hear(self, peer: Peer) -> None:
        for event in peer.handle():
            if isinstance(event, Confirmed):
                self.engine.confirm(peer.receiver, event.number)
            else:
                self._holds.refused(event.number, event.bodies[-1])

    def _reach_peers(self) -> None:
        self._holds.lose()
        if all(peer.connected for peer in self.peers.values()) or self._monotonic_ms() < self._next_connect_ms:
            return
        self._next_connect_ms = self._monotonic_ms() + self._reconnect_ms
        for peer in self.peers.values():
            peer.connect()

    def _open_for_service(self) -> None:
        """Serve once all peers are linked both ways and their pending messages applied, or after a timeout."""
        if self.mailbox.serving or self.stopping:
            return
        caught_up = not self.mailbox.lagging(self.engine.received)
        reached = all(peer.connected for peer in self._shard_peers.values())
        self.mailbox.serving = (caught_up and reached) or self._has_waited()
        if self.mailbox.serving:
            self._vitals.state = self._room.state()

    def _has_waited(self) -> bool:
        """Whether peers had their time: of turns in which this process stalled only a bounded part counts."""
        now = self._monotonic_ms()
        self._waited_ms += min(now - self._waits_since_ms, limits.LINK_WAIT_TURN_MS)
        self._waits_since_ms = now
        return self._waited_ms >= limits.LINK_WAIT_MS

    # 2. to 6.

    def _process(self, batch: Batch) -> None:
        if batch.inputs:
            stamp_ms = max(self._clock(), self.engine.now_ms)
            try:
                self._journal.append(self._records(batch.inputs, stamp_ms))
            except StorageFull:
                self._refuse_unwritten(batch)
            else:
                self.mailbox.take_arrived()
                for each in batch.inputs:
                    self._apply(each, stamp_ms, batch)
                self._room.wrote()
        for request, command in batch.holds:
            self._holds.ask(request, command)

    def _records(self, inputs: list[Input], stamp_ms: int) -> list[Record]:
        return [
            Record(sequence, stamp_ms, *source_of(origin), origin.body)
            for sequence, (origin, _) in enumerate(inputs, self.engine.sequence + 1)
        ]

    def _refuse_unwritten(self, batch: Batch) -> None:
        """Nothing was written: reject the commands; link messages stay for the next turn.

        Commands with holds on another shard are rejected, too: their grants could not be written either.
        """
        self._room.ran_out()
        self._stale_accounts.update(message for origin, message in batch.inputs if isinstance(origin, LinkFrame))  # type: ignore[misc]
        commands = [origin for origin, _ in batch.inputs if isinstance(origin, Request)]
        for request in (*commands, *(pending for pending, _ in batch.holds)):
            self.replies.refuse(request, RejectReason.STORAGE_FULL)
        batch.holds.clear()

    def _apply(self, each: Input, stamp_ms: int, batch: Batch) -> None:
        origin, message = each
        since = self.replies.newest()
        reply = self.engine.apply(self.engine.sequence + 1, stamp_ms, *source_of(origin), message)
        if self._observer is not None:
            self._observer.applied(message, reply)
        if reply is None:
            return
        if isinstance(reply, AskAccountShard):
            assert isinstance(origin, Request)
            batch.holds.append((origin, reply.command))
        elif isinstance(origin, Request):
            self.replies.add(origin, reply, account_of(message, reply), since)
        elif isinstance(message, Granted):
            self._holds.granted(message, reply, since)

    def _send(self) -> None:
        for peer in self.peers.values():
            peer.pump()
        self.replies.send(self.mailbox)
        self.mailbox.confirm(self.engine.received)
        self.mailbox.flush()

    def _finish(self) -> None:
        """Take no new requests; flush pending replies and archive events, then take a snapshot, within time limits."""
        self.mailbox.serving = False
        self._vitals.state = State.STOPPED
        until_ms = self._monotonic_ms() + limits.STOP_MS
        while self._monotonic_ms() < until_ms and (
            len(self.queries) or len(self.replies) or len(self.engine.outboxes[ARCHIVE])
        ):
            self.turn(self._reconnect_ms / 1000)
        self._disconnect()
        self._snapshots.finish(self.engine, self._journal, limits.SNAPSHOT_STOP_MS / 1000)
        self._journal.close()

    def close(self) -> None:
        """Close sockets and journal as they are; nothing pending is finished."""
        self._disconnect()
        self._journal.close()

    def _disconnect(self) -> None:
        self.mailbox.close()
        for peer in self.peers.values():
            peer.disconnect()
        self._selector.close()
