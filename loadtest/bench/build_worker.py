"""Measures the checkout in whose folder it runs: :mod:`loadtest.bench.builds` starts one in each of two.

Run by its path, so that an older checkout need not contain it, and with only that checkout on its import path. For each
case name on standard input, it does one run and prints requests per second and microseconds of CPU per request.
"""

import sys
from contextlib import redirect_stdout

from loadtest.bench.command import REPEATS, Options
from loadtest.bench.http_cases import CASES
from loadtest.bench.http_ground import open_venue, warm_up
from loadtest.bench.http_subject import exchange_subject
from loadtest.bench.results import Report


def serve() -> bool:
    """Serve until standard input ends; whether every response was as expected."""
    report, out = Report(), sys.stdout
    with redirect_stdout(sys.stderr), open_venue(report) as venue:
        subjects = {}
        for line in sys.stdin:
            name = line.rstrip("\n")
            if name not in subjects:
                case = next(case for case in CASES if case.name == name)
                subjects[name] = exchange_subject(report, venue, case)
                warm_up(Options(quick=True, repeats=REPEATS), subjects[name])
            rate = subjects[name].rate()
            print(rate, subjects[name].cpu_us[-1], file=out, flush=True)
    return report.is_valid


if __name__ == "__main__":
    sys.exit(0 if serve() else 1)
