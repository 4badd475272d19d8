"""Requests per second and latencies over HTTP, beside trivial servers, all under the same load.

``python -m loadtest.bench.http [--quick] [--repeats N]``. The exchange runs as the Procfile starts it, with
default settings and default durability, but with rate limits off (one figure shows their cost).
Beside it run, under the same generator with 32 keep-alive connections on the same cores: a Flask view and a WSGI
application that do nothing (stock gunicorn, gthread, 2 workers × 4 threads, reuse_port), and nginx with a static file.
The baselines get ``GET /`` without further headers: nothing is done to slow them down.

* Throughput: closed loop. The canceled orders were placed before, on one market by 64 accounts whose funds are on all
  shards; requests are signed just before the run; every response must have the expected status.
* Latency: open loop at 70 % of the same server's full load in the same invocation, measured from the moment at which
  each request was due.
* ENGINE_BUSY: the market's shard is stopped (SIGSTOP) with its mailbox full; each request cancels a different order.

Each run begins when the exchange has archived everything done before; archiving after the last response of a run is
waited for too, and is not part of any figure.

CPU is the time used by all threads of the servers' processes (Linux): on a shared machine it is more meaningful than
rates.
"""

import shutil
import statistics
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from loadtest.bench.baselines.servers import Server, serve_application, serve_file
from loadtest.bench.command import Options, run_topics
from loadtest.bench.http_cases import CANCEL, CASES, MIXED
from loadtest.bench.http_ground import LOAD_SHARE, OPEN_S, OPEN_S_QUICK, open_venue, tell_setting, warm_up
from loadtest.bench.http_subject import (
    VIEW,
    Latency,
    baseline_subject,
    busy_subject,
    exchange_subject,
    latency_figures,
)
from loadtest.bench.load import CONNECTIONS
from loadtest.bench.results import Figure, Report, take_turns
from loadtest.bench.venue import Venue

WRK_S: Final = 2
UNLIMITED: Final = {
    "SHARDEX_RATE_LIMITS": "on",
    "SHARDEX_FUTURES_WEIGHT": "1000000",
    "SHARDEX_FUTURES_ORDERS": "1000000",
}


def measure(report: Report, options: Options) -> None:
    """Measure the default configuration."""
    tell_setting(report)
    with ExitStack() as stack:
        baselines = start_baselines(report, stack)
        with open_venue(report) as venue:
            peaks = _throughput(report, options, venue, baselines)
            _latencies(report, options, venue, baselines[VIEW], peaks)
            _refusals(report, options, venue, baselines[VIEW])
        with open_venue(report) as free, open_venue(report, UNLIMITED) as limited:
            _price_of_limits(report, options, free, limited, baselines[VIEW])


def start_baselines(report: Report, stack: ExitStack) -> dict[str, Server]:
    """All baselines available here, by name."""
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


# Throughput


def _throughput(report: Report, options: Options, venue: Venue, baselines: dict[str, Server]) -> dict[str, float]:
    """Measure each case beside the Flask view, and the baselines; returns the peak rates."""
    subjects = [
        *(baseline_subject(report, name, server) for name, server in baselines.items()),
        *(exchange_subject(report, venue, case) for case in CASES),
    ]
    warm_up(options, *subjects)
    turns = {subject.name: subject.rate for subject in subjects}
    runs = take_turns({**turns, **_cross_check(report, baselines[VIEW])}, options.repeats)
    report.tell(f"requests per second, {CONNECTIONS} connections, rate limits off")
    for name, each in runs.items():
        report.add([Figure(f"http {name}", "requests/s", each, VIEW, runs[VIEW])])
    report.tell("CPU of the server's processes, a request")
    for subject in subjects:
        report.add([Figure(f"http {subject.name} CPU", "µs", subject.cpu_us, VIEW, subjects[0].cpu_us)])
        report.tell(subject.describe_cpu())
    return {name: statistics.median(each) for name, each in runs.items()}


def _cross_check(report: Report, server: Server) -> dict[str, Callable[[], float]]:
    """The Flask view measured by wrk, with one thread like the generator."""
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
    bare = baseline_subject(report, VIEW, view)
    subjects = [exchange_subject(report, venue, case) for case in (CANCEL, MIXED)]
    views: list[Latency] = []
    own: list[list[Latency]] = [[] for _ in subjects]
    for _ in range(options.repeats):
        views.append(bare.latency(LOAD_SHARE * peaks[VIEW], seconds))
        for subject, latencies in zip(subjects, own, strict=True):
            latencies.append(subject.latency(LOAD_SHARE * peaks[subject.name], seconds))
    report.tell(f"latency at {LOAD_SHARE:.0%} of each one's own requests per second, from the moment of being due")
    for subject, latencies in zip(subjects, own, strict=True):
        report.add(latency_figures(f"http {subject.name}", latencies, views))


# Refusals


def _refusals(report: Report, options: Options, venue: Venue, view: Server) -> None:
    bare, subject = baseline_subject(report, VIEW, view), busy_subject(report, venue)
    with venue.full_mailbox(venue.futures[0]):
        warm_up(options, bare, subject)
        runs = take_turns({VIEW: bare.rate, subject.name: subject.rate}, options.repeats)
    report.add([Figure(f"http {subject.name}", "requests/s", runs[subject.name], VIEW, runs[VIEW])])
    report.add([Figure(f"http {subject.name} CPU", "µs", subject.cpu_us, VIEW, bare.cpu_us)])


# Rate limits


def _price_of_limits(report: Report, options: Options, free: Venue, limited: Venue, view: Server) -> None:
    subjects = {
        VIEW: baseline_subject(report, VIEW, view),
        "off": exchange_subject(report, free, CANCEL),
        "on": exchange_subject(report, limited, CANCEL),
    }
    warm_up(options, *subjects.values())
    runs = take_turns({name: subject.rate for name, subject in subjects.items()}, options.repeats)
    name = "http futures cancel HMAC limits on"
    report.add(
        [
            Figure(name, "requests/s", runs["on"], "rate limits off", runs["off"]),
            Figure(f"{name} beside the view", "requests/s", runs["on"], VIEW, runs[VIEW]),
        ]
    )
    report.tell(subjects["on"].describe_cpu())


if __name__ == "__main__":
    run_topics({"http": measure}, __doc__)
