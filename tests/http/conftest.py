"""What the HTTP tests share: one exchange for each number of shards."""

from collections.abc import Iterator

import pytest

from tests.exchange import Exchange
from tests.http.stage import Stage
from tests.http.venue import Venue


@pytest.fixture(scope="session", params=[1, 4], ids=["1-shard", "4-shards"])
def venue(request: pytest.FixtureRequest) -> Iterator[Venue]:
    """An exchange shared by all who use accounts and markets of their own."""
    exchange = Exchange(request.param)
    try:
        exchange.start()
        yield Venue(exchange)
    finally:
        exchange.close()


@pytest.fixture(scope="session")
def stage(venue: Venue) -> Stage:
    """The cast of the tables."""
    return Stage(venue)
