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
commands first reads its links once more and applies their messages. So whatever a caller was told is included in what
it reads next, on any shard.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple, get_args

from shards import limits
from shards.clock import monotonic_ms, now_ms
from shards.engine.engine import MAILBOX, Engine
from shards.engine.order_entry import AskAccountShard
from shards.engine.outbox import ARCHIVE
from shards.engine.queries import answer
from shards.folder import Folder
from shards.ipc.mailbox import Mailbox
from shards.ipc.network import Network
from shards.ipc.protocol import Confirmed, LinkFrame, Request
from shards.model.codec import Undecodable, decode_link, decode_request, encode
from shards.model.commands import (
    Cancel,
    CancelBatch,
    CancelByClientId,
    Command,
    FundsHold,
    MarginHold,
    Modify,
    Place,
    SetRules,
    TimerFired,
    Transfer,
)
from shards.model.links import Granted, LinkMessage
from shards.model.queries import GetStatus, Query, TakeSnapshot
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, Reply, ShardStatus
from shards.process import log
from shards.runtime.disk_room import Room
from shards.runtime.peer import Peer
from shards.runtime.query_queue import PendingQuery, QueryQueue
from shards.runtime.remote_holds import Holds
from shards.runtime.reply_queue import Replies
from shards.runtime.snapshots import Snapshots
from shards.runtime.stale_accounts import StaleAccounts
from shards.vitals import State, Vitals
from storage.journal import Journal, Record, StorageFull

COMMANDS: frozenset[type] = frozenset(get_args(Command))


class Timer(NamedTuple):
    """An input created by the shard itself when something is due."""

    body: bytes


class Input(NamedTuple):
    """A message to be journaled and applied, and its origin."""

    origin: Request | LinkFrame | Timer
    message: Command | LinkMessage


class Batch(NamedTuple):
    """The work of one turn, in this order."""

    inputs: list[Input]
    holds: list[tuple[Request, Place | Modify]]  # commands that need funds held on another shard


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
    ) -> None:
        """``clock`` returns Unix ms, ``monotonic`` ms that never jump; ``network`` connects to callers and peers.

        A simulation replaces these. ``vitals`` publish this shard's status.
        """
        self.engine = engine
        self.stopping = False
        network = network or Network()
        selector = network.selector()
        received = dict(engine.received)
        self.mailbox = Mailbox(folder, f"shard-{engine.shard}", queue_depth, received, network, selector)
        self._clock = clock
        self._monotonic_ms = monotonic
        self._journal = journal
        self._snapshots = snapshots
        self._peers = {
            receiver: Peer(folder, receiver, engine.shard, outbox, selector, network)
            for receiver, outbox in engine.outboxes.items()
        }
        self._shard_peers = {receiver: peer for receiver, peer in self._peers.items() if receiver != ARCHIVE}
        self._replies = Replies(engine, self._shard_peers)
        self._holds = Holds(engine, self._shard_peers, self._replies)
        self._named: set[int] = set()  # open orders that cancels of this turn take while the archive is far behind
        self._queries = QueryQueue(queue_depth)
        self._stale_accounts = StaleAccounts()
        self._vitals = vitals or Vitals(None)
        self._room = Room(self._vitals, self._monotonic_ms)
        self._waited_ms, self._waits_since_ms = 0, self._monotonic_ms()
        self._reconnect_ms = 0

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
        requests = self.mailbox.get(limits.BATCH_COUNT_MAX)
        if requests:
            self.mailbox.poll_links()
        if requests or self.mailbox.arrived() or self._holds.returned or self._is_due():
            self._process(self._sort(requests))
        self._send()
        if self._queries:
            self._answer_queries()
            self._send()
        if self._snapshots.step(self.engine, self._journal):
            self._send()

    # 1. Receive

    def _patience_s(self) -> float | None:
        if self.mailbox.waiting() or self._queries.has_next() or self._holds.returned:
            return 0
        if self.mailbox.arrived():  # left over because the disk was full
            return limits.STORAGE_RETRY_MS / 1000
        if not self.mailbox.serving or not all(peer.connected for peer in self._peers.values()):
            return limits.RECONNECT_MS / 1000
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
        if all(peer.connected for peer in self._peers.values()) or self._monotonic_ms() < self._reconnect_ms:
            return
        self._reconnect_ms = self._monotonic_ms() + limits.RECONNECT_MS
        for peer in self._peers.values():
            peer.connect()

    def _open_for_service(self) -> None:
        """Serve once all peers are linked both ways and their pending messages applied, or after a timeout."""
        if self.mailbox.serving or self.stopping:
            return
        caught_up = self.mailbox.is_caught_up(self.engine.received)
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

    # 2. Reject, sort

    def _sort(self, requests: list[Request]) -> Batch:
        """Order link messages by their senders' stamps, then commands; queries wait for their turn."""
        frames = sorted(self.mailbox.arrived(), key=lambda frame: frame.stamp_ms)
        batch = Batch([], [])
        if self.engine.rules < limits.RULES:  # the folder was last used by an older version of the program
            rules = SetRules(limits.RULES)
            batch.inputs.append(Input(Timer(encode(rules)), rules))
        batch.inputs.extend(Input(frame, decode_link(frame.body)) for frame in frames)
        if self._is_due():  # before the commands: it was due before they came
            batch.inputs.append(Input(Timer(encode(TimerFired())), TimerFired()))
        now = self._clock()
        self._named.clear()
        returned, self._holds.returned = self._holds.returned, []
        for request, message in chain(returned, self._decode(requests)):
            refusal = self._refuse(request, message, now)
            if refusal is not None:
                self._replies.refuse(request, refusal)
            elif (type(message) is Place or type(message) is Modify) and self.engine.entry.needs_account_shard(message):
                batch.holds.append((request, message))
            elif type(message) in COMMANDS:
                batch.inputs.append(Input(request, message))  # type: ignore[arg-type]
            elif not self._queries.add(getattr(message, "account", ""), request, message):  # type: ignore[arg-type]
                self._replies.refuse(request, RejectReason.BUSY)
        return batch

    @staticmethod
    def _decode(requests: list[Request]) -> Iterator[tuple[Request, Command | Query]]:
        """Decode the requests. A caller that sends undecodable bytes is disconnected: it may be another version."""
        for request in requests:
            try:
                yield request, decode_request(request.body)
            except Undecodable as error:
                log.warning("disconnected a caller: %s", error)
                request.caller.close()

    def _refuse(self, request: Request, message: Command | Query, now: int) -> RejectReason | None:
        if now > request.deadline_ms:
            return RejectReason.TIMEOUT
        if not self.mailbox.serving and not isinstance(message, GetStatus):
            return RejectReason.RESTARTING
        if len(self.engine.outboxes[ARCHIVE]) > limits.ARCHIVE_BACKLOG_MAX and not self._admits(message):
            return RejectReason.BUSY
        return None

    def _admits(self, message: Command | Query) -> bool:
        """Whether to take it while the archive is far behind, noting the orders it names: never unbounded rows.

        Cancels cannot if each takes an open order that no other one of this turn names: at most ten rows for each.
        """
        if isinstance(message, (Cancel, CancelByClientId, CancelBatch)):
            named = self.engine.cancels.find_open(message) - self._named
            self._named |= named
            return bool(named)
        return not isinstance(message, (Place, Modify, FundsHold, MarginHold, Transfer))

    # 3. to 6.

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
            Record(sequence, stamp_ms, *_source(origin), origin.body)
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
            self._replies.refuse(request, RejectReason.STORAGE_FULL)
        batch.holds.clear()

    def _apply(self, each: Input, stamp_ms: int, batch: Batch) -> None:
        origin, message = each
        since = self._replies.newest()
        reply = self.engine.apply(self.engine.sequence + 1, stamp_ms, *_source(origin), message)
        if reply is None:
            return
        if isinstance(reply, AskAccountShard):
            assert isinstance(origin, Request)
            batch.holds.append((origin, reply.command))
        elif isinstance(origin, Request):
            self._replies.add(origin, reply, _account(message, reply), since)
        elif isinstance(message, Granted):
            self._holds.granted(message, reply, since)

    # 7. Answer

    def _answer_queries(self) -> None:
        """Answer at least one query if any can be answered, and more for as long as the turn's time lasts."""
        until_ms = self._monotonic_ms() + limits.QUERY_MS
        pending = self._queries.take()
        while pending is not None:
            if not pending.request.caller.closed:
                self._answer(pending)
            pending = self._queries.take() if self._monotonic_ms() < until_ms else None

    def _answer(self, pending: PendingQuery) -> None:
        request, query = pending
        account: str = getattr(query, "account", "")
        if self._clock() > request.deadline_ms:
            self._replies.refuse(request, RejectReason.TIMEOUT)
        elif self.mailbox.arrived() and self._stale_accounts.covers(account):
            self._replies.refuse(request, RejectReason.STORAGE_FULL)
        elif isinstance(query, TakeSnapshot):
            self._snapshots.ask(lambda reply: self._replies.add(request, reply, ""))
        else:
            reply = self._status() if isinstance(query, GetStatus) else answer(self.engine, query)
            self._replies.add(request, reply, _account(query, reply))

    def _status(self) -> ShardStatus:
        engine = self.engine
        return ShardStatus(
            shard=engine.shard,
            markets=len(engine.markets),
            accounts=len(engine.accounts.wallets.by_account),
            open_orders=sum(len(machine.open) for machine in engine.markets.values()),
            queue_depth=self.mailbox.qsize(),
            queue_depth_max=self.mailbox.maxsize,
            journal_seq=engine.sequence,
            snapshot_seq=self._snapshots.sequence,
            archive_lag=len(engine.outboxes[ARCHIVE]),
            serving=self.mailbox.serving,
        )

    def _send(self) -> None:
        for peer in self._peers.values():
            peer.pump()
        self._replies.send(self.mailbox)
        self.mailbox.confirm(self.engine.received)
        self.mailbox.flush()

    def _finish(self) -> None:
        """Take no new requests; flush pending replies and archive events, then take a snapshot, within time limits."""
        self.mailbox.serving = False
        self._vitals.state = State.STOPPED
        until_ms = self._monotonic_ms() + limits.STOP_MS
        while self._monotonic_ms() < until_ms and (
            len(self._queries) or len(self._replies) or len(self.engine.outboxes[ARCHIVE])
        ):
            self.turn(limits.RECONNECT_MS / 1000)
        self.mailbox.close()
        self._snapshots.finish(self.engine, self._journal, limits.SNAPSHOT_STOP_MS / 1000)
        self._journal.close()


def _account(message: Command | LinkMessage | Query, reply: Reply) -> str:
    """Return the account whose balance the reply may reflect; "" for market data and operator requests."""
    if isinstance(reply, OrderReply):
        return reply.order.account
    if isinstance(message, (Place, FundsHold, MarginHold)):
        return message.order.account
    return getattr(message, "account", "")


def _source(origin: Request | LinkFrame | Timer) -> tuple[int, int]:
    return (origin.source, origin.number) if isinstance(origin, LinkFrame) else (MAILBOX, 0)
