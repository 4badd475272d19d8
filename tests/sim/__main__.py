"""Run seeds of the simulation one after the other; stop at the first that fails, and tell its story."""

import argparse
import sys
import time

import pytest

from tests.sim.planted import PLANTS
from tests.sim.simulation import COMMANDS, run_seed
from tests.sim.story import Violation


def main() -> int:
    """0 if all seeds went well."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--commands", type=int, default=COMMANDS, help="of one seed")
    parser.add_argument("--plant", choices=PLANTS, help="a bug")
    asked = parser.parse_args()
    with pytest.MonkeyPatch.context() as patch:
        if asked.plant:
            PLANTS[asked.plant](patch)
        return _run(asked)


def _run(asked: argparse.Namespace) -> int:
    start = time.monotonic()
    commands = 0
    for seed in range(asked.seed, asked.seed + asked.seeds):
        try:
            commands += run_seed(seed, asked.commands).commands
        except Violation as violation:
            print(violation)
            return 1
    seconds = time.monotonic() - start
    print(f"{asked.seeds} seeds, {commands} commands, {seconds:.1f} s, {commands / seconds:.0f} commands/s: all well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
