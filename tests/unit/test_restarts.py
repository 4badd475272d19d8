"""When what has ended is started again."""

import pytest

from shards.limits import RESTART_PAUSE_MAX_S, RESTART_PAUSE_MIN_S, RESTART_STABLE_S
from shards.restarts import Restarts


class Clock:
    """Moved by the test."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def live(made: Restarts, clock: Clock, seconds: float, *, failed: bool = True) -> float:
    """It is started, lives so long, and ends; after how long it is due again."""
    made.started()
    clock.now += seconds
    made.ended(failed=failed)
    pause = round(made.due_at - clock.now, 6)
    assert made.is_due() == (pause <= 0)
    clock.now = made.due_at
    assert made.is_due()
    return pause


def test_what_fails_again_and_again_is_started_later_and_later() -> None:
    clock = Clock()
    made = Restarts(clock)
    assert made.is_due()
    pauses = [live(made, clock, 1) for _ in range(10)]
    assert pauses[:3] == [RESTART_PAUSE_MIN_S, 2 * RESTART_PAUSE_MIN_S, 4 * RESTART_PAUSE_MIN_S]
    assert pauses == sorted(pauses) and pauses[-1] == RESTART_PAUSE_MAX_S


@pytest.mark.parametrize(("seconds", "failed"), [(RESTART_STABLE_S, True), (1, False)], ids=["lived long", "killed"])
def test_what_does_not_fail_is_started_at_once(seconds: float, failed: bool) -> None:
    clock = Clock()
    made = Restarts(clock)
    for _ in range(3):
        live(made, clock, 1)
    assert live(made, clock, seconds, failed=failed) == 0
    assert live(made, clock, 1) == RESTART_PAUSE_MIN_S, "it begins anew"
