"""Far more comes than can be served, for a moment. ``make overload`` takes longer and prints the figures."""

import random
from typing import Final

import pytest

from tests.model.seeds import read_seed
from tests.overload.orders import BUSY, WITH_ARCHIVE
from tests.overload.overload import AT_LIMIT, ONE_SLOW, SHORT, Scenario, overload
from tests.overload.scene import scene

FACTOR: Final = 10.0
CLOSED_S: Final = 1.0
OPEN_S: Final = 5.0
GOODPUT_MIN: Final = 0.5  # of what was served before, in the same run, where the HTTP side has time


@pytest.mark.parametrize("scenario", [SHORT, ONE_SLOW._replace(depth=4), AT_LIMIT], ids=lambda scenario: scenario.name)
def test_overload(scenario: Scenario) -> None:
    """All are answered rightly and in time; memory stays flat; what was acknowledged is there."""
    with scene(random.Random(read_seed()), WITH_ARCHIVE, scenario.settings, scenario.shard_count) as found:
        result = overload(found, scenario, FACTOR, CLOSED_S, OPEN_S)
    print("\n".join(result.lines()))
    assert result.findings == []
    assert any(result.open.in_time[word] for word in BUSY), "no mailbox was full"
    for word in BUSY:
        assert result.open.quantile(word, 0.5) <= result.open.quantile("200", 0.5), "busy is not said at once"
    if scenario is AT_LIMIT:
        assert result.open.rate() >= GOODPUT_MIN * result.closed.rate(), "far less is done than before"
