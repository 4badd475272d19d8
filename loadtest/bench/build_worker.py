"""Measures the checkout whose folder it runs in: what :mod:`loadtest.bench.builds` starts in each of two.

Run by its path, so that an older checkout need not have it, and with that checkout alone on its import path. For each
name of a case on standard input, one run; its requests per second and microseconds of CPU a request go to standard
output.
"""

import sys
from contextlib import redirect_stdout

from loadtest.bench.command import REPEATS, Options
from loadtest.bench.http_cases import CASES
from loadtest.bench.http_ground import open_venue, warm_up
from loadtest.bench.http_subject import exchange_subject
from loadtest.bench.results import Report


def serve() -> bool:
    """Until standard input ends; whether every answer was as it should be."""
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
