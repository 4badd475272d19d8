"""What crash tests share: an exchange that lives through a module's tests."""

from collections.abc import Callable, Iterator

import pytest

from tests.crash.blows import SYNCS_MAY_FAIL
from tests.crash.floor import Floor
from tests.crash.futures_floor import FuturesFloor
from tests.crash.processes import check_at_rest
from tests.crash.storm import Stage
from tests.crash.trading import FUTURES, SPOT, Trading
from tests.exchange import Exchange

SNAPSHOT_RECORDS = {1: 10**9, 4: 150}  # with one shard never, with four all the time


def run_stage(shard_count: int, make_floor: Callable[[Exchange], Floor], trading: Trading) -> Iterator[Stage]:
    """An exchange with markets. Once it has stopped, nothing is left over and its folder is right."""
    settings = {**SYNCS_MAY_FAIL, "SHARDEX_SNAPSHOT_RECORDS": str(SNAPSHOT_RECORDS[shard_count])}
    with Exchange(shard_count, settings) as exchange:
        yield Stage(exchange, make_floor(exchange), trading)
        check_at_rest(exchange)


@pytest.fixture(scope="module", params=[4], ids=["4-shards"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Spot markets, for all tests of a module."""
    yield from run_stage(request.param, Floor, SPOT)


@pytest.fixture(scope="module", params=[4], ids=["4-shards"])
def futures_stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Futures markets, for all tests of a module."""
    yield from run_stage(request.param, FuturesFloor, FUTURES)
