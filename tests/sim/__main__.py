"""Run seeds of the simulation, and print the story of each that fails."""

import argparse
import gc
import logging
import multiprocessing
import sys
import time
from functools import partial

from tests.sim.planted import PLANTS, planted
from tests.sim.simulation import COMMANDS, run_seed
from tests.sim.story import Violation

TOLD_EVERY = 100  # seeds


def main() -> int:
    """0 if all seeds passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--commands", type=int, default=COMMANDS, help="per seed")
    parser.add_argument("--plant", choices=PLANTS, help="a bug to plant")
    parser.add_argument("--jobs", type=int, default=1, help="processes in parallel")
    parser.add_argument("--keep-going", action="store_true", help="continue after seeds that fail")
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # shards warn about the injected faults
    return _run_planted(args) if args.plant else _run(args)


def _run_planted(requested: argparse.Namespace) -> int:
    """The same in a copy of the project with the bug."""
    numbers = (f"--{name}={getattr(requested, name)}" for name in ("seeds", "seed", "commands", "jobs"))
    others = ("--keep-going",) if requested.keep_going else ()
    with planted(requested.plant) as checkout:
        done = checkout.run(["-m", "tests.sim", *numbers, *others], None)
    print(done.stdout, end="")
    return done.returncode


def _run(requested: argparse.Namespace) -> int:
    start = time.monotonic()
    seeds, commands, failed = range(requested.seed, requested.seed + requested.seeds), 0, []
    with multiprocessing.get_context("fork").Pool(requested.jobs) as pool:
        for seed, done in zip(seeds, pool.imap(partial(_run_one, commands=requested.commands), seeds), strict=True):
            if isinstance(done, str):
                failed.append(seed)
                print(done, flush=True)
                if not requested.keep_going:
                    return 1
            else:
                commands += done
            if (seed - requested.seed + 1) % TOLD_EVERY == 0:
                print(f"up to seed {seed}: {time.monotonic() - start:.0f} s, failed: {failed}", flush=True)
    seconds = time.monotonic() - start
    ending = f"failed: {failed}" if failed else "all well"
    print(
        f"{requested.seeds} seeds, {commands} commands, {seconds:.1f} s, {commands / seconds:.0f} commands/s: {ending}"
    )
    return 1 if failed else 0


def _run_one(seed: int, commands: int) -> int | str:
    """The number of commands sent, or the story of the failure."""
    gc.disable()  # saves a tenth of the time: collecting between two seeds is enough
    try:
        return run_seed(seed, commands).commands
    except Violation as violation:
        return str(violation)
    finally:
        gc.collect()


if __name__ == "__main__":
    sys.exit(main())
