"""A whole exchange in one process: real engines, holds and replies; mailboxes, links and journals are lists.

Delivery, time and crashes are controlled by the test. ``call`` is eager, like production without load. For anything
else there are single steps: ``submit`` puts a message into a mailbox, ``turn`` runs one turn of a shard's loop,
``pump`` moves link messages into their receiver's queue, ``acknowledge`` confirms them to their sender, ``store``
archives rows, ``crash`` and ``start`` end and begin a life. Everything travels encoded.
"""

import queue
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, cast, get_args

from msgspec.structs import replace

from shards.engine.engine import MAILBOX, Engine
from shards.engine.order_entry import AskAccountShard
from shards.engine.outbox import ARCHIVE
from shards.engine.queries import answer
from shards.engine.state import dump_state, dump_underway, load_engine
from shards.ipc.errors import NotServing
from shards.ipc.frames import FrameKind
from shards.ipc.mailbox import Mailbox
from shards.ipc.protocol import LinkFrame, Request
from shards.limits import BATCH_COUNT_MAX, DEADLINE_MS, QUEUE_DEPTH_MAX, RULES
from shards.model.codec import decode_event, decode_link, decode_reply, decode_request, encode
from shards.model.commands import (
    AddMarket,
    Cancel,
    CancelAll,
    CancelByClientId,
    Command,
    Deposit,
    Modify,
    Place,
    SetLeverage,
    SetRules,
    Transfer,
)
from shards.model.events import Event
from shards.model.links import Granted, LinkMessage
from shards.model.markets import Market, Product, shard_of_account, shard_of_symbol
from shards.model.queries import (
    CountOpen,
    GetBalances,
    GetMargin,
    ListFills,
    ListIncome,
    ListOrders,
    ListTrades,
    Query,
)
from shards.model.reasons import RejectReason
from shards.model.replies import OrdersReply, Rejected, Reply
from shards.runtime.peer import Peer
from shards.runtime.recovery import apply_record
from shards.runtime.remote_holds import Holds
from shards.runtime.reply_queue import Replies, account_of
from shards.verify.invariants import find_violations
from storage.journal import Record

COMMANDS: tuple[type, ...] = get_args(Command)
START_MS = 1_790_000_000_000
Origin = Request | LinkFrame | None
"""The source of an input; None: the shard itself."""


def make_market(number: int, symbol: str = "DFUSDT", **changes: Any) -> Market:
    """A spot market whose units all differ: tick 0.01, lot 0.1, base 8, quote 6 decimals."""
    market = Market(
        number,
        Product.SPOT,
        symbol,
        base=symbol[:-4],
        quote=symbol[-4:],
        base_decimals=8,
        quote_decimals=6,
        tick_digits=1,
        price_decimals=2,
        lot_digits=1,
        lot_decimals=1,
        min_notional=0,
        maker_fee_bps=0,
        taker_fee_bps=0,
    )
    return replace(market, **changes)


class Call:
    """A message and its reply, if there is one yet."""

    def __init__(self, message: Command | Query, shard: int, deadline_ms: int) -> None:
        self.message = message
        self.shard = shard
        self.deadline_ms = deadline_ms
        self.reply: Reply | None = None
        self._pieces: list[Reply] = []

    def send(self, kind: FrameKind, number: int, time: int = 0, body: bytes = b"") -> None:
        """A frame of its reply, as the client receives it."""
        self._pieces.append(decode_reply(body))
        if kind is FrameKind.REPLY and self.reply is None:
            orders = [order for piece in self._pieces if isinstance(piece, OrdersReply) for order in piece.orders]
            self.reply = self._pieces[0] if len(self._pieces) == 1 else OrdersReply(orders)

    def lose(self) -> None:
        """The shard died while processing the message."""
        if self.reply is None:
            repeatable = isinstance(self.message, Cancel | CancelByClientId | CancelAll)
            known = repeatable or not isinstance(self.message, COMMANDS)
            self.reply = Rejected(RejectReason.RESTARTING if known else RejectReason.TIMEOUT)


class Wire:
    """One direction between two shards: the link, and commands into the mailbox. In place of production's Peer."""

    def __init__(self, world: "World", sender: "Node", receiver: "Node") -> None:
        self._world = world
        self._sender = sender
        self.receiver = receiver
        self.given = 0  # number of the last link message put into the receiver's queue
        self.unanswered: set[int] = set()
        self.lost: set[int] = set()

    def has_sent(self, number: int) -> bool:
        return not self.receiver.up or number <= self.given

    def pump(self, count_max: int = 2**62) -> None:
        """Put link messages into the receiver's queue, which takes each number once."""
        if not self.receiver.up or not self._sender.up:
            return
        shard = self._sender.shard
        if self.given == self._sender.engine.outboxes[self.receiver.shard].last_number:
            return
        for posted in self._sender.engine.outboxes[self.receiver.shard].after(self.given)[:count_max]:
            self.given = posted.number
            if posted.number == self.receiver.heard[shard] + 1:
                self.receiver.heard[shard] = posted.number
                self.receiver.arrived.append(LinkFrame(shard, posted.number, posted.stamp_ms, posted.body))
            assert posted.number <= self.receiver.heard[shard], "a link skips messages"

    def mark_answered(self, number: int) -> None:
        self.unanswered.discard(number)

    def put_nowait(self, number: int, deadline_ms: int, body: bytes) -> None:
        if not self.receiver.up:
            raise NotServing
        self.receiver.put(_request(self, number, deadline_ms, body))
        self.unanswered.add(number)

    def send(self, kind: FrameKind, number: int, time: int = 0, body: bytes = b"") -> None:
        """The reply to a command that was put."""
        if number in self.unanswered:
            self.unanswered.discard(number)
            self._sender.holds.refused(number, body)
            self._world._send(self._sender)

    def take_lost(self) -> set[int]:
        lost, self.lost = self.lost, set()
        return lost


class Snapshot(NamedTuple):
    """An engine's state after the record with that sequence number."""

    sequence: int
    state: bytes
    underway: bytes


class Node:
    """One shard: its engine, and in-memory stand-ins for production's sockets and files."""

    def __init__(self, shard: int, shard_count: int, queue_depth: int) -> None:
        self.shard = shard
        self.up = True
        self.full = False  # the disk
        self.engine = Engine(shard, shard_count)
        self.engine.accounts.margins.watched = True
        self.journal: list[Record] = []
        self.snapshot: Snapshot | None = None
        self.queue_depth = queue_depth
        self.requests: deque[Request] = deque()
        self.arrived: deque[LinkFrame] = deque()
        self.heard = dict(self.engine.received)  # per sender the newest link message in the queue
        self.wires: dict[int, Wire] = {}
        self.replies: Replies
        self.holds: Holds
        self.unanswered: list[Call] = []
        self.lives = 0

    def put(self, request: Request) -> None:
        """Into the mailbox; raises queue.Full."""
        if len(self.requests) >= self.queue_depth:
            raise queue.Full
        self.requests.append(request)

    def has_work(self) -> bool:
        """Whether a turn would do anything."""
        return self.up and bool(self.requests or self.holds.returned or (self.arrived and not self.full))

    def start(self, engine: Engine) -> None:
        """Begin a life with the state on disk."""
        self.engine = engine
        self.up = True
        self.requests.clear()
        self.arrived.clear()
        self.heard = dict(engine.received)
        peers = cast(dict[int, Peer], self.wires)
        self.replies = Replies(engine, peers)
        self.lives += 1
        first_ticket = self.lives << 40  # not random: a run must be reproducible
        self.holds = Holds(engine, peers, self.replies, first_ticket)


class World:
    """N shards and the archive."""

    def __init__(self, shard_count: int, queue_depth: int = QUEUE_DEPTH_MAX) -> None:
        self.shard_count = shard_count
        self.now_ms = START_MS  # a test may move it either way
        self.nodes = [Node(shard, shard_count, queue_depth) for shard in range(shard_count)]
        for node in self.nodes:
            node.wires = {peer.shard: Wire(self, node, peer) for peer in self.nodes if peer is not node}
            node.start(node.engine)
        self.symbols: dict[int, str] = {}
        self.stored: list[list[bytes]] = [[] for _ in range(shard_count)]  # archived rows, per shard
        self.archiving = True  # whether delivering everything includes archiving rows

    @property
    def engines(self) -> list[Engine]:
        return [node.engine for node in self.nodes]

    def engine_of(self, market: int) -> Engine:
        """The engine that owns this market's book."""
        return self.engines[shard_of_symbol(self.symbols[market], self.shard_count)]

    def shard_of(self, message: Command | Query) -> int:
        """The shard that a caller sends the message to."""
        if isinstance(message, AddMarket):
            self.symbols.setdefault(message.market.number, message.market.symbol)
            return shard_of_symbol(message.market.symbol, self.shard_count)
        if isinstance(message, Deposit | Transfer | SetLeverage | GetBalances | GetMargin | ListFills | ListIncome):
            return shard_of_account(message.account, self.shard_count)
        if isinstance(message, Place):
            market = message.order.market
        elif isinstance(message, Cancel) or not hasattr(message, "market"):
            market = getattr(message, "id", 0) >> 40
        else:
            market = message.market
        return shard_of_symbol(self.symbols.get(market, ""), self.shard_count)

    # Callers

    def call(self, message: Command | Query) -> Reply:
        """Send, deliver everything, return the reply."""
        call = self.submit(message)
        self.drain()
        assert call.reply is not None, "nobody answered"
        return call.reply

    def call_all(self, message: CancelAll | ListOrders | ListTrades | CountOpen) -> list[Reply]:
        """Send to every shard, like a request without a symbol."""
        calls = [self.submit(message, shard) for shard in range(self.shard_count)]
        self.drain()
        return [cast(Reply, call.reply) for call in calls]

    def submit(self, message: Command | Query, shard: int | None = None, patience_ms: int = DEADLINE_MS) -> Call:
        """Put a message into its shard's mailbox; rejected at once if that is full or down."""
        node = self.nodes[self.shard_of(message) if shard is None else shard]
        call = Call(message, node.shard, self.now_ms + patience_ms)
        if not node.up:
            call.reply = Rejected(RejectReason.RESTARTING)
            return call
        try:
            node.put(_request(call, 0, call.deadline_ms, encode(message)))
        except queue.Full:
            call.reply = Rejected(RejectReason.BUSY)
            return call
        node.unanswered.append(call)
        return call

    def drain(self) -> None:
        """Deliver until nothing is pending."""
        busy = True
        while busy:
            for node in self.nodes:
                if node.has_work():
                    self.turn(node.shard)
                for wire in node.wires.values():
                    wire.pump()
                self._send(node)
            for node in self.nodes:
                self.acknowledge(node.shard)
            busy = any(node.has_work() for node in self.nodes)
        for node in self.nodes if self.archiving else ():
            self.store(node.shard)

    # Single steps

    def turn(self, shard: int, count_max: int = BATCH_COUNT_MAX, *, die_journaled: bool = False) -> None:
        """One turn of the shard's loop over at most ``count_max`` requests.

        ``die_journaled``: it dies once the batch is on disk, before anything is applied or replied.
        """
        node = self.nodes[shard]
        requests = [node.requests.popleft() for _ in range(min(count_max, len(node.requests)))]
        frames = sorted(node.arrived, key=lambda frame: frame.stamp_ms)
        inputs: list[tuple[Origin, Command | LinkMessage]] = []
        if node.engine.rules < RULES:
            inputs.append((None, SetRules(RULES)))
        inputs += [(frame, decode_link(frame.body)) for frame in frames]
        queries: list[tuple[Request, Query]] = []
        holding: list[tuple[Request, Place | Modify]] = []
        returned, node.holds.returned = node.holds.returned, []
        for request, message in (*returned, *((each, decode_request(each.body)) for each in requests)):
            asking = node.engine.asking.get(type(message))
            if self.now_ms > request.deadline_ms:
                node.replies.refuse(request, RejectReason.TIMEOUT)
            elif asking is not None and asking.must_ask(message):
                holding.append((request, cast(Place | Modify, message)))
            elif isinstance(message, COMMANDS):
                inputs.append((request, cast(Command, message)))
            else:
                queries.append((request, cast(Query, message)))
        if inputs and not self._append(node, inputs):
            for origin, _ in inputs:
                if isinstance(origin, Request):
                    node.replies.refuse(origin, RejectReason.STORAGE_FULL)
        elif die_journaled:
            self.crash(shard)
            return
        else:
            for record, (origin, input_message) in zip(node.journal[-len(inputs) :], inputs, strict=False):
                self._apply(node, record, origin, input_message, holding)
        for request, query in queries:
            told = answer(node.engine, query)
            node.replies.add(request, told, account_of(query, told))
        for request, place in holding:
            node.holds.ask(request, place)
        self._send(node)

    def pump(self, sender: int, receiver: int, count_max: int = 2**62) -> None:
        """Put up to so many link messages into the receiver's queue; replies that waited for them are sent."""
        self.nodes[sender].wires[receiver].pump(count_max)
        self._send(self.nodes[sender])

    def acknowledge(self, receiver: int) -> None:
        """Tell the senders what this shard has on disk."""
        node = self.nodes[receiver]
        for sender, number in node.engine.received.items():
            if self.nodes[sender].up:
                self.nodes[sender].engine.confirm(receiver, number)

    def store(self, shard: int, count_max: int = 2**62, *, confirm: bool = True) -> None:
        """Archive up to so many rows. The archive takes each number once, in order."""
        node = self.nodes[shard]
        if not node.up:
            return
        outbox = node.engine.outboxes[ARCHIVE]
        stored = self.stored[shard]
        for posted in outbox.after(len(stored))[:count_max] if outbox else ():
            assert posted.number == len(stored) + 1, "the link to the archive skips rows"
            stored.append(posted.body)
        if confirm:
            node.engine.confirm(ARCHIVE, len(stored))

    def take_snapshot(self, shard: int) -> None:
        """Store the current state; what is pending differs from run to run."""
        engine = self.nodes[shard].engine
        self.nodes[shard].snapshot = Snapshot(engine.sequence, dump_state(engine), dump_underway(engine))

    def crash(self, shard: int) -> None:
        """kill -9: everything only in memory is lost."""
        node = self.nodes[shard]
        node.up = False
        node.arrived.clear()
        node.requests.clear()
        for call in node.unanswered:
            call.lose()
        node.unanswered.clear()
        for other in self.nodes:
            for wire in (other.wires.get(shard), node.wires.get(other.shard)):
                if wire is not None:
                    wire.lost |= wire.unanswered
                    wire.unanswered = set()
        for other in self.nodes:
            if other.up:
                other.holds.lose()
                self._send(other)

    def start(self, shard: int, *, from_snapshot: bool = True) -> None:
        """Recover from the newest snapshot, or from nothing, and the journal after it; reconnect all links."""
        node = self.nodes[shard]
        node.start(self.recovered(shard, from_snapshot=from_snapshot))
        for other in self.nodes:
            if other is not node:
                other.wires[shard].given = node.heard[other.shard]
                node.wires[other.shard].given = other.heard[shard]

    def restart(self, shard: int, *, from_snapshot: bool = True) -> None:
        """Crash and start."""
        self.crash(shard)
        self.start(shard, from_snapshot=from_snapshot)

    def recovered(self, shard: int, *, from_snapshot: bool = False) -> Engine:
        """The engine that results from a shard's disk."""
        node = self.nodes[shard]
        snapshot = node.snapshot if from_snapshot else None
        engine = load_engine(snapshot.state, snapshot.underway) if snapshot else Engine(shard, self.shard_count)
        engine.accounts.margins.watched = True
        for record in node.journal[engine.sequence :]:
            apply_record(engine, record)
        return engine

    def events(self) -> list[Event]:
        """The archived events, shard by shard."""
        return [decode_event(body) for stored in self.stored for body in stored]

    # Invariants

    def violations(self) -> list[str]:
        """Violated invariants, whatever is pending; all shards must be up."""
        return find_violations(self.engines)

    def unfaithful(self) -> list[str]:
        """Findings where state, link messages or archived rows differ from what the journals produce."""
        found = []
        for node in self.nodes:
            again = self.recovered(node.shard)
            if dump_state(again) != dump_state(node.engine):
                found.append(f"shard {node.shard} is not what its journal makes")
            for receiver, outbox in node.engine.outboxes.items():
                made = {posted.number: posted.body for posted in again.outboxes[receiver]}
                kept = {posted.number: posted.body for posted in outbox}
                if receiver == ARCHIVE:
                    kept |= dict(enumerate(self.stored[node.shard], 1))
                if any(made[number] != body for number, body in kept.items()):
                    found.append(f"what shard {node.shard} sent to {receiver} is not what its journal makes")
        return found

    def _append(self, node: Node, inputs: Sequence[tuple[Origin, Command | LinkMessage]]) -> bool:
        if node.full:
            return False
        stamp_ms = max(self.now_ms, node.engine.now_ms)
        for sequence, (origin, message) in enumerate(inputs, node.engine.sequence + 1):
            source = (origin.source, origin.number) if isinstance(origin, LinkFrame) else (MAILBOX, 0)
            node.journal.append(Record(sequence, stamp_ms, *source, origin.body if origin else encode(message)))
        node.arrived.clear()
        return True

    def _apply(
        self,
        node: Node,
        record: Record,
        origin: Origin,
        message: Command | LinkMessage,
        holding: list[tuple[Request, Place | Modify]],
    ) -> None:
        since = node.replies.newest()
        reply = node.engine.apply(record.sequence, record.stamp_ms, record.source, record.number, message)
        if reply is None:
            return
        if isinstance(reply, AskAccountShard):
            assert isinstance(origin, Request)
            holding.append((origin, reply.command))
        elif isinstance(origin, Request):
            node.replies.add(origin, reply, account_of(message, reply), since)
        elif isinstance(message, Granted):
            node.holds.granted(message, reply, since)

    def _send(self, node: Node) -> None:
        if not node.up or not len(node.replies):
            return
        node.replies.send(cast(Mailbox, _NoMailbox))
        node.unanswered = [call for call in node.unanswered if call.reply is None]


class _NoMailbox:
    """Frames reach their caller at once."""

    @staticmethod
    def send(caller: object) -> None:
        pass


def _request(caller: Call | Wire, number: int, deadline_ms: int, body: bytes) -> Request:
    return Request(caller, number, deadline_ms, body)  # type: ignore[arg-type]
