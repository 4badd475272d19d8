"""Shared by the futures tests: the application in this process."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.http.futures.actor import Actor
from tests.http.futures.site import Site
from tests.http.futures.trader import list_contract
from tests.http.venue import Venue


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The application without rate limits."""
    made = Site(tmp_path)
    yield made
    made.reference.close()


@pytest.fixture
def stand_still(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the time of this process, in Unix milliseconds."""
    return lambda now_ms: monkeypatch.setattr(time, "time_ns", lambda: now_ms * 1_000_000)


@pytest.fixture(params=["at-home", "away"])
def symbol(request: pytest.FixtureRequest, venue: Venue) -> str:
    """A new market, with its book on the account shard of ``own``, and on another shard."""
    return list_contract(venue, 0 if request.param == "at-home" else venue.shard_count - 1)


@pytest.fixture
def own(venue: Venue) -> Actor:
    """A new, well-funded account, kept on shard 0."""
    return Actor(venue, 0)


@pytest.fixture
def other(venue: Venue) -> Actor:
    """Another one, kept on the last shard."""
    return Actor(venue, venue.shard_count - 1)
