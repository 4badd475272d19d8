"""python -m tests.overload.soak [--seconds S] [--share X] [--seed N]: load at a share of the capacity, then an audit.

Faults: after a third of the time: a process whose RSS drifts by 5 % or more; one more descriptor or thread; a process
that was replaced. The archive's memory is DuckDB's cache, which fills up to its limit as history grows: it is only held
against that limit.
"""

import argparse
import random
import sys
from collections.abc import Iterator
from typing import Final

from tests.overload.audit import audit
from tests.overload.load import Tally
from tests.overload.orders import MIXED
from tests.overload.overload import check_answers
from tests.overload.scene import Scene, scene
from tests.overload.watch import Usage, Watch, processes_by_name, third, typical_rss

CALLERS: Final = 32  # while the capacity is measured
CONNECTIONS: Final = 256  # more than ever wait at this load
CAPACITY_SHARE: Final = 1 / 30  # of the time, to measure the capacity
TURNED_AWAY_MAX: Final = 0.1  # of all requests: else the machine had other work to do, and this was an overload
LOOKS: Final = 300  # at each process
DRIFT_MAX: Final = 0.05  # of RSS, from the middle third to the last
ARCHIVE_MIB_MAX: Final = 1_024 + 256  # DuckDB's limit, and the process around it
SNAPSHOT_RECORDS: Final = "20000"  # many snapshots within minutes


def soak(ground: Scene, share: float, seconds: float) -> list[str]:
    """Everything that was wrong; what was seen is printed."""
    exchange, before = ground.exchange, processes_by_name(ground.exchange)
    closed = ground.load.run_closed(CALLERS, seconds * CAPACITY_SHARE)
    print(f"{closed.rate():.0f} answers/s with {CALLERS} callers", flush=True)
    with Watch(exchange, seconds / LOOKS) as watch:
        tally = ground.load.run_open(share * closed.rate(), CONNECTIONS, seconds)
    print("\n".join([*tally.lines(), *describe(watch.seen)]), flush=True)
    findings = [*check_answers(tally), *_check_all_served(tally), *check_usages(watch.seen)]
    if processes_by_name(exchange) != before:
        findings.append(f"processes were {before}, now {processes_by_name(exchange)}")
    return [*findings, *audit(exchange, ground.orders)]


def _check_all_served(tally: Tally) -> Iterator[str]:
    if tally.turned_away > TURNED_AWAY_MAX * tally.due_count:
        yield f"{tally.turned_away} of {tally.due_count} found all connections waiting: this was an overload"


def describe(usages: dict[str, list[Usage]]) -> Iterator[str]:
    """One line for each process."""
    for name, seen in usages.items():
        first, middle, last = (typical_rss(seen, number) / 1024 for number in range(3))
        yield (
            f"  {name}: {first:.1f}, {middle:.1f}, {last:.1f} MiB ({100 * (last / middle - 1):+.1f} %),"
            f" {seen[-1].descriptors} descriptors, {seen[-1].threads} threads"
        )


def check_usages(usages: dict[str, list[Usage]]) -> Iterator[str]:
    """What has grown."""
    for name, seen in usages.items():
        middle, last = third(seen, 1), third(seen, 2)
        if name == "archive":
            if max(each.rss_kib for each in seen) > ARCHIVE_MIB_MAX * 1024:
                yield f"{name} used {max(each.rss_kib for each in seen) / 1024:.0f} MiB"
        elif typical_rss(seen, 2) >= (1 + DRIFT_MAX) * typical_rss(seen, 1):
            yield f"{name} has grown from {typical_rss(seen, 1)} to {typical_rss(seen, 2)} KiB"
        for what in ("descriptors", "threads"):
            earlier, later = (max(getattr(each, what) for each in part) for part in (middle, last))
            if later > earlier:
                yield f"{name} had {earlier} {what}, then {later}"


def main() -> int:
    """0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.overload.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3_600.0, help="how long")
    parser.add_argument("--share", type=float, default=0.7, help="of the capacity")
    parser.add_argument("--seed", type=int, default=None, help="random by default")
    args = parser.parse_args()
    seed = random.randrange(2**32) if args.seed is None else args.seed
    print(f"seed {seed}", flush=True)
    with scene(random.Random(seed), MIXED, {"SHARDEX_SNAPSHOT_RECORDS": SNAPSHOT_RECORDS}) as ground:
        findings = soak(ground, args.share, args.seconds)
    print("\n".join(findings) or "nothing was wrong")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
