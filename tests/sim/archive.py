"""The archive as a process: the real mailbox, and rows stored atomically with the numbers of their links."""

from typing import TYPE_CHECKING

from shards.ipc.mailbox import Mailbox
from shards.model.codec import decode_event
from tests.sim.network import Killed, Life

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation


class SimArchive:
    """Takes rows, stores them after some time, confirms. What is stored survives the process."""

    def __init__(self, simulation: "Simulation", shard_count: int) -> None:
        self.simulation = simulation
        self.stored: list[list[bytes]] = [[] for _ in range(shard_count)]
        self.life: Life | None = None
        self.start_ms = 0

    @property
    def up(self) -> bool:
        """Whether the process lives."""
        return self.life is not None

    def start(self) -> None:
        """Serve from what is stored."""
        simulation = self.simulation
        self.life = Life(simulation.machine, self)
        received = {shard: len(rows) for shard, rows in enumerate(self.stored)}
        self.mailbox = Mailbox(simulation.folder, "archive", simulation.plan.queue_depth, received, self.life)
        self.mailbox.serving = True
        self._waiting: list[tuple[int, int, bytes]] = []
        simulation.note("archive", "starts")

    def turn(self) -> None:
        """Receive; sometimes store everything received in one transaction, then confirm."""
        if not self.up:
            if self.simulation.true_ms >= self.start_ms:
                self.start()
            return
        try:
            self._turn()
        except Killed:
            self.die()

    def _turn(self) -> None:
        assert self.life is not None
        for _ in self.mailbox.poll(0):
            pass  # nothing else to wait for
        for frame in self.mailbox.take_arrived():
            self._waiting.append((frame.source, frame.number, frame.body))
        if self._waiting and self.simulation.chance.random() < 0.5:
            self.life.call()  # it may die before, and below with everything stored and nothing confirmed
            for source, number, body in self._waiting:
                self._store(source, number, body)
            self._waiting.clear()
        self.mailbox.confirm({shard: len(rows) for shard, rows in enumerate(self.stored)})
        self.mailbox.flush()

    def _store(self, source: int, number: int, body: bytes) -> None:
        if number != len(self.stored[source]) + 1:
            self.simulation.violated(f"the archive was given row {number} of shard {source} out of turn")
        decode_event(body)
        self.stored[source].append(body)

    def die(self) -> None:
        """The process ends; rows not stored are lost."""
        assert self.life is not None
        self.simulation.note("archive", "is killed")
        self.life.end()
        self.life = None
        self.start_ms = self.simulation.true_ms + self.simulation.chance.choice((0, 50, 1_000, 3_000))
