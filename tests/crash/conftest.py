"""Shared by crash tests: an exchange that lasts for a module's tests."""

from collections.abc import Iterator

import pytest

from tests.crash.faults import SYNCS_MAY_FAIL
from tests.crash.processes import check_at_rest
from tests.crash.storm import Stage
from tests.crash.trading import PRODUCTS
from tests.exchange import Exchange

SNAPSHOT_RECORDS = {1: 10**9, 4: 150}  # never with one shard, all the time with four


@pytest.fixture(scope="module", params=[("spot", 4)], ids=["spot"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """An exchange with markets, for a module's tests. At the end no process is left over and its folder is intact."""
    product, shard_count = request.param
    settings = {**SYNCS_MAY_FAIL, "SHARDEX_SNAPSHOT_RECORDS": str(SNAPSHOT_RECORDS[shard_count])}
    with Exchange(shard_count, settings) as exchange:
        yield Stage.of(exchange, PRODUCTS[product])
        check_at_rest(exchange)
