"""Chosen mutants, each tried out on the tests that run it, and what became of them."""

import difflib
import importlib
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from multiprocessing import SimpleQueue, get_context
from typing import Final

from tests.conftest import QUICK_COUNTS
from tests.mutation.mutants import Mutant, Position, find_mutants
from tests.mutation.suites import Lines, Suite, find_suites, measure, passes
from tests.safeties.checkout import Checkout, copied
from web.cli.service import ROOT

MUTATED: Final = ("shards/engine", "storage")
IMPORTED: Final = (  # what takes long to import and is not ours
    *("_hypothesis_pytestplugin", "pytest_timeout", "xdist.plugin", "hypothesis", "hypothesis.stateful"),
    *("click.testing", "cryptography.fernet", "duckdb", "flask", "gunicorn.config", "jwt", "msgspec", "requests"),
)


class Worker:
    """A process that tries out mutants, in a copy of the checkout of its own."""

    checkout: Checkout

    @classmethod
    def begin(cls, free: "SimpleQueue[Checkout]") -> None:
        cls.checkout = free.get()

    @classmethod
    def measure(cls, file: str) -> tuple[Suite, Lines] | None:
        return measure(cls.checkout.root, file, MUTATED)

    @classmethod
    def try_out(cls, mutant: Mutant, suites: Sequence[Suite]) -> tuple[str, str]:
        """What became of it before the tests that run it, and its change if none noticed."""
        before = (cls.checkout.root / mutant.file).read_text()
        try:
            after = mutant.apply(before)
        except SyntaxError:
            return "no program", ""
        if not suites:
            return "not run", show(before, after)
        with cls.checkout.replaced(mutant.file, after):
            try:
                survived = all(passes(cls.checkout.root, suite) for suite in suites)
            except TimeoutError:
                return "endless", ""
            except EOFError:
                return "killed", ""
        return ("survived", show(before, after)) if survived else ("killed", "")


def running(mutant: Mutant, suites: Mapping[Suite, Lines]) -> list[Suite]:
    """Those that run it; first those that run much of its file in little time."""
    found = {suite: lines[mutant.file] for suite, lines in suites.items() if mutant.file in lines}
    return sorted(
        (suite for suite, lines in found.items() if not lines.isdisjoint(mutant.lines)),
        key=lambda suite: suite.seconds / len(found[suite]),
    )


def show(before: str, after: str) -> str:
    """The change, with a line before and after."""
    _, _, *lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    return "\n".join(lines)


def choose(mutants: Sequence[Mutant], count: int, chance: random.Random) -> Iterator[Mutant]:
    """About ``count``, with at least one of each file: so many of its places, each changed in one way."""
    places: dict[str, dict[Position, list[Mutant]]] = defaultdict(lambda: defaultdict(list))
    for mutant in mutants:
        places[mutant.file][mutant.start].append(mutant)
    share = min(1.0, count / sum(map(len, places.values())))
    for of_file in places.values():
        for ways in chance.sample([*of_file.values()], max(1, round(share * len(of_file)))):
            yield chance.choice(ways)


def run(count: int, seed: int, jobs: int, only: str) -> None:
    """Try about ``count`` mutants of the files whose paths begin with ``only``; print those that no test notices."""
    os.environ |= QUICK_COUNTS | {"SHARDEX_TEST_SEED": str(seed)}
    for name in IMPORTED:
        importlib.import_module(name)
    files = [str(path.relative_to(ROOT)) for folder in MUTATED for path in sorted((ROOT / folder).rglob("*.py"))]
    left_out: Counter[str] = Counter()
    every = [mutant for file in files if file.startswith(only) for mutant in find_mutants(ROOT, file, left_out)]
    chosen = [*choose(every, count, random.Random(seed))]
    context = get_context("fork")
    free: SimpleQueue[Checkout] = context.SimpleQueue()
    found: Counter[str] = Counter()
    with ExitStack() as stack:
        for _ in range(jobs):
            free.put(stack.enter_context(copied()))
        pool = stack.enter_context(ProcessPoolExecutor(jobs, context, Worker.begin, (free,)))
        suites = dict(filter(None, pool.map(Worker.measure, find_suites(ROOT))))
        print(f"{len(suites)} files of tests, {sum(suite.seconds for suite in suites):.0f} s", flush=True)
        trials = {pool.submit(Worker.try_out, mutant, running(mutant, suites)): mutant for mutant in chosen}
        for trial in as_completed(trials):
            mutant, (outcome, change) = trials[trial], trial.result()
            found[outcome] += 1
            if change:
                print(f"{outcome}: {mutant.file}\n{change}", flush=True)
    print(f"{len(chosen)} of {len(every)} mutants, seed {seed}: {listed(found)}; left out: {listed(left_out)}")


def listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())
