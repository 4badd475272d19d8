"""Compares two builds: this checkout and another, in one run, in turns (A B, B A, …).

``make bench BESIDE=DIR``, or ``python -m loadtest.bench.builds DIR [--case NAME]… [--repeats N]``. DIR is another
checkout with an environment of its own (``make .venv/.dev .venv/.fast`` in it). Each has a real exchange over HTTP
with default settings, which is idle while the other is measured. A ratio is the median of the ratios of the pairs,
because a disturbance longer than a run affects both runs of a pair.
"""

import argparse
import os
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from loadtest.bench.http_cases import CANCEL, CASES

HERE: Final = Path(__file__).resolve().parents[2]
WORKER: Final = Path(__file__).with_name("build_worker.py")
REPEATS: Final = 60  # the speed of machines drifts by a tenth from run to run
DEFAULT_CASES: Final = (CANCEL.name, "place")


class Run(NamedTuple):
    """The result of one run."""

    rate: float  # requests per second
    cpu_us: float  # of all processes, per request


class Build:
    """A checkout with a running exchange."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def measure(self, case: str) -> Run:
        """One run. Raises EOFError if the checkout cannot be measured; it has printed why."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(case, file=self._process.stdin, flush=True)
        told = self._process.stdout.readline().split()
        if not told:
            raise EOFError(case)
        return Run(*map(float, told))


@contextmanager
def running(checkout: Path) -> Iterator[Build]:
    """A checkout being measured; raises CalledProcessError at the end if a response was not as expected."""
    command = [str(checkout / ".venv/bin/python"), "-P", str(WORKER)]
    imports = {**os.environ, "PYTHONPATH": str(checkout)}
    process = subprocess.Popen(
        command, cwd=checkout, env=imports, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield Build(process)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def main() -> None:
    """Measure both checkouts and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("beside", type=Path, metavar="DIR")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="may be repeated")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"pairs of each case ({REPEATS})")
    args = parser.parse_args()
    cases = args.case or DEFAULT_CASES
    pairs: dict[str, list[tuple[Run, Run]]] = {case: [] for case in cases}
    with ExitStack() as stack:
        own, other = (stack.enter_context(running(path)) for path in (HERE, args.beside.resolve()))
        for turn in range(args.repeats):
            for case in cases:
                if turn % 2:
                    before, now = other.measure(case), own.measure(case)
                else:
                    now, before = own.measure(case), other.measure(case)
                pairs[case].append((now, before))
    for case, runs in pairs.items():
        _tell(f"{case}, requests/s", [now.rate for now, _ in runs], [before.rate for _, before in runs])
        _tell(f"{case}, µs of CPU a request", [now.cpu_us for now, _ in runs], [before.cpu_us for _, before in runs])


def _tell(name: str, now: Sequence[float], before: Sequence[float]) -> None:
    ratios = [one / other for one, other in zip(now, before, strict=True)]
    middles = f"{statistics.median(now):,.0f} beside {statistics.median(before):,.0f}"
    spread = f"{min(ratios):.3f}–{max(ratios):.3f}"
    print(f"{name:40} {middles:24} {statistics.median(ratios):.3f} × ({spread})", flush=True)


if __name__ == "__main__":
    main()
