"""One shard as a process of the simulation: the real loop between a disk and sockets in memory, until it dies."""

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from shards.engine.engine import Engine
from shards.engine.order_entry import AskAccountShard
from shards.engine.outbox import ARCHIVE
from shards.ipc.errors import LinkBroken
from shards.ipc.protocol import Request
from shards.model.codec import decode_input, decode_request, encode
from shards.model.commands import Command, Modify, Place
from shards.model.links import Granted, LinkMessage
from shards.model.queries import GetStatus
from shards.model.reasons import RejectReason
from shards.model.replies import Rejected, Reply
from shards.runtime.admission import COMMANDS
from shards.runtime.loop import Shard
from shards.runtime.recovery import apply_record, engine_at
from shards.runtime.snapshots import Snapshots
from storage.journal import Journal, JournalDamaged, Record
from tests.sim.disk import SimDisk, SimJournal, SimSnapshots
from tests.sim.network import Killed, Life
from tests.sim.oracle import Applied

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation

TICKETS = 1 << 40  # of one life
REACHED_MS = 1_000  # of true time: a running peer has delivered its messages to a shard by then


class Node:
    """A shard, its disk, and its supervisor."""

    def __init__(self, simulation: "Simulation", number: int) -> None:
        self.simulation = simulation
        self.number = number
        self.name = f"shard {number}"
        self.disk = SimDisk(simulation.chance)
        self.life: Life | None = None
        self._shard: Shard | None = None
        self.lives = 0
        self.start_ms = 0  # true time of its restart
        self.stands_until_ms = 0  # true time until which it gets no turn
        self.here_since_ms = 0  # true time since which it lives and gets its turns

    @property
    def up(self) -> bool:
        """Whether the process lives."""
        return self._shard is not None

    @property
    def shard(self) -> Shard:
        """The loop of the current life."""
        assert self._shard is not None
        return self._shard

    @property
    def engine(self) -> Engine:
        """The engine of the current life."""
        return self.shard.engine

    # Life and death

    def start(self) -> None:
        """Recover from the disk, as :func:`shards.runtime.recovery.recover` does, and serve."""
        simulation = self.simulation
        self.lives += 1
        self.life = Life(simulation.machine, self)
        journal = SimJournal(self.disk, self.life, self._written)
        engine = self._recover(journal)
        snapshots = SimSnapshots(self.disk, simulation.plan.snapshot_records)
        self._engine = engine
        self.here_since_ms = simulation.true_ms
        self._reaches_for = True  # until it has what its peers' callers had been answered before
        self._shard = Shard(
            simulation.folder,
            engine,
            cast(Journal, journal),
            cast(Snapshots, snapshots),
            simulation.plan.queue_depth,
            simulation.clock,
            lambda: simulation.true_ms,
            self.life,
            bounds=simulation.plan.bounds,
            first_ticket=self.lives * TICKETS,  # not random: a run must be reproducible
            observer=self,
        )
        simulation.note(self.name, f"starts with record {engine.sequence}")

    def _recover(self, journal: SimJournal) -> Engine:
        snapshots = self.disk.snapshots
        engine, position = engine_at(
            snapshots[-1] if snapshots else None, self.number, self.simulation.plan.shard_count
        )
        engine.accounts.margins.watched = True
        self._row = engine.outboxes[ARCHIVE].last_number
        if position.sequence > len(self.disk.history):
            self.simulation.violated(f"{self.name}: its journal ends before its snapshot")
        try:
            for record in journal.read(position):
                apply_record(engine, record)
                self._compare(engine, decode_input(record.body), None, live=False)
        except JournalDamaged as damage:
            self.simulation.violated(f"{self.name} does not start: {damage}")
        return engine

    def turn(self) -> None:
        """One turn of the loop, or what is left of it."""
        simulation = self.simulation
        if not self.up:
            if simulation.true_ms >= self.start_ms:
                self.start()
            return
        if simulation.true_ms < self.stands_until_ms:
            self.here_since_ms = self.stands_until_ms
            return
        try:
            self.shard.turn(0)
        except Killed:
            self.die("is killed")
        except (JournalDamaged, LinkBroken) as damage:
            simulation.violated(f"{self.name} does not go on: {damage}")
        except sqlite3.OperationalError as error:
            self.die(f"ends: {error}")
        else:
            self._look_whether_blind()
            if self.shard.stopping and not len(self.shard.replies):
                self.shard.mailbox.close()
                self.die("has stopped")

    def die(self, how: str) -> None:
        """The process ends; everything only in memory is lost."""
        assert self.life is not None
        self.simulation.note(self.name, how)
        self.life.end()
        self._shard = self.life = None
        self.start_ms = self.simulation.true_ms + self.simulation.chance.choice((0, 10, 50, 500))

    def stop(self) -> None:
        """SIGTERM: it accepts nothing more, and flushes pending replies."""
        self.simulation.note(self.name, "is asked to stop")
        self.shard.stopping = True
        self.shard.mailbox.serving = False

    def _look_whether_blind(self) -> None:
        """A shard whose peers are stopped serves after a timeout without their messages: the one known exception."""
        shard, simulation = self.shard, self.simulation
        if not (shard.mailbox.serving and self._reaches_for):
            return
        missing = shard.mailbox.lagging(self.engine.received)
        self._reaches_for = bool(missing)
        for peer in missing:
            simulation.blind_ms = simulation.true_ms
            node = simulation.nodes[peer]
            both_since_ms = max(node.here_since_ms, self.here_since_ms)  # a stopped shard reaches nobody
            if node.up and simulation.true_ms - both_since_ms > REACHED_MS:
                simulation.violated(f"{self.name} serves without shard {peer}, which has long been there")

    # Watching

    def _written(self, records: Sequence[Record]) -> None:
        archived = self._engine.outboxes[ARCHIVE].confirmed
        for record in records:
            self.simulation.oracle.written(self.number, record, archived)

    def applied(self, message: Command | LinkMessage, reply: Reply | AskAccountShard | None) -> None:
        """The shard has applied an input."""
        shown = Rejected(RejectReason.BUSY) if isinstance(reply, AskAccountShard) else reply  # in the model's terms
        self._compare(self.engine, message, None if shown is None else encode(shown), live=True)

    def _compare(self, engine: Engine, message: Command | LinkMessage, told: bytes | None, *, live: bool) -> None:
        before, self._row = self._row, engine.outboxes[ARCHIVE].last_number
        rows = [posted.body for posted in engine.outboxes[ARCHIVE].after(before)]
        sent = {receiver: outbox.last_number for receiver, outbox in engine.outboxes.items()}
        self.simulation.oracle.applied(self.number, engine.sequence, Applied(message, told, rows, sent, live))

    def replied(self, request: Request, reply: Reply, *, to_input: bool) -> None:
        """The shard has made a reply."""
        oracle, engine = self.simulation.oracle, self.engine
        if to_input:
            if reply == Rejected(RejectReason.BUSY):
                applied = decode_input(self.disk.history[engine.sequence - 1][0].body)
                if not isinstance(
                    applied, Granted
                ):  # the grant was insufficient, and its account shard is full: not executed
                    self.simulation.violated("what is on disk was answered BUSY: its account shard must be asked")
                return
            oracle.answered(self._call_of(request), self.number, engine.sequence)
            return
        message: Any = decode_request(request.body)
        archived = engine.outboxes[ARCHIVE].confirmed
        if isinstance(message, Place | Modify):
            if not (isinstance(reply, Rejected) and reply.reason in (RejectReason.BUSY, RejectReason.RESTARTING)):
                oracle.rejected_early(self.number, message, encode(reply), archived)
        elif type(message) not in (*COMMANDS, GetStatus):
            oracle.queried(self.number, message, encode(reply), archived)

    def _call_of(self, request: Request) -> Any:
        """The call of a request; None if no client of the simulation waits for it."""
        connection: Any = self.shard.mailbox.callers.get(request.caller)
        if connection is None:
            return None
        other = connection.socket.peer
        caller: Any = other.life.owner if other.life is not None else None
        return caller.call_numbered(other, request.number) if hasattr(caller, "call_numbered") else None
