"""The published stream, and that Shardex's book follows it."""

import pytest

from loadtest.bench.books import CANDIDATES
from loadtest.bench.own_books import commands_of
from loadtest.bench.seeding import MARKET, START_MS
from loadtest.bench.stream import LEVELS, ORDERS, make_stream
from shards.engine.engine import MAILBOX, Engine
from shards.model.replies import Rejected
from shards.verify.invariants import find_violations

COUNT = 3_000


def test_a_seed_gives_the_same_stream() -> None:
    assert make_stream(5, COUNT) == make_stream(5, COUNT)
    assert make_stream(5, COUNT) != make_stream(6, COUNT)


def test_it_is_what_it_says() -> None:
    stream = make_stream(5, COUNT)
    assert len(stream.filling) == 2 * LEVELS * ORDERS
    placements = [each for each in stream.operations if each.quantity]
    crossing = [each for each in placements if (each.price >= 10_000) == (each.side == 1)]
    assert len(placements) == pytest.approx(COUNT / 2, rel=0.1)
    assert len(crossing) == pytest.approx(len(placements) / 10, rel=0.3)


@pytest.mark.parametrize("name", ["plain", "book", "whole"])
def test_own_books_come_to_its_outcome(name: str) -> None:
    stream = make_stream(5, COUNT)
    filling, timed, outcome = CANDIDATES[name](stream)
    for call, values in (*filling, *timed):
        call(*values)
    assert outcome() == stream.outcome


def test_the_whole_machine_takes_fees_of_both_sides() -> None:
    engine = Engine(0, 1)
    for command in commands_of(make_stream(5, COUNT)):
        reply = engine.apply(engine.sequence + 1, START_MS + engine.sequence, MAILBOX, 0, command)
        assert not isinstance(reply, Rejected), reply
    fees = engine.accounts.wallets.fees
    assert fees[MARKET.base] > 0 and fees[MARKET.quote] > 0
    assert find_violations([engine]) == []
