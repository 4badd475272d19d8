"""A link's sending end: numbers without gaps, kept until confirmed."""

import pytest

from shards.engine.outbox import Outbox, Posted


def filled(count: int) -> Outbox:
    outbox = Outbox()
    for number in range(1, count + 1):
        outbox.post(1_000 + number, b"%d" % number)
    return outbox


def test_messages_are_numbered_from_one_without_gaps() -> None:
    outbox = Outbox()
    assert [outbox.post(5, b"a"), outbox.post(6, b"b")] == [1, 2]
    assert list(outbox) == [Posted(1, 5, b"a"), Posted(2, 6, b"b")]


@pytest.mark.parametrize("confirmed", [[2], [2, 1], [2, 2]], ids=["once", "an older one", "again"])
def test_messages_stay_until_they_are_confirmed(confirmed: list[int]) -> None:
    outbox = filled(5)
    for number in confirmed:
        outbox.confirm(number)
    assert [posted.number for posted in outbox] == [3, 4, 5]
    assert (len(outbox), outbox.confirmed, outbox.last_number) == (3, 2, 5)


@pytest.mark.parametrize(
    ("confirmed", "number", "given"),
    [(0, 3, [4, 5]), (0, 0, [1, 2, 3, 4, 5]), (0, 5, []), (0, 7, []), (3, 1, [4, 5])],
    ids=["the rest", "all", "nothing is left", "ahead of its sender", "never what was confirmed"],
)
def test_a_receiver_gets_what_is_past_its_number(confirmed: int, number: int, given: list[int]) -> None:
    outbox = filled(5)
    outbox.confirm(confirmed)
    assert [posted.number for posted in outbox.after(number)] == given


def test_numbers_go_on_after_everything_is_confirmed() -> None:
    outbox = filled(3)
    outbox.confirm(3)
    assert (len(outbox), outbox.confirmed) == (0, 3)
    assert outbox.post(9, b"d") == 4
    assert outbox.confirmed == 3


def test_a_restored_outbox_is_the_one_that_was_stored() -> None:
    outbox = filled(5)
    outbox.confirm(2)
    again = Outbox(outbox.last_number)
    for posted in outbox:
        again.restore(posted)
    assert (list(again), again.confirmed, again.post(1, b"f")) == (list(outbox), 2, 6)
