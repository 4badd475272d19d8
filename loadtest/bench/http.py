"""Requests per second and latencies over HTTP, beside servers that do nothing, all under the same load.

``python -m loadtest.bench.http [--quick] [--matrix] [--repeats N]``. The exchange runs as the Procfile starts it, with
default settings, default durability and one shard per core, but with rate limits off (one figure shows their price).
Beside it run, under the same generator with 32 keep-alive connections on the same cores: a Flask view and a WSGI
application that do nothing (stock gunicorn, gthread, 2 workers × 4 threads, reuse_port), and nginx with a static file.
The baselines are asked ``GET /`` without further headers: nothing is done to slow them down.

* Throughput: closed loop. What is canceled was placed before, on one market by 64 accounts whose money lies on all
  shards; requests are signed just before the run; every answer must have the expected status.
* Latency: open loop at 70 % of what the same server did at full load in the same invocation, counted from the moment at
  which each request was due.
* ENGINE_BUSY: the market's shard stands still (SIGSTOP) with its mailbox full.

After each figure: microseconds of CPU that a request took in the HTTP side, the shards, and the generator.
"""

import queue
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final, NamedTuple

from loadtest.bench import signed
from loadtest.bench.baselines.servers import Server, serve_application, serve_file
from loadtest.bench.command import Options, run_topics
from loadtest.bench.http_cases import BUSY, CANCEL, CASES, Case, Sign
from loadtest.bench.load import CONNECTIONS, Sample, run_closed, run_open
from loadtest.bench.results import Figure, Report, take_turns
from loadtest.bench.venue import Venue, cpu_s, resume
from shards.client import Line
from shards.clock import now_ms
from shards.codec import encode
from shards.markets import Market, shard_of_symbol
from shards.messages import GetStatus
from shards.settings import default_shard_count

VIEW: Final = "a bare Flask view"
COUNT: Final = 8_000  # requests of one run
COUNT_QUICK: Final = 2_000
LOAD_SHARE: Final = 0.7
WRK_S: Final = 2
OPEN_S: Final = 4.0  # length of one run at part load
OPEN_S_QUICK: Final = 1.5
UNLIMITED: Final = {
    "SHARDEX_RATE_LIMITS": "on",
    "SHARDEX_FUTURES_WEIGHT": "1000000",
    "SHARDEX_FUTURES_ORDERS": "1000000",
}


class Latency(NamedTuple):
    """Of one run at part load, in milliseconds."""

    p50: float
    p99: float


class Subject:
    """A case on a venue, measured again and again."""

    def __init__(self, report: Report, venue: Venue, case: Case) -> None:
        self._report = report
        self._venue = venue
        self._case = case
        self._cpu: dict[str, float] = {}
        self._answers = 0

    def rate(self, count: int) -> float:
        """Requests per second of one run at full load."""
        return self.rate_of(self._case.prepare(self._venue, min(count, self._case.count_max)))

    def rate_of(self, sign: Sign) -> float:
        """The same, of what has been prepared."""
        pids = self._venue.pids()
        before = {name: cpu_s(each) for name, each in pids.items()}
        sample = run_closed(self._venue.port, sign())
        for name, each in pids.items():
            self._cpu[name] = self._cpu.get(name, 0) + cpu_s(each) - before[name]
        self._cpu["generator"] = self._cpu.get("generator", 0) + sample.cpu_s
        self._answers += len(sample.latencies)
        self._check(sample)
        return sample.rate

    def latency(self, rate: float, seconds: float) -> Latency:
        """One run at ``rate`` requests per second."""
        sign = self._case.prepare(self._venue, min(int(rate * seconds), self._case.count_max))
        sample = run_open(self._venue.port, sign(), rate)
        self._check(sample)
        return _latency(sample)

    def describe_cpu(self) -> str:
        """Microseconds of CPU that a request took, by kind of process."""
        each = (f"{name} {seconds / self._answers * 1e6:.0f}" for name, seconds in self._cpu.items())
        return f"{'':6}µs of CPU a request: {', '.join(each)}"

    def _check(self, sample: Sample) -> None:
        if set(sample.statuses) != {self._case.status}:
            self._report.fault(f"{self._case.name}: answers were {dict(sample.statuses)}")


def measure(report: Report, options: Options) -> None:
    """Everything of the default configuration; with ``matrix`` others too."""
    if options.matrix:
        from loadtest.bench.http_matrix import measure_matrix  # which imports this module

        measure_matrix(report, options)
        return
    with ExitStack() as stack:
        baselines = start_baselines(report, stack)
        venue = stack.enter_context(open_venue(report))
        peaks = _throughput(report, options, venue, baselines)
        _latencies(report, options, venue, baselines[VIEW], peaks)
        _refusals(report, options, venue, baselines[VIEW])
    with open_venue(report) as free, open_venue(report, UNLIMITED) as limited:
        _price_of_limits(report, options, free, limited)


def start_baselines(report: Report, stack: ExitStack) -> dict[str, Server]:
    """All that there are here, by their names."""
    found = {
        VIEW: serve_application("flask_view"),
        "a bare WSGI app": serve_application("wsgi_app"),
    }
    nginx = serve_file()
    if nginx is None:
        report.tell("nginx is not on the PATH (Debian: apt install nginx): no static file beside the others")
    else:
        found["a static file (nginx)"] = nginx
    for server in found.values():
        stack.callback(server.close)
    return found


@contextmanager
def open_venue(report: Report, settings: dict[str, str] | None = None) -> Iterator[Venue]:
    """An exchange with default settings but for these."""
    venue = Venue(default_shard_count(), settings)
    try:
        yield venue
    finally:
        venue.close()


def ask_nothing(server: Server, count: int) -> float:
    """Requests per second of a baseline at full load."""
    return _plain(run_closed(server.port, [(signed.plain(),)] * count)).rate


def _plain(sample: Sample) -> Sample:
    assert set(sample.statuses) == {b"200"}, sample.statuses
    return sample


def _latency(sample: Sample) -> Latency:
    return Latency(sample.percentile_ms(0.5), sample.percentile_ms(0.99))


# Throughput


def _throughput(report: Report, options: Options, venue: Venue, baselines: dict[str, Server]) -> dict[str, float]:
    """Print each case beside the Flask view, and the baselines; returns the peaks."""
    count = COUNT_QUICK if options.quick else COUNT
    subjects = {case.name: Subject(report, venue, case) for case in CASES}
    for subject in subjects.values():
        subject.rate(count // 4)  # warms up
    runs = take_turns(
        {
            **{name: partial(ask_nothing, server, count) for name, server in baselines.items()},
            **_cross_check(report, baselines[VIEW]),
            **{name: partial(subject.rate, count) for name, subject in subjects.items()},
        },
        options.repeats,
    )
    report.tell(f"requests per second, {CONNECTIONS} connections, rate limits off")
    for name in (name for name in runs if name not in subjects):
        report.add([Figure(f"http {name}", "requests/s", runs[name], VIEW, runs[VIEW])])
    for name, subject in subjects.items():
        report.add([Figure(f"http {name}", "requests/s", runs[name], VIEW, runs[VIEW])])
        report.tell(subject.describe_cpu())
    return {name: statistics.median(each) for name, each in runs.items()}


def _cross_check(report: Report, server: Server) -> dict[str, Callable[[], float]]:
    """The Flask view as wrk sees it, with one thread as the generator has."""
    program = shutil.which("wrk")
    if program is None:
        report.tell("wrk is not on the PATH (Debian: apt install wrk): the generator is not checked against it")
        return {}
    command = [program, "-t1", f"-c{CONNECTIONS}", f"-d{WRK_S}s", f"http://127.0.0.1:{server.port}/"]

    def ask() -> float:
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return float(next(line.split()[1] for line in told.splitlines() if line.startswith("Requests/sec")))

    return {f"{VIEW} as wrk sees it": ask}


# Latency


def _latencies(report: Report, options: Options, venue: Venue, view: Server, peaks: dict[str, float]) -> None:
    seconds = OPEN_S_QUICK if options.quick else OPEN_S
    subject = Subject(report, venue, CANCEL)
    cancels: list[Latency] = []
    views: list[Latency] = []
    for _ in range(options.repeats):
        views.append(view_latency(view, LOAD_SHARE * peaks[VIEW], seconds))
        cancels.append(subject.latency(LOAD_SHARE * peaks[CANCEL.name], seconds))
    report.tell(f"latency at {LOAD_SHARE:.0%} of each one's own requests per second, from the moment of being due")
    report.add(latency_figures("http cancel", cancels, views))


def view_latency(view: Server, rate: float, seconds: float) -> Latency:
    """One run of a baseline at part load."""
    return _latency(_plain(run_open(view.port, [(signed.plain(),)] * int(rate * seconds), rate)))


def latency_figures(name: str, own: list[Latency], views: list[Latency]) -> list[Figure]:
    """Both percentiles beside those of the Flask view."""
    return [
        Figure(f"{name} p50 at 70 %", "ms", [each.p50 for each in own], VIEW, [each.p50 for each in views]),
        Figure(f"{name} p99 at 70 %", "ms", [each.p99 for each in own], VIEW, [each.p99 for each in views]),
    ]


# Refusals


def _refusals(report: Report, options: Options, venue: Venue, view: Server) -> None:
    count = COUNT_QUICK if options.quick else COUNT
    subject = Subject(report, venue, BUSY)

    def refuse() -> float:
        sign = CANCEL.prepare(venue, count)
        with _full_mailbox(venue, venue.futures[0]):
            return subject.rate_of(sign)

    runs = take_turns({VIEW: partial(ask_nothing, view, count), BUSY.name: refuse}, options.repeats)
    venue.clear(venue.futures[0])
    report.add([Figure(f"http {BUSY.name}", "requests/s", runs[BUSY.name], VIEW, runs[VIEW])])
    report.tell(subject.describe_cpu())


@contextmanager
def _full_mailbox(venue: Venue, market: Market) -> Iterator[None]:
    """While it lasts, the market's shard stands still and takes nothing more."""
    shard = shard_of_symbol(market.symbol, venue.client.shard_count)
    line = Line(venue.folder, f"shard-{shard}")
    assert line.connected.wait(10)
    pid = venue.pause_shard(market)
    try:
        with_room = True
        while with_room:
            try:
                line.put_nowait(encode(GetStatus()), now_ms() + 60_000)
            except queue.Full:
                with_room = False
        yield
    finally:
        resume(pid)
        line.close()


# Rate limits


def _price_of_limits(report: Report, options: Options, free: Venue, limited: Venue) -> None:
    count = COUNT_QUICK if options.quick else COUNT
    subjects = {name: Subject(report, venue, CANCEL) for name, venue in (("off", free), ("on", limited))}
    for subject in subjects.values():
        subject.rate(count // 4)
    runs = take_turns({name: partial(subject.rate, count) for name, subject in subjects.items()}, options.repeats)
    report.add([Figure("http futures cancel HMAC limits on", "requests/s", runs["on"], "rate limits off", runs["off"])])
    report.tell(subjects["on"].describe_cpu())


if __name__ == "__main__":
    run_topics({"http": measure}, __doc__)
