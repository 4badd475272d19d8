"""One overload: how much an exchange can do, then many times that, then the audit."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Final, NamedTuple

from shards.limits import DEADLINE_BULK_MS, DEADLINE_MS
from tests.crash.processes import shard_process
from tests.crash.workers import Workers
from tests.exchange import Exchange
from tests.fuzz.wire import PROBE, Broken, Connection
from tests.overload.audit import audit
from tests.overload.load import Tally
from tests.overload.orders import BUSY, STALE, TIMED_OUT
from tests.overload.scene import Scene
from tests.overload.slowed import slowed
from tests.overload.watch import Usage, Watch, processes_by_name, typical_rss
from web.auth import WINDOW_MS

CLOSED_COUNT: Final = 32  # callers while the capacity is measured
WAITING_S: Final = 0.5  # so much work waits on all connections together: more callers would wait longer, no more
NEWCOMER_S: Final = 0.5  # between two who come while it is overloaded
LATE_S: Final = 1.0  # an answer may take so much longer than its deadline: this machine is overloaded, too
SIGNED_S: Final = WINDOW_MS / 1_000 - 0.5  # a signature is good for so long, however late its request is looked at
LOOK_S: Final = 0.25
GROWTH_MIB_MAX: Final = 32  # of any process, between the first third of an overload and the last
GOODPUT: Final = 0.9  # to be reached: so much of the peak is still served, and "busy" is said so soon
BUSY_P99_S: Final = 0.05


class Slow(NamedTuple):
    """The last shard stands still most of the time."""

    still_s: float
    on_s: float
    from_start: bool  # also while it is measured what can be done


class Scenario(NamedTuple):
    """What is overloaded."""

    name: str
    depth: int  # of the mailboxes; 0: as it comes
    slow: Slow | None = None
    shard_count: int = 2

    @property
    def settings(self) -> dict[str, str]:
        """Of the exchange."""
        return {"SHARDEX_QUEUE_DEPTH": str(self.depth)} if self.depth else {}


AS_IT_COMES: Final = Scenario("as it comes", 0)
SHORT: Final = Scenario("short mailboxes", 4)
ONE_SLOW: Final = Scenario("one shard slow of two", 32, Slow(0.2, 0.05, from_start=False))
# The HTTP side has time: what is overloaded is the shard alone
AT_LIMIT: Final = Scenario("the only shard at its limit", 4, Slow(0.02, 0.002, from_start=True), shard_count=1)
SCENARIOS: Final = (AS_IT_COMES, SHORT, ONE_SLOW, AT_LIMIT)


class Result(NamedTuple):
    """What was seen."""

    scenario: Scenario
    closed: Tally
    open: Tally
    newcomers: list[float]  # seconds until a new connection was answered
    usages: dict[str, list[Usage]]
    findings: list[str]

    def keeps_goodput(self) -> bool:
        """Whether nearly as much is done as before."""
        return self.open.rate() >= GOODPUT * self.closed.rate()

    def says_busy_quickly(self) -> bool:
        """Whether nearly all callers hear at once that it is busy."""
        return all(self.open.quantile(word, 0.99) <= BUSY_P99_S for word in BUSY)

    def lines(self) -> Iterator[str]:
        """For a reader."""
        goodput, peak = self.open.rate(), self.closed.rate()
        is_kept, is_quick = self.keeps_goodput(), self.says_busy_quickly()
        yield f"{self.scenario.name}: {peak:.0f} answers/s with {CLOSED_COUNT} callers"
        yield from self.closed.lines()
        yield f"overloaded: {goodput:.0f} good answers/s, {100 * goodput / peak:.0f} % of that {_bar(GOODPUT, is_kept)}"
        yield from self.open.lines()
        yield f"  busy is said, p99 {_bar(BUSY_P99_S, is_quick)}"
        if self.newcomers:
            yield f"  on a new connection: slowest of {len(self.newcomers)} {max(self.newcomers) * 1_000:.0f} ms"
        for name, seen in self.usages.items():
            first, last = typical_rss(seen, 0), typical_rss(seen, 2)
            yield f"  {name}: {first / 1024:.1f} MiB, then {last / 1024:.1f} MiB"
        yield from self.findings


def _bar(bar: float, is_reached: bool) -> str:
    """What is to be reached on a machine that does nothing else; only --strict fails by it."""
    return f"[{bar:g}: {'reached' if is_reached else 'MISSED'}]"


def overload(scene: Scene, scenario: Scenario, factor: float, closed_s: float, open_s: float) -> Result:
    """Measure, overload, audit."""
    exchange, before = scene.exchange, processes_by_name(scene.exchange)
    slow, newcomers = scenario.slow, list[float]()
    with _slowed(exchange, slow if slow and slow.from_start else None):
        closed = scene.load.run_closed(CLOSED_COUNT, closed_s)
    connections = max(2 * CLOSED_COUNT, int(closed.rate() * WAITING_S))
    with Watch(exchange, LOOK_S) as watch, _slowed(exchange, slow), _coming(exchange, newcomers):
        opened = scene.load.run_open(factor * closed.rate(), connections, open_s)
    findings = [*check_answers(opened), *_check_processes(exchange, before), *audit(exchange, scene.orders)]
    for name, seen in watch.seen.items():
        first, last = typical_rss(seen, 0), typical_rss(seen, 2)
        if last - first > GROWTH_MIB_MAX * 1024:
            findings.append(f"{name} has grown from {first} to {last} KiB")
    return Result(scenario, closed, opened, newcomers, watch.seen, findings)


def check_answers(tally: Tally) -> Iterator[str]:
    """Who got none, a wrong one, or one too late."""
    if tally.unanswered:
        yield f"{tally.unanswered} requests were never answered"
    for (what, word), count in tally.words.items():
        if word not in ("200", "stale", *BUSY, *TIMED_OUT, *STALE):
            yield f"{count} times {what}: {word}"
    for word in ("stale", "-1021"):
        if any(seconds < SIGNED_S for seconds in tally.waits.get(word, ())):
            yield f"a signature was {word} sooner than it may be"
    for what, slowest in tally.slowest.items():
        deadline_s = (DEADLINE_BULK_MS if what in ("orders", "trades") else DEADLINE_MS) / 1_000
        if slowest > deadline_s + LATE_S:
            yield f"{what} was answered after {slowest:.1f} s"


def _check_processes(exchange: Exchange, before: dict[str, int]) -> Iterator[str]:
    after = processes_by_name(exchange)
    if after != before:
        yield f"processes were {before}, now {after}"
    log = exchange.log()
    for word in ("Traceback", "WORKER TIMEOUT", "is being restarted"):
        if word in log:
            yield f"the log says {log[log.index(word) :][:2_000]}"


def _slowed(exchange: Exchange, slow: Slow | None) -> AbstractContextManager[None]:
    if slow is None:
        return nullcontext()
    return slowed(shard_process(exchange, exchange.folder.shard_count - 1), slow.still_s, slow.on_s)


def _coming(exchange: Exchange, waits: list[float]) -> Workers:
    """Every now and then somebody opens a connection and asks whether the exchange lives."""

    def come() -> None:
        if workers.stop.wait(NEWCOMER_S):
            return
        start = time.monotonic()
        try:
            with Connection(exchange.port) as connection:
                connection.ask(PROBE)
        except (Broken, OSError):
            waits.append(float("inf"))
        else:
            waits.append(time.monotonic() - start)

    workers = Workers(come)
    return workers
