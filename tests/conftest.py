"""What tests share: a real, running exchange."""

from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from tests.exchange import Exchange

TOGETHER = ("tests/clients/", "tests/crash/", "tests/loadtest/")
FIRST = ("tests/crash/", "tests/clients/", "tests/sim/")  # what takes longest: begun last, it would be waited for


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """A file's tests run in one worker; those of some folders too.

    They share what takes long to start; of storms, each of which takes all of a machine, there is one at a time.
    """

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return next((folder for folder in TOGETHER if scope.startswith(folder)), scope)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Called where tests run side by side."""
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; all else in its order."""
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


@pytest.fixture(scope="module", params=[1, 4], ids=["1-shard", "4-shards"])
def exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """An exchange that a module's tests share, once with one shard and once with four.

    ``@pytest.mark.parametrize("exchange", [2], indirect=True)`` gives another number.
    """
    yield from _run(request.param)


@pytest.fixture
def own_exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """An exchange for one test alone, that may kill its processes; four shards unless parametrized like the other."""
    yield from _run(getattr(request, "param", 4))


def _run(shard_count: int) -> Iterator[Exchange]:
    with Exchange(shard_count) as exchange:
        yield exchange
