"""Common to all measurements over HTTP: run lengths, an exchange with default settings, the printed conditions."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from platform import python_version
from typing import Final

from loadtest.bench.command import Options
from loadtest.bench.http_subject import Subject
from loadtest.bench.journal import append_to_file
from loadtest.bench.results import Report
from loadtest.bench.venue import Venue
from shards.settings import default_shard_count
from web.settings import load_web_settings

RUN_S: Final = 2.0  # length of one run at full load
RUN_S_QUICK: Final = 0.5
LOAD_SHARE: Final = 0.7
OPEN_S: Final = 4.0  # length of one run at part load
OPEN_S_QUICK: Final = 1.5


def tell_setting(report: Report) -> None:
    """Print what the figures depend on besides the code."""
    web = load_web_settings()
    programs = ", ".join(f"{name} {version(name)}" for name in ("gunicorn", "flask", "msgspec"))
    parser = "gunicorn_h1c" if find_spec("gunicorn_h1c") else "Python"
    report.tell(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, Python {python_version()}, {programs}")
    report.tell(f"HTTP parser {parser}; Shardex: {web.workers} {web.worker_class} workers, {web.threads} threads")
    report.tell(f"this disk syncs {append_to_file(100, 1):,.0f} times a second, one after the other")


def warm_up(options: Options, *subjects: Subject) -> None:
    """Warm up each subject, which also determines the number of requests of its runs."""
    for subject in subjects:
        subject.warm_up(RUN_S_QUICK if options.quick else RUN_S)


@contextmanager
def open_venue(report: Report, settings: dict[str, str] | None = None) -> Iterator[Venue]:
    """An exchange with default settings except these."""
    venue = Venue(default_shard_count(), settings)
    try:
        yield venue
    finally:
        venue.close()
