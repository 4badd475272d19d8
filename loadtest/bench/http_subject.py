"""One kind of request to one server, measured repeatedly: rates at full load, latencies at part load, CPU."""

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Final, NamedTuple, Protocol

from loadtest.bench import signed
from loadtest.bench.baselines.servers import Server
from loadtest.bench.http_cases import CANCEL, Case, Sign
from loadtest.bench.load import Sample, run_closed, run_open
from loadtest.bench.processes import cpu_s
from loadtest.bench.results import Figure, Report
from loadtest.bench.venue import Venue

VIEW: Final = "a bare Flask view"
WARM_UP_COUNT: Final = 500
COUNT_MAX: Final = 50_000  # requests of one run: prepared requests must fit into memory


class Target(Protocol):
    """A server to be measured."""

    @property
    def port(self) -> int:
        """Port on the loopback interface."""

    def pids(self) -> dict[str, list[int]]:
        """Its processes, by kind."""


class Latency(NamedTuple):
    """Of one run at part load, in milliseconds."""

    p50: float
    p99: float


class Subject:
    """One kind of request to a target."""

    def __init__(
        self,
        report: Report,
        name: str,
        target: Target,
        prepare: Callable[[int], Sign],
        status: bytes = b"200",
        count_max: int = COUNT_MAX,
        wait_idle: Callable[[], None] = lambda: None,
    ) -> None:
        """``prepare`` prepares that many requests, at most ``count_max``; each must be answered with ``status``.

        ``wait_idle`` returns when the target has no work left: each run begins and ends with it, outside its clocks, so
        that no run, even of another target, competes with leftover work.
        """
        self.name = name
        self.cpu_us: list[float] = []  # of all the target's processes, per request, for each run
        self._report = report
        self._target = target
        self.prepare = prepare
        self._status = status
        self._count_max = count_max
        self._wait_idle = wait_idle
        self._cpu: dict[str, float] = {}
        self._answers = 0
        self._count = 0

    def warm_up(self, seconds: float) -> None:
        """A first run that does not count. It determines how many requests a run of ``seconds`` has."""
        sign = self._prepared(min(WARM_UP_COUNT, self._count_max))
        sample = run_closed(self._target.port, sign())
        self._wait_idle()
        self._check(sample)
        self._count = min(max(WARM_UP_COUNT, int(sample.rate * seconds)), COUNT_MAX, self._count_max)

    def rate(self) -> float:
        """Requests per second of one run at full load."""
        sign = self._prepared(self._count)
        pids = self._target.pids()
        before = {name: cpu_s(each) for name, each in pids.items()}
        sample = run_closed(self._target.port, sign())
        self._wait_idle()  # work deferred until after the responses is part of their cost
        used = {name: cpu_s(each) - before[name] for name, each in pids.items()}
        self.cpu_us.append(1e6 * sum(used.values()) / len(sample.latencies))
        for name, seconds in (*used.items(), ("generator", sample.cpu_s)):
            self._cpu[name] = self._cpu.get(name, 0) + seconds
        self._answers += len(sample.latencies)
        self._check(sample)
        return sample.rate

    def latency(self, rate: float, seconds: float) -> Latency:
        """One run at ``rate`` requests per second."""
        sign = self._prepared(min(int(rate * seconds), self._count_max))
        sample = run_open(self._target.port, list(sign()), rate)
        self._wait_idle()
        self._check(sample)
        return Latency(sample.percentile_ms(0.5), sample.percentile_ms(0.99))

    def describe_cpu(self) -> str:
        """Microseconds of CPU per request, by kind of process."""
        each = (f"{name} {seconds / self._answers * 1e6:.0f}" for name, seconds in self._cpu.items())
        return f"{'':6}µs of CPU a request: {', '.join(each)}"

    def _prepared(self, count: int) -> Sign:
        sign = self.prepare(count)
        self._wait_idle()
        return sign

    def _check(self, sample: Sample) -> None:
        if set(sample.statuses) != {self._status}:
            self._report.fault(f"{self.name}: answers were {dict(sample.statuses)}")


def exchange_subject(report: Report, venue: Venue, case: Case) -> Subject:
    """A case on an exchange."""
    prepare = partial(case.prepare, venue)
    return Subject(report, case.name, venue, prepare, count_max=case.count_max, wait_idle=venue.wait_archived)


def busy_subject(report: Report, venue: Venue) -> Subject:
    """Cancels that are rejected: the mailbox of the first market's shard must be full while it is measured.

    Each request of a run is for a different order. As none is executed, all runs can use the same orders.
    """
    sign = CANCEL.prepare(venue, CANCEL.count_max)
    venue.wait_archived()

    def prepare(count: int) -> Sign:
        return lambda: list(islice(sign(), count))

    return Subject(report, "ENGINE_BUSY", venue, prepare, status=b"503", count_max=CANCEL.count_max)


def baseline_subject(report: Report, name: str, server: Server) -> Subject:
    """A server that does nothing."""
    return Subject(report, name, server, lambda count: lambda: [(signed.plain(),)] * count)


def latency_figures(name: str, own: list[Latency], views: list[Latency]) -> list[Figure]:
    """Both percentiles beside those of the Flask view."""
    return [
        Figure(f"{name} p50 at 70 %", "ms", [each.p50 for each in own], VIEW, [each.p50 for each in views]),
        Figure(f"{name} p99 at 70 %", "ms", [each.p99 for each in own], VIEW, [each.p99 for each in views]),
    ]
