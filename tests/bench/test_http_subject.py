"""Runs over HTTP: an exchange has nothing left to do when one begins and when one ends; refusals are of many orders."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from loadtest.bench.http_subject import Subject, busy_subject
from loadtest.bench.results import Report
from loadtest.bench.venue import Venue
from shards.model.queries import GetOrder
from shards.model.replies import OrderReply
from tests.bench.test_load import REQUEST, Server


class Target(Server):
    """One that has no processes of its own."""

    def pids(self) -> dict[str, list[int]]:
        return {}


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with closing(Venue(1)) as made:
        yield made


def test_runs_begin_and_end_idle() -> None:
    with closing(Target()) as target:
        answered: list[int] = []
        subject = Subject(
            Report(),
            "one",
            target,
            lambda count: lambda: [(REQUEST,)] * count,
            count_max=40,
            wait_idle=lambda: answered.append(len(target.requests)),
        )
        subject.warm_up(0.01)
        subject.rate()
        subject.latency(2_000, 1)
        assert answered == [0, 40, 40, 80, 80, 120]


def test_what_is_archived_can_be_read_there(venue: Venue) -> None:
    market = venue.futures[0]
    for _ in range(3):
        placed = venue.place(market, 300)
        venue.clear(market)
        venue.wait_archived()
        for _, order in placed:
            assert isinstance(venue.client.ask_archive(GetOrder(order.id)), OrderReply)


def test_no_two_refusals_are_of_one_order(venue: Venue) -> None:
    report = Report()
    busy = busy_subject(report, venue)
    with venue.full_mailbox(venue.futures[0]):
        busy.warm_up(0.1)
        busy.rate()
    assert report.is_valid
    requested = [re.findall(rb"orderId=\d+", request) for (request,) in busy.prepare(1_000)()]
    assert len({order for (order,) in requested}) == 1_000
