"""When what has ended is started again."""

from types import SimpleNamespace

import pytest

from shards import restarts
from shards.limits import RESTART_PAUSE_MAX_S, RESTART_PAUSE_MIN_S, RESTART_STABLE_S
from shards.restarts import Restarts


class Clock:
    """Moved by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr(restarts, "time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


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


def test_what_fails_again_and_again_is_started_later_and_later(clock: Clock) -> None:
    made = Restarts()
    assert made.is_due()
    pauses = [live(made, clock, 1) for _ in range(10)]
    assert pauses[:3] == [RESTART_PAUSE_MIN_S, 2 * RESTART_PAUSE_MIN_S, 4 * RESTART_PAUSE_MIN_S]
    assert pauses == sorted(pauses) and pauses[-1] == RESTART_PAUSE_MAX_S


@pytest.mark.parametrize(("seconds", "failed"), [(RESTART_STABLE_S, True), (1, False)], ids=["lived long", "killed"])
def test_what_does_not_fail_is_started_at_once(clock: Clock, seconds: float, failed: bool) -> None:
    made = Restarts()
    for _ in range(3):
        live(made, clock, 1)
    assert live(made, clock, seconds, failed=failed) == 0
    assert live(made, clock, 1) == RESTART_PAUSE_MIN_S, "it begins anew"
