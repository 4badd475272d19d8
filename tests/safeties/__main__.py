"""Remove the safeties of the product, one at a time, and check that a test notices."""

import argparse
import sys
import time
from collections.abc import Sequence

from tests.safeties.catalog import CATALOG
from tests.safeties.checkout import Checkout, copied
from tests.safeties.safety import Safety, Stale
from tests.safeties.trial import Outcome, run_all, run_one


def main() -> int:
    """0 if each named test is green with its safety and red without."""
    parser = argparse.ArgumentParser(prog="python -m tests.safeties", description=__doc__)
    parser.add_argument("--only", action="append", choices=[each.name for each in CATALOG], metavar="NAME")
    args = parser.parse_args()
    safeties = [each for each in CATALOG if args.only is None or each.name in args.only]
    started = time.monotonic()
    with copied() as checkout:
        bad = _try_with_all(checkout, safeties) + sum(not _try_without(checkout, each) for each in safeties)
    seconds = time.monotonic() - started
    print(
        f"{len(safeties)} safeties removed, {len({each.test for each in safeties})} tests, {seconds:.0f} s: {bad} bad"
    )
    return 1 if bad else 0


def _try_with_all(checkout: Checkout, safeties: Sequence[Safety]) -> int:
    """Nothing is removed: how many of the named tests are not green."""
    outcomes = run_all(checkout, safeties)
    wrong = {test: outcome for test, outcome in outcomes.items() if outcome.kind != "green"}
    for test, outcome in wrong.items():
        print(f"with all safeties, {test} is {outcome.kind}: {outcome.reason}", flush=True)
    print(f"with all safeties: {len(outcomes) - len(wrong)} of {len(outcomes)} named tests are green", flush=True)
    return len(wrong)


def _try_without(checkout: Checkout, safety: Safety) -> bool:
    started = time.monotonic()
    try:
        with checkout.without(safety):
            outcome = run_one(checkout, safety)
    except Stale as stale:
        outcome = Outcome("stale", str(stale), 0)
    red = outcome.kind == "red"
    sign = "ok " if red else "BAD"
    seconds = time.monotonic() - started
    print(f"{sign} {safety.name:38} {safety.file:27} {outcome.kind:7} {seconds:5.1f} s  {safety.test}", flush=True)
    print(f"    {outcome.reason}", flush=True)
    return red


if __name__ == "__main__":
    sys.exit(main())
