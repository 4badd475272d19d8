"""The command line common to all topics: ``--quick``, ``--repeats N``."""

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, NoReturn

from loadtest.bench.results import JSON, Report

REPEATS: Final = 5
REPEATS_QUICK: Final = 3


class Options(NamedTuple):
    """How thoroughly to measure."""

    quick: bool  # less of everything: an impression, not a measurement
    repeats: int


Topic = Callable[[Report, Options], None]


def run_topics(topics: Mapping[str, Topic], description: str | None) -> NoReturn:
    """Measure the topics selected on the command line, write the JSON, and exit.

    The exit status is 1 if a figure is invalid; missed targets are only printed.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--repeats", type=int, help=f"rounds ({REPEATS}; quick {REPEATS_QUICK})")
    if len(topics) > 1:
        parser.add_argument("--only", choices=topics, action="append", help="one topic; may be repeated")
    args = parser.parse_args()
    repeats = args.repeats or (REPEATS_QUICK if args.quick else REPEATS)
    options = Options(args.quick, repeats)
    report = Report()
    only = getattr(args, "only", None)
    if len(topics) > 1 and not only:
        JSON.unlink(missing_ok=True)  # all topics are measured again
    for name in only or topics:
        report.tell(f"\n{name}")
        topics[name](report, options)
        report.write()
    report.tell(f"\nmedian (lowest–highest) of {repeats} runs; also in {JSON}")
    sys.exit(0 if report.is_valid else 1)
