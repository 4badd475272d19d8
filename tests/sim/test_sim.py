"""The simulation in CI: many seeds from one on, and every planted bug found. SHARDEX_SIM_SEEDS says how many."""

import os
import subprocess
import sys

import pytest

from tests.model.seeds import read_count, read_seed
from tests.sim.kept import KEPT
from tests.sim.planted import PLANTS
from tests.sim.simulation import run_seed
from tests.sim.story import Violation

SEEDS = read_count("SHARDEX_SIM_SEEDS", 90)
PARTS = 6  # tests that the seeds are spread over: one that fails does not hide the others
FOUND_AT = {  # seeds known to find it: what the shards do otherwise may change which do
    "reply_before_sync": (4, 5, 6),
    "link_number_not_checked": (4, 3, 1),
    "dedupe_forgotten": (2, 4, 3),
    "hold_released_twice": (1, 2, 3),
    "fifo_lost": (2, 3, 1),
    "reply_ahead_of_links": (15, 18, 24),
    "links_not_taken": (5,),
    "grant_not_measured_again": (3, 1, 5),
    "loss_not_held": (1, 6, 3),
}
OTHERS = range(1, 41)  # tried where none of them does any more
BROKEN = (AttributeError, TypeError, NameError, ImportError)  # what no bug that is planted makes of itself


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
def test_a_planted_bug_is_found(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTS[plant](monkeypatch)
    for seed in (*FOUND_AT[plant], *OTHERS):
        try:
            run_seed(seed)
        except Violation as found:
            assert not isinstance(found.__cause__, BROKEN), f"the plant does not fit the code: {found}"
            return
    pytest.fail(f"none of the seeds {(*FOUND_AT[plant], *OTHERS)} finds it")


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
