"""What the futures tests share: the application in this process."""

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
    """The application without limits."""
    made = Site(tmp_path)
    yield made
    made.reference.close()


@pytest.fixture
def stand_still(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let it be so many Unix milliseconds, whoever asks in this process."""
    return lambda now_ms: monkeypatch.setattr(time, "time_ns", lambda: now_ms * 1_000_000)


@pytest.fixture(params=["at-home", "away"])
def symbol(request: pytest.FixtureRequest, venue: Venue) -> str:
    """A fresh market, with its book where the money of ``own`` is and elsewhere."""
    return list_contract(venue, 0 if request.param == "at-home" else venue.shard_count - 1)


@pytest.fixture
def own(venue: Venue) -> Actor:
    """A fresh account with plenty of money, at home on shard 0."""
    return Actor(venue, 0)


@pytest.fixture
def other(venue: Venue) -> Actor:
    """Another one, at home on the last shard."""
    return Actor(venue, venue.shard_count - 1)
