"""What crash tests share: an exchange that lives through a module's tests."""

from collections.abc import Iterator

import pytest

from tests.crash.floor import Floor
from tests.crash.processes import check_at_rest
from tests.crash.storm import Stage
from tests.exchange import Exchange

SNAPSHOT_RECORDS = {1: 10**9, 4: 150}  # with one shard never, with four all the time


@pytest.fixture(scope="module", params=[4], ids=["4-shards"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """An exchange with markets. Once it has stopped, nothing is left over and its folder is right."""
    exchange = Exchange(request.param, {"SHARDEX_SNAPSHOT_RECORDS": str(SNAPSHOT_RECORDS[request.param])})
    try:
        exchange.start()
        yield Stage(exchange, Floor(exchange))
        check_at_rest(exchange)
    finally:
        exchange.close()
