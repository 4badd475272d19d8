"""What fails, and when: a probability per step for each kind of fault."""

from typing import TYPE_CHECKING

from tests.sim.node import Node

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation

CALLS_MAX = 60  # maximum number of system calls left to a process that is to die during its work
FULL_MS = (20, 100, 500)
STAND_MS = (20, 100, 500, 3_500)
CLOCK_STEPS_MS = (-50, -5, 40, 700, 700, 6_000)


class Faults:
    """The faults of one run; they end with its safety phase."""

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        self.chance = simulation.chance
        self._full_until: dict[int, int] = {}  # shard → true time
        plan = simulation.plan
        kinds = [
            (plan.kills, self._kill),
            (plan.deaths_within, self._die_within),
            (plan.stops, self._stop),
            (plan.stands, self._stand),
            (plan.worker_kills, self._kill_worker),
            (plan.archive_kills, self._kill_archive),
            (plan.full_disks, self._fill_disk),
            (plan.failed_syncs, self._fail_sync),
            (plan.clock_steps, self._step_clock),
        ]
        self._weights, self._kinds = zip(*kinds, strict=True)
        self._likely = sum(self._weights)

    def step(self) -> None:
        """Perhaps inject a fault."""
        if self.chance.random() < self._likely:
            self.chance.choices(self._kinds, self._weights)[0]()
        for shard in [shard for shard, until in self._full_until.items() if self.simulation.true_ms >= until]:
            self._make_room(shard)

    def end(self) -> None:
        """End all faults."""
        for shard in list(self._full_until):
            self._make_room(shard)
        for node in self.simulation.nodes:
            node.disk.fails_next = False
            node.stands_until_ms = node.start_ms = 0
            if node.life is not None:
                node.life.calls_left = None
        archive = self.simulation.archive
        archive.start_ms = 0
        if archive.life is not None:
            archive.life.calls_left = None
        for client in self.simulation.clients:
            client.life.calls_left = None

    def _node(self) -> Node:
        return self.chance.choice(self.simulation.nodes)

    def _kill(self) -> None:
        node = self._node()
        if node.up:
            node.die("is killed")

    def _die_within(self) -> None:
        node = self._node()
        if node.life is not None and node.life.calls_left is None:
            node.life.calls_left = self.chance.randint(0, CALLS_MAX)

    def _stop(self) -> None:
        node = self._node()
        if node.up and not node.shard.stopping:
            node.stop()

    def _stand(self) -> None:
        node = self._node()
        self.simulation.note(node.name, "stands still")
        node.stands_until_ms = self.simulation.true_ms + self.chance.choice(STAND_MS)

    def _kill_worker(self) -> None:
        client = self.chance.choice(self.simulation.clients)
        if self.chance.random() < 0.5:
            client.die()
        else:
            client.life.calls_left = self.chance.randint(0, CALLS_MAX)

    def _kill_archive(self) -> None:
        archive = self.simulation.archive
        if archive.life is not None and archive.life.calls_left is None:
            archive.life.calls_left = self.chance.randint(0, CALLS_MAX)

    def _fill_disk(self) -> None:
        node = self._node()
        self.simulation.note(node.name, "has a full disk")
        node.disk.full = True
        self._full_until[node.number] = self.simulation.true_ms + self.chance.choice(FULL_MS)

    def _make_room(self, shard: int) -> None:
        node = self.simulation.nodes[shard]
        self.simulation.note(node.name, "has room on its disk again")
        node.disk.full = False
        del self._full_until[shard]

    def _fail_sync(self) -> None:
        self._node().disk.fails_next = True

    def _step_clock(self) -> None:
        step_ms = self.chance.choice(CLOCK_STEPS_MS)
        self.simulation.note("clock", f"steps by {step_ms} ms")
        self.simulation.offset_ms += step_ms
        self.simulation.stepped_back_ms += max(0, -step_ms)
