"""Shared by the HTTP tests: one exchange for each number of shards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.exchange import WITHOUT_PARSER, Exchange
from tests.http.stage import Stage
from tests.http.venue import Venue


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, as the path of a Unix socket must be short."""
    with TemporaryDirectory(prefix="sx", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def venues() -> Iterator[Callable[[int], Venue]]:
    """The exchange with so many shards, started on demand, for the whole session.

    The one with a single shard runs without the fast HTTP parser, as without a compiler.
    """
    made: dict[int, Venue] = {}
    with ExitStack() as stack:

        def find(shard_count: int) -> Venue:
            if shard_count not in made:
                exchange = Exchange(shard_count, WITHOUT_PARSER if shard_count == 1 else None)
                stack.callback(exchange.close)
                exchange.start()
                made[shard_count] = Venue(exchange)
            return made[shard_count]

        yield find


@pytest.fixture(scope="session", params=[1, 4], ids=["1-shard", "4-shards"])
def venue(request: pytest.FixtureRequest, venues: Callable[[int], Venue]) -> Venue:
    """An exchange shared by all tests that use accounts and markets of their own."""
    return venues(request.param)


@pytest.fixture(scope="session")
def stage(venue: Venue) -> Stage:
    """The accounts and markets of the tables."""
    return Stage(venue)
