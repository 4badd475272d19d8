"""One headless run of locust, in a process of its own."""

import csv
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from web.cli.service import ROOT

LOCUSTFILE: Final = Path(__file__).parent / "locustfile.py"
STOP_S: Final = 20  # so that pending calls at the end are answered
GRACE_S: Final = 60.0  # locust's own start, end and report
FAULT_AT: Final = 0.5  # fraction of the run


class Plan(NamedTuple):
    """What to run, and where to put the results."""

    url: str
    accounts: Path
    profile: str
    users: int
    seconds: int
    records: Path
    report: Path  # without suffix: .html with plots, _stats.csv and more


class LoadFailed(Exception):
    """The load did not run, or the exchange did not recover; the text says why."""


def run_load(plan: Plan, inject: Callable[[], None] | None = None) -> None:
    """Run the load; ``inject`` is called in the middle, for a fault. Raises LoadFailed."""
    plan.report.parent.mkdir(parents=True, exist_ok=True)
    log = plan.report.with_suffix(".log")
    end = time.monotonic() + plan.seconds + STOP_S + GRACE_S
    with log.open("wb") as output:
        locust = subprocess.Popen(_command(plan), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            if inject:
                _wait_started(plan, locust)
                time.sleep(plan.seconds * FAULT_AT)
                inject()
            status = locust.wait(end - time.monotonic())
        except subprocess.TimeoutExpired as error:
            raise LoadFailed(f"locust does not end; its log is {log}") from error
        finally:
            locust.kill()
            locust.wait()
    if status or not _has_records(plan):
        raise LoadFailed(f"locust ended with {status}:\n{log.read_text(errors='replace')[-3_000:]}")


def _wait_started(plan: Plan, locust: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + GRACE_S
    while not _has_records(plan) and locust.poll() is None and time.monotonic() < end:
        time.sleep(0.05)


def _has_records(plan: Plan) -> bool:
    return any(plan.records.glob("*.jsonl"))


def _command(plan: Plan) -> list[str]:
    options = {
        "-f": LOCUSTFILE,
        "--host": plan.url,
        "--accounts": plan.accounts,
        "--records": plan.records,
        "--profile": plan.profile,
        "--users": plan.users,
        "--seconds": plan.seconds,
        "--stop-timeout": STOP_S,
        "--html": plan.report.with_suffix(".html"),
        "--csv": plan.report,
        "--loglevel": "WARNING",
        "--exit-code-on-error": 0,  # a rejection does not fail the run: the auditor decides
    }
    flags = ["--headless", "--only-summary"]
    return [sys.executable, "-m", "locust", *flags, *(str(part) for pair in options.items() for part in pair)]


class CallStatistics(NamedTuple):
    """One kind of call in locust's statistics; times in ms."""

    name: str
    calls: int
    failures: int
    per_s: float
    p50: float
    p99: float


def read_statistics(report: Path) -> list[CallStatistics]:
    """Locust's statistics, the total last."""
    with Path(f"{report}_stats.csv").open(newline="") as file:
        return [
            CallStatistics(
                row["Name"],
                int(row["Request Count"]),
                int(row["Failure Count"]),
                float(row["Requests/s"]),
                _number(row["50%"]),
                _number(row["99%"]),
            )
            for row in csv.DictReader(file)
        ]


def _number(text: str) -> float:
    return float(text) if text not in ("", "N/A") else 0.0
