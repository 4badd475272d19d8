"""How full a mailbox is, counted without locks."""

import random
from collections.abc import Iterator
from pathlib import Path
from queue import Full

import pytest

from shards.ipc.counters import Counters, OwnCounters, Slot
from shards.ipc.errors import NotServing
from shards.limits import CONNECTIONS_MAX
from tests.model.seeds import read_seed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counters.mailbox"


@pytest.fixture
def owner(path: Path) -> Iterator[OwnCounters]:
    counters = OwnCounters(path, 5)
    counters.serve(True)
    yield counters
    counters.close()


@pytest.fixture
def slots(path: Path, owner: OwnCounters) -> Iterator[list[Slot]]:
    made = [Slot(path, number) for number in range(8)]
    for number in range(8):
        owner.use(number)
    yield made
    for slot in made:
        slot.close()


def claim(slot: Slot) -> bool:
    """Whether there was a place."""
    try:
        slot.claim()
    except Full:
        return False
    return True


def test_callers_see_the_owners_bound_and_whether_it_serves(owner: OwnCounters, path: Path) -> None:
    seen = Counters(path)
    assert (seen.maxsize, seen.serving, seen.qsize()) == (5, True, 0)
    owner.serve(False)
    assert not seen.serving
    assert path.stat().st_mode & 0o077 == 0
    seen.close()


def test_the_file_has_its_room_from_the_beginning(owner: OwnCounters, path: Path) -> None:
    """On a disk that is full by then, a page without room ends whoever touches it."""
    assert path.stat().st_blocks * 512 >= path.stat().st_size


def test_a_full_mailbox_has_no_free_slot(owner: OwnCounters, slots: list[Slot]) -> None:
    assert [claim(slots[number]) for number in (0, 1, 0, 1, 0)] == [True] * 5
    assert [claim(slots[number]) for number in (0, 1)] == [False, False]
    assert owner.qsize() == slots[0].qsize() == 5
    owner.take(1)
    assert claim(slots[0]) and not claim(slots[1])


def test_a_mailbox_that_does_not_serve_has_no_slots(owner: OwnCounters, slots: list[Slot]) -> None:
    owner.serve(False)
    with pytest.raises(NotServing):
        slots[0].claim()
    assert owner.qsize() == 0


def test_a_place_given_back_can_be_taken_by_another(slots: list[Slot]) -> None:
    for _ in range(5):
        assert claim(slots[0])
    slots[0].unclaim()
    assert claim(slots[1]) and not claim(slots[1])


def test_what_a_dead_caller_had_counted_is_cleared(owner: OwnCounters, slots: list[Slot]) -> None:
    for _ in range(5):
        assert claim(slots[0])
    owner.take(0)
    owner.clear(0)
    assert owner.qsize() == 0
    assert [claim(slots[1]) for _ in range(6)] == [True] * 5 + [False]


def test_the_last_slot_counts_too(owner: OwnCounters, path: Path) -> None:
    last = CONNECTIONS_MAX - 1
    slot = Slot(path, last)
    owner.use(last)
    assert claim(slot) and owner.qsize() == 1
    owner.take(last)
    assert owner.qsize() == 0
    slot.close()


def test_the_bound_holds_in_any_order_of_steps(owner: OwnCounters, slots: list[Slot]) -> None:
    chance = random.Random(read_seed())
    inside = [0] * 8
    for _ in range(20_000):
        number = chance.randrange(8)
        step = chance.choice(("claim", "claim", "take", "unclaim", "clear"))
        if step == "claim":
            assert claim(slots[number]) == (sum(inside) < 5)
            inside[number] += sum(inside) < 5
        elif step == "clear":
            owner.clear(number)
            inside[number] = 0
        elif inside[number]:
            if step == "take":
                owner.take(number)
            else:
                slots[number].unclaim()
            inside[number] -= 1
        assert owner.qsize() == sum(inside) <= 5
