"""How full a mailbox is, counted without locks."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from shards.ipc.counters import Counters
from shards.limits import CONNECTIONS_MAX
from tests.model.seeds import read_seed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counters.mailbox"


@pytest.fixture
def owner(path: Path) -> Iterator[Counters]:
    counters = Counters(path, 5)
    yield counters
    counters.close()


def test_callers_see_the_owners_bound_and_whether_it_serves(owner: Counters, path: Path) -> None:
    caller = Counters(path)
    assert (caller.maxsize, caller.serving, caller.qsize()) == (5, False, 0)
    owner.serving = True
    assert caller.serving
    assert path.stat().st_mode & 0o077 == 0
    caller.close()


def test_the_file_has_its_room_from_the_beginning(owner: Counters, path: Path) -> None:
    """On a disk that is full by then, a page without room ends whoever touches it."""
    assert path.stat().st_blocks * 512 >= path.stat().st_size


def test_at_the_bound_nobody_gets_a_place(owner: Counters, path: Path) -> None:
    caller = Counters(path)
    owner.use(0)
    owner.use(1)
    assert [caller.claim(slot) for slot in (0, 1, 0, 1, 0)] == [True] * 5
    assert [caller.claim(slot) for slot in (0, 1)] == [False, False]
    assert owner.qsize() == caller.qsize() == 5
    owner.take(1)
    assert caller.claim(0) and not caller.claim(1)
    caller.close()


def test_a_place_given_back_can_be_taken_by_another(owner: Counters) -> None:
    owner.use(0)
    owner.use(1)
    for _ in range(5):
        assert owner.claim(0)
    owner.unclaim(0)
    assert owner.claim(1) and not owner.claim(1)


def test_what_a_dead_caller_had_counted_is_cleared(owner: Counters) -> None:
    owner.use(0)
    owner.use(1)
    for _ in range(5):
        assert owner.claim(0)
    owner.take(0)
    owner.clear(0)
    assert owner.qsize() == 0
    assert [owner.claim(1) for _ in range(6)] == [True] * 5 + [False]


def test_the_last_slot_counts_too(owner: Counters) -> None:
    last = CONNECTIONS_MAX - 1
    owner.use(last)
    assert owner.claim(last) and owner.qsize() == 1
    owner.take(last)
    assert owner.qsize() == 0


def test_the_bound_holds_in_any_order_of_steps(owner: Counters) -> None:
    chance = random.Random(read_seed())
    inside = [0] * 8
    for slot in range(8):
        owner.use(slot)
    for _ in range(20_000):
        slot = chance.randrange(8)
        step = chance.choice(("claim", "claim", "take", "unclaim", "clear"))
        if step == "claim":
            assert owner.claim(slot) == (sum(inside) < 5)
            inside[slot] += sum(inside) < 5
        elif step == "clear":
            owner.clear(slot)
            inside[slot] = 0
        elif inside[slot]:
            (owner.take if step == "take" else owner.unclaim)(slot)
            inside[slot] -= 1
        assert owner.qsize() == sum(inside) <= 5
