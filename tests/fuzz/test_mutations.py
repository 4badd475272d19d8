"""Good requests of every operation, mutated: every answer as documented, in time, by workers that live on."""

import random
from collections.abc import Iterator

import pytest

from tests.exchange import Exchange
from tests.fuzz.aftermath import check_aftermath
from tests.fuzz.campaign import Campaign
from tests.model.seeds import read_count

COUNT = read_count("SHARDEX_FUZZ_REQUESTS", 5_000)
OPERATIONS_SHARE = 0.9  # of all operations: so many are answered with 200 at least once, so what is mutated was good


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with Exchange(2) as made:
        yield made


@pytest.mark.timeout(300)
def test_mutated_requests(exchange: Exchange) -> None:
    seed = random.randrange(2**32)
    print(f"make fuzz N={COUNT} SEED={seed}")
    campaign = Campaign(exchange, seed)
    report = campaign.run(COUNT)
    print(report)
    assert len(report.operations) >= OPERATIONS_SHARE * len(campaign.arena.judge.operations)
    check_aftermath(campaign.arena)
