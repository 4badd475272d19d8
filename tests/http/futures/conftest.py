"""Shared by the futures tests: the application in this process, and accounts and markets of a real exchange."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.http.futures.actor import Actor
from tests.http.futures.order_trader import AwaitArchive, wait_archived
from tests.http.futures.site import Site
from tests.http.futures.trader import list_contract, set_mark
from tests.http.venue import Venue


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    with closing(made.reference):
        yield made


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The application without rate limits."""
    shared_site.reset()
    return shared_site


@pytest.fixture
def new_site(tmp_path: Path) -> Iterator[Site]:
    """Another one, for what is stored or replaced by a test."""
    made = Site(tmp_path)
    with closing(made.reference):
        yield made


@pytest.fixture(params=["same-shard", "other-shard"])
def symbol(request: pytest.FixtureRequest, venue: Venue) -> str:
    """A new market, with its book on the account shard of ``own``, and on another shard."""
    return list_contract(venue, 0 if request.param == "same-shard" else venue.shard_count - 1)


@pytest.fixture
def far(venue: Venue) -> str:
    """A new market, with its book on the last shard: away from ``own``, where there are several."""
    return list_contract(venue, venue.shard_count - 1)


@pytest.fixture
def at_100(venue: Venue, far: str) -> str:
    """``far``, with its mark at 100."""
    set_mark(venue, far, "100")
    return far


@pytest.fixture
def own(venue: Venue) -> Actor:
    """A new, well-funded account, kept on shard 0."""
    return Actor(venue, 0)


@pytest.fixture
def other(venue: Venue) -> Actor:
    """Another one, kept on the last shard."""
    return Actor(venue, venue.shard_count - 1)


@pytest.fixture(params=["recent", "archived"])
def await_archive(request: pytest.FixtureRequest, venue: Venue) -> AwaitArchive:
    """Called before history is read: from the shards' memory, and, after waiting, from the archive."""
    return (lambda: None) if request.param == "recent" else (lambda: wait_archived(venue))
