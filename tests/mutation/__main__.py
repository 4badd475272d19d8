"""python -m tests.mutation: change the state machines and the storage at random places; which tests notice?

Each mutant is one change that cosmic-ray makes in a copy of the checkout: another operator, another number, a condition
the other way round. Those that no test notices are printed with their change: either it makes no difference, or a test
is missing.
"""

import argparse
import random
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import Queue
from typing import TYPE_CHECKING, Final

from tests.safeties.checkout import Checkout, copied
from web.cli.run import ROOT

if TYPE_CHECKING:  # installed for `make mutation` alone
    from cosmic_ray.work_item import MutationSpec

TESTS: Final = {  # by what is mutated, those that notice soonest first
    "shards/engine": ("tests/tables", "tests/unit", "tests/model", "tests/data", "tests/sim"),
    "storage": ("tests/unit", "tests/data", "tests/tables", "tests/http/test_reference.py"),
}
NO_DIFFERENCE: Final = ("ReplaceBinaryOperator_BitOr_", "RemoveDecorator")  # of types, and of what only typing looks at
TEST_S: Final = 600.0


def find_mutants() -> "Iterator[MutationSpec]":
    """Every mutant there can be, with its path from the root."""
    from cosmic_ray.commands.init import _all_work_items

    files = [path.relative_to(ROOT) for folder in TESTS for path in sorted((ROOT / folder).rglob("*.py"))]
    for item in _all_work_items(files, {}):
        (mutant,) = item.mutations
        if not any(name in mutant.operator_name for name in NO_DIFFERENCE):
            yield mutant


def try_out(checkout: Checkout, mutant: "MutationSpec") -> tuple[str, str]:
    """What became of a mutant (killed, survived, late), and its change."""
    from cosmic_ray.mutating import use_mutation
    from cosmic_ray.plugins import get_operator

    path = checkout.root / mutant.module_path
    before = path.read_text()
    operator = get_operator(mutant.operator_name)(**mutant.operator_args)
    with use_mutation(path, operator, mutant.occurrence):
        changed = subprocess.run(
            ["diff", "--unified=1", "-", str(path)], input=before, capture_output=True, text=True, check=False
        ).stdout
        folder = next(name for name in TESTS if str(mutant.module_path).startswith(name))
        options = ["-q", "--quick", "--exitfirst", "-p", "no:cacheprovider"]
        try:
            done = checkout.run(["-m", "pytest", *options, *TESTS[folder]], TEST_S)
        except subprocess.TimeoutExpired:
            return "late", changed
    return "survived" if done.returncode == 0 else "killed", changed


def run(mutants: "Sequence[MutationSpec]", jobs: int) -> Counter[str]:
    """Try all of them, so many side by side, and print who survived."""
    found: Counter[str] = Counter()
    free: Queue[Checkout] = Queue()
    with ExitStack() as stack:
        for _ in range(jobs):
            free.put(stack.enter_context(copied()))

        def one(mutant: "MutationSpec") -> None:
            checkout = free.get()
            try:
                outcome, changed = try_out(checkout, mutant)
            finally:
                free.put(checkout)
            found[outcome] += 1
            if outcome != "killed":
                lines = changed.splitlines()[2:]
                print(f"{outcome}: {mutant.module_path}, {mutant.definition_name}", *lines, sep="\n", flush=True)

        list(stack.enter_context(ThreadPoolExecutor(jobs)).map(one, mutants))
    return found


def main() -> None:
    """Try some mutants, chosen by the seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    every = [*find_mutants()]
    chosen = random.Random(args.seed).sample(every, min(args.count, len(every)))
    found = run(chosen, args.jobs)
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(found.items()))
    print(f"{len(chosen)} of {len(every)} mutants, seed {args.seed}: {told}")


if __name__ == "__main__":
    main()
