"""The simulation in CI: many seeds from one on, and every planted bug found. SHARDEX_SIM_SEEDS says how many."""

import os
import subprocess
import sys

import pytest

from tests.model.seeds import read_count, read_seed
from tests.safeties import trial
from tests.sim.kept import KEPT
from tests.sim.planted import PLANTS, planted
from tests.sim.simulation import run_seed

SEEDS = read_count("SHARDEX_SIM_SEEDS", 90)
PARTS = 6  # tests that the seeds are spread over: one that fails does not hide the others
OTHERS = range(1, 41)  # tried where none of the seeds known to find a bug does any more


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_violated_and_all_comes_right(part: int) -> None:
    """The same seeds for every change, so that a red one is the change's; make sim looks at new ones."""
    first = read_seed(1)
    for seed in range(first + part, first + SEEDS, PARTS):
        run_seed(seed)


@pytest.mark.parametrize("seed", KEPT)
def test_what_was_found_once_is_not_found_again(seed: int) -> None:
    run_seed(seed)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_found(plant: str) -> None:
    seeds = (*PLANTS[plant][0].seeds, *OTHERS)  # what the shards do otherwise may change which find it
    with planted(plant) as checkout:
        outcomes = (trial.run_seed(checkout, seed) for seed in seeds)
        found = next((outcome for outcome in outcomes if outcome.kind != "green"), None)
    assert found is not None, f"none of the seeds {seeds} finds it"
    assert found.kind == "red", f"the plant does not fit the code: {found.reason}"


def test_a_seed_always_makes_the_same_run() -> None:
    """In whatever order sets of texts are walked through."""
    program = "from tests.sim.simulation import run_seed; print(run_seed(6, 300).story.digest)"
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout != ""
