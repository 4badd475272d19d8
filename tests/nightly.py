"""python -m tests.nightly: one part after the other, whatever the parts before came to; then a table of all.

Each part is a goal of the Makefile, so that it can be repeated by itself with the seed that is printed.
"""

import argparse
import shlex
import subprocess
import sys
import time
from typing import Final

from web.cli.service import ROOT

PARTS: Final = (
    "test ARGS='-m long'",
    "sim SEEDS=1500",
    "model COUNT=30000 EXAMPLES=50 STEPS=50",
    "linear COUNT=30",
    "disk COUNT=1000",
    "mailbox COUNT=5",
    "backup COUNT=10",
    "crash ROUNDS=2",
    "fuzz N=100000",
    "schemathesis COUNT=50",
    "slow COUNT=60",
    "overload SECONDS=20",
    "loadtest PROFILE=all KILL=shard",
    "soak SECONDS=600",
    "safeties",
    "mutation COUNT=40",
)


def main() -> None:
    """Run them; the exit status says whether all passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.nightly", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    lines = []
    for part in PARTS:
        goals = [*shlex.split(part), f"SEED={seed}"]
        print(f"make {shlex.join(goals)}", flush=True)
        start = time.monotonic()
        status = subprocess.run(["make", *goals], cwd=ROOT, check=False).returncode
        minutes = (time.monotonic() - start) / 60
        lines.append(f"{'failed' if status else 'passed'} {minutes:6.1f} min  make {shlex.join(goals)}")
    print(*lines, sep="\n")
    sys.exit(any(line.startswith("failed") for line in lines))


if __name__ == "__main__":
    main()
