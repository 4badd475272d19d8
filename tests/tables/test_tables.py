"""Every scenario of the text tables, on one shard and on four."""

from pathlib import Path

import pytest

from tests.tables.scenarios import Scenario, Stage, read_scenarios

FILES = sorted(Path(__file__).parent.glob("*.table"))
SCENARIOS = [scenario for path in FILES for scenario in read_scenarios(path)]


@pytest.mark.parametrize("shard_count", [1, 4], ids=["1-shard", "4-shards"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"{scenario.path.stem}: {scenario.name}")
def test_scenario(scenario: Scenario, shard_count: int) -> None:
    stage = Stage(shard_count)
    for step in scenario.steps:
        events = stage.run(step.command)
        where = f"{scenario.path.name}:{step.number}: {step.command}"
        assert step.events is None or events == step.events, where
    assert stage.world.unfaithful() == []


def test_there_are_enough_scenarios_and_each_has_a_name_of_its_own() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(names) >= 120
    assert len(set(names)) == len(names)
