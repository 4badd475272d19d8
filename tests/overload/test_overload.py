"""Far more comes than can be served, for a moment. ``make overload`` takes longer and prints the figures."""

import random
from typing import Final

from tests.model.seeds import read_seed
from tests.overload.orders import ASKING, BUSY
from tests.overload.overload import Scenario, overload
from tests.overload.scene import scene

DEPTH: Final = {"SHARDEX_QUEUE_DEPTH": "4"}
FACTOR: Final = 10.0
CLOSED_S: Final = 1.0
OPEN_S: Final = 7.5
GOODPUT_MIN: Final = 0.1  # of what was served before, in the same run: these mailboxes have most refused


def test_overload() -> None:
    """All are answered rightly and in time; memory stays flat; what was acknowledged is there."""
    with scene(random.Random(read_seed()), ASKING, DEPTH) as found:
        for scenario in (Scenario("short mailboxes", DEPTH), Scenario("a slow shard", DEPTH, is_slowed=True)):
            result = overload(found, scenario, FACTOR, CLOSED_S, OPEN_S)
            print("\n".join(result.lines()))
            assert result.findings == []
            assert any(result.open.in_time[word] for word in BUSY), "no mailbox was full"
            for word in BUSY:
                assert result.open.quantile(word, 0.5) <= result.open.quantile("200", 0.5), "busy is not said at once"
            if not scenario.is_slowed:
                assert result.open.rate() >= GOODPUT_MIN * result.closed.rate(), "far less is done than before"
