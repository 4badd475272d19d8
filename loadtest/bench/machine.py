"""The matching engine alone, beside order books from PyPI: operations per second of CPU.

``python -m loadtest.bench.machine [--quick] [--repeats N]``. The stream is :mod:`loadtest.bench.stream`'s, the same for
all; every run is a process of its own (:mod:`loadtest.bench.books`), and all end with the same trades and open orders.

* ``machine book``: Shardex's book and matching with a directory of open orders: the scope of the packages.
* ``machine whole``: a shard's ``Engine.apply`` on a spot market: funds held, settled and released, client ids, replay
  protection, replies, history rows encoded and kept for the archive. No journal, no codec of commands.

The packages are pinned with their hashes (``packages.txt``) and have an environment of their own under ``build``.
They are pure Python, like the engine: compiled ones (C, C++, Cython, Rust) are excluded. So is ``limit-order-book``: it
is C++ behind ctypes, and its versions since 3.0 need a later Python than Shardex's.
The stream is generated with the plain book, a dictionary of levels and a heap of prices.
"""

import json
import subprocess
import sys
import venv
from functools import partial
from pathlib import Path
from typing import Final

from loadtest.bench.command import Options, run_topics
from loadtest.bench.results import BUILD, Figure, Report, take_turns

COUNT: Final = 50_000  # operations
COUNT_QUICK: Final = 20_000
PINNED: Final = Path(__file__).with_name("packages.txt")
ENVIRONMENT: Final = BUILD / "bench-packages"
PACKAGES: Final = ("akhil4n-orderbook", "pyorderbook", "fastlob")


def measure(report: Report, options: Options) -> None:
    """All books in turns; the ratio is of speeds: how many times as fast as the fastest package."""
    count = COUNT_QUICK if options.quick else COUNT
    python = _install(report)
    runs = {name: partial(_run, sys.executable, name, count) for name in ("book", "whole", "plain")}
    if python is not None:
        runs |= {name: partial(_run, str(python), name, count) for name in PACKAGES}
    rates = take_turns(runs, options.repeats)
    found = {name: Figure(f"machine {name}", "operations/s", rates[name]) for name in rates}
    packages = [found[name] for name in PACKAGES if name in found]
    fastest = max(packages, key=lambda figure: figure.value, default=None)
    for figure in found.values():
        if fastest is not None:
            figure = figure._replace(baseline=fastest.name.removeprefix("machine "), baseline_runs=fastest.runs)
        report.add([figure])
        report.tell(f"{'':6}{1e9 / figure.value:,.0f} ns an operation")


def _install(report: Report) -> Path | None:
    """The Python of the packages' environment; None if they cannot be installed."""
    python, done = ENVIRONMENT / "bin" / "python", ENVIRONMENT / PINNED.name
    if done.exists() and done.read_bytes() == PINNED.read_bytes():
        return python
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    told = subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(PINNED)], capture_output=True, text=True)
    if told.returncode:
        report.tell(f"the packages cannot be installed, so nothing is compared: {told.stderr.strip()[-200:]}")
        return None
    done.write_bytes(PINNED.read_bytes())
    return python


def _run(python: str, name: str, count: int) -> float:
    """Operations per second of one run."""
    command = [python, "-m", "loadtest.bench.books", name, str(count)]
    told = subprocess.run(command, cwd=BUILD.parent, capture_output=True, text=True)
    if told.returncode:
        raise RuntimeError(f"{name} does not follow the stream: {told.stderr[-500:]}")
    nanoseconds: float = json.loads(told.stdout)
    return 1e9 / nanoseconds


if __name__ == "__main__":
    run_topics({"machine": measure}, __doc__)
