"""One run: everything in one process, every choice from one seed.

First a phase with faults, in which no invariant may be violated; then a quiet one, in which everything must complete.
"""

import random
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from shards.folder import Folder
from shards.limits import CONNECTIONS_MAX
from shards.model.accounting import Wallet
from shards.model.commands import AddMarket, Deposit
from shards.model.markets import Market
from tests.sim.archive import SimArchive
from tests.sim.client import Client, shards_of
from tests.sim.faults import Faults
from tests.sim.futures_savers import FuturesSaver
from tests.sim.futures_terms import make_futures_market, make_futures_markets
from tests.sim.futures_traders import FuturesTrader
from tests.sim.network import Machine
from tests.sim.node import Node
from tests.sim.oracle import Oracle
from tests.sim.plan import make_plan, make_spot_markets
from tests.sim.savers import Saver
from tests.sim.story import Story, Violation
from tests.sim.traders import Operator, Trader

START_MS = 1_790_000_000_000
COMMANDS = 1_000  # of one seed
SETTLING_ROUNDS = 3_000  # within which everything must complete once faults have ended
LOOK_EVERY = 50  # commands between two checks of all shards together


class Actor:
    """A participant, which does not act again before its last action is finished."""

    def __init__(self, turn: Callable[[], None]) -> None:
        self._turn = turn
        self._acts = False

    def act(self) -> None:
        if not self._acts:
            self._acts = True
            try:
                self._turn()
            finally:
                self._acts = False


class Simulation:
    """The exchange, its callers and its faults."""

    def __init__(self, seed: int, folder: Path, commands: int = COMMANDS) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.plan = make_plan(self.chance)
        self.story = Story()
        self.true_ms, self.offset_ms = START_MS, 0
        self.stepped_back_ms = 0  # a deadline may be later by so much than its caller thinks
        self.blind_ms = 0  # true time until which a shard has served without its peers
        self.commands = 0  # sent so far
        self.commands_max = commands
        self.folder = Folder.open(folder, self.plan.shard_count)
        self.machine = Machine(self.chance)
        self.oracle = Oracle(self)
        self.markets, self.quiet_markets = make_spot_markets()
        self.futures_markets, self.quiet_futures_markets = make_futures_markets()
        self.halted: set[int] = set()
        self._symbols = {market.number: market.symbol for market in self._all_markets()}
        self.nodes = [Node(self, shard) for shard in range(self.plan.shard_count)]
        self.archive = SimArchive(self, self.plan.shard_count)
        self.operator = Operator(self)
        names = [f"account-{number}" for number in range(max(3, self.plan.trader_count))]
        traders: list[Client] = [
            Trader(self, f"trader {n}", self.chance.sample(names, 2)) for n in range(self.plan.trader_count)
        ]
        traders += [
            FuturesTrader(self, f"futures trader {n}", self.chance.sample(names, 2))
            for n in range(self.plan.futures_trader_count)
        ]
        self.savers = [Saver(self, f"saver-{n}") for n in range(self.plan.saver_count)]
        self.savers += [FuturesSaver(self, f"futures-saver-{n}") for n in range(self.plan.futures_saver_count)]
        self.accounts = [*names, *(saver.account for saver in self.savers)]
        self.clients: list[Client] = [self.operator, *traders, *self.savers]
        self._traders = names
        self._actors = [*(Actor(node.turn) for node in self.nodes), Actor(self.archive.turn)]
        servers = len(self._actors)
        self._actors += [Actor(partial(client.turn, asks=True)) for client in self.clients]
        self._weights = [len(self.clients) / servers] * servers + [1] * len(self.clients)

    def _all_markets(self) -> list[Market]:
        return self.markets + self.quiet_markets + self.futures_markets + self.quiet_futures_markets

    def clock(self) -> int:
        """Unix ms by the machine's clock; it steps."""
        return self.true_ms + self.offset_ms

    def shards_of(self, message: Any) -> list[int]:
        """The shards a message is for."""
        return shards_of(message, self._symbols, self.plan.shard_count)

    def note(self, who: str, did: str, what: bytes | msgspec.Struct | None = None) -> None:
        """Record an event."""
        self.story.note(self.true_ms, who, did, what)

    def violated(self, text: str, account: str = "", market: int = 0) -> None:
        """Raises Violation."""
        raise Violation(text, account, market)

    # A run

    def run(self) -> None:
        """Raises Violation."""
        self._open()
        self._trouble()
        self._drain()

    def _open(self) -> None:
        """Markets and funds, without faults."""
        self.operator.todo += (AddMarket(market) for market in self._all_markets())
        self.operator.todo += self._first_deposits()
        self._until(lambda: not (self.operator.todo or self.operator.open), "the exchange did not open")

    def open_market(self) -> AddMarket:
        """One more futures market: without a price, with an empty book."""
        number = self.futures_markets[-1].number + 100
        market = make_futures_market(number, f"N{number}USDT", risk=self.chance.random() < 0.8)
        self.futures_markets.append(market)
        self._symbols[number] = market.symbol
        return AddMarket(market)

    def _first_deposits(self) -> Iterator[Deposit]:
        for account in self._traders:
            for asset, units in (("USDT", 10**9), *((market.base, 2 * 10**10) for market in self.markets)):
                yield Deposit(account, asset, self.chance.randint(1, units), f"first {asset}")
            yield Deposit(account, "USDT", self.chance.randint(1, self.plan.futures_units), "first", Wallet.FUTURES)
        for saver in self.savers:
            yield saver.first_deposit()

    def _trouble(self) -> None:
        """The safety phase: no invariant may be violated, whatever fails."""
        faults, chance = Faults(self), self.chance
        commands_until, look_at = self.commands + self.commands_max, 0
        self.machine.between = self._preempt
        while self.commands < commands_until:
            for actor in self._choose_actors(8):
                actor.act()
                self.true_ms += chance.choice((0, 0, 1, 3, 9))
                faults.step()
            if self.commands >= look_at:
                look_at = self.commands + LOOK_EVERY
                self._look()
        self.machine.between = lambda: None
        faults.end()

    def _choose_actors(self, count: int) -> list[Actor]:
        return self.chance.choices(self._actors, self._weights, k=count)

    def _preempt(self) -> None:
        """At any system call of one process others may run first."""
        if self.chance.random() < self.plan.preemption:
            for actor in self._choose_actors(self.chance.randint(1, 12)):
                actor.act()

    def _look(self) -> None:
        if all(node.up for node in self.nodes):
            self.oracle.check_together()
        node = self.chance.choice(self.nodes)
        if node.up and self.chance.random() < 0.3:
            self.oracle.check_recovery(node.number)

    def _drain(self) -> None:
        """The liveness phase: within a bounded number of rounds everything is answered and delivered."""
        self._until(self._is_drained, "not everything was answered and had arrived")
        for client in self.clients:
            client.life.end()
        # a trigger may still expire, a countdown end: their effects must be delivered too
        self._until(
            lambda: self._are_mailboxes_whole() and self._is_drained(),
            "the mailboxes did not get back all their slots",
        )
        self.oracle.check_drained()
        self.oracle.check_together()
        for node in self.nodes:
            self.oracle.check_recovery(node.number)
        self.oracle.check_wallets()
        self.oracle.check_margins()
        self.oracle.check_archive()
        self.oracle.check_acknowledged()

    def _until(self, reached: Callable[[], bool], failure: str) -> None:
        for _ in range(SETTLING_ROUNDS):
            if reached():
                return
            for act in (*(node.turn for node in self.nodes), self.archive.turn):
                act()
            for client in self.clients:
                client.turn(asks=False)
            self.true_ms += 5
        self.violated(f"within {SETTLING_ROUNDS} rounds {failure}")

    def _is_drained(self) -> bool:
        answered = not any(client.open for client in self.clients) and not self.operator.todo
        return answered and all(node.up and not any(map(len, node.engine.outboxes.values())) for node in self.nodes)

    def _are_mailboxes_whole(self) -> bool:
        for node in self.nodes:
            mailbox = node.shard.mailbox
            if mailbox.qsize() or mailbox.free_slots + len(mailbox.callers) != CONNECTIONS_MAX:
                return False
        return True


def run_seed(seed: int, commands: int = COMMANDS) -> Simulation:
    """Run one seed in a folder of its own. Raises Violation, with its story printed."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="sim", dir=place) as folder:
        simulation = Simulation(seed, Path(folder), commands)
        try:
            simulation.run()
        except Exception as error:
            violation = error if isinstance(error, Violation) else Violation(repr(error))
            told = "\n".join(simulation.story.tell(violation, START_MS))
            words = f"seed {seed}: {violation}\n{simulation.plan}\n{told}\nagain: make sim SEEDS=1 SEED={seed}"
            raise Violation(words, violation.account, violation.market) from error
        return simulation
