"""What tests share: a real, running exchange."""

from collections.abc import Iterator

import pytest

from tests.exchange import Exchange


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
    exchange = Exchange(shard_count)
    try:
        exchange.start()
        yield exchange
    finally:
        exchange.close()
