"""The event loop: each waiter is resumed once, in time, and none is forgotten."""

import random
import socket
import time
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from itertools import pairwise
from typing import Final

import pytest
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from web.server.hub import Hub, Waiter
from web.server.poller import READ, WRITE

LONG_S: Final = 30.0  # never reached: a test that waits so long has failed
SHORT_S: Final = 0.05


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    one.setblocking(False)
    yield one, other
    one.close()
    other.close()


def turn_until(hub: Hub, reached: Callable[[], bool]) -> None:
    hub.turn_until(reached, LONG_S)
    assert reached()


class Waits:
    """Greenlets that wait, and whether each was finished in time."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.outcomes: list[tuple[int, bool]] = []

    def begin(self, number: int, seconds: float) -> Waiter:
        waiter = Waiter(self._hub)
        self._hub.spawn(lambda: self.outcomes.append((number, waiter.wait(seconds))))
        return waiter


def test_finished_before_it_waits(hub: Hub) -> None:
    waiter = Waiter(hub)
    waiter.finish()
    outcomes: list[bool] = []
    hub.spawn(lambda: outcomes.append(waiter.wait(LONG_S)))
    assert outcomes == [True]


def test_finished_while_it_waits(hub: Hub) -> None:
    waits = Waits(hub)
    waiter = waits.begin(1, LONG_S)
    assert waits.outcomes == []
    waiter.finish()
    assert waits.outcomes == []  # in the hub's turn, not in the midst of whoever finished it
    waiter.finish()
    turn_until(hub, lambda: bool(waits.outcomes))
    hub.turn(0)
    assert waits.outcomes == [(1, True)]


def test_a_second_wait_is_not_woken_by_the_first(hub: Hub) -> None:
    first, second = Waiter(hub), Waiter(hub)
    outcomes: list[bool] = []

    def wait() -> None:
        outcomes.append(first.wait(LONG_S))
        outcomes.append(second.wait(LONG_S))

    hub.spawn(wait)
    first.finish()
    first.finish()
    turn_until(hub, lambda: len(outcomes) == 1)
    first.finish()
    hub.turn(0)
    assert outcomes == [True]
    second.finish()
    turn_until(hub, lambda: len(outcomes) == 2)
    assert outcomes == [True, True]


def test_finished_too_late(hub: Hub) -> None:
    waits = Waits(hub)
    waiter = waits.begin(1, SHORT_S)
    turn_until(hub, lambda: bool(waits.outcomes))
    waiter.finish()
    hub.turn(0)
    assert waits.outcomes == [(1, False)]


def test_finished_in_the_turn_of_its_end(hub: Hub) -> None:
    """It is resumed once, and counts as finished."""
    waits = Waits(hub)
    waiter = waits.begin(1, 0.0)
    hub.later(0, waiter.finish)
    turn_until(hub, lambda: bool(waits.outcomes))
    hub.turn(0)
    assert waits.outcomes == [(1, True)]


def test_the_hub_itself_may_wait(hub: Hub) -> None:
    waiter = Waiter(hub)
    hub.later(SHORT_S, waiter.finish)
    assert waiter.wait(LONG_S)
    assert not Waiter(hub).wait(SHORT_S)


def test_each_is_expired_in_its_time(hub: Hub) -> None:
    """Whatever the order they came in: none before its time, and the hub does not sleep past the first one's."""
    waits = Waits(hub)
    ends: dict[int, float] = {}
    start = time.monotonic()
    for number, seconds in enumerate([LONG_S, 0.3, 0.1, 0.2, LONG_S]):
        ends[number] = start + seconds
        waits.begin(number, seconds)
    while len(waits.outcomes) < 3:
        before = len(waits.outcomes)
        hub.turn(LONG_S)
        for number, in_time in waits.outcomes[before:]:
            assert not in_time
            assert time.monotonic() >= ends[number]
        assert time.monotonic() < start + LONG_S / 2
    assert [number for number, _ in waits.outcomes] == [2, 3, 1]


def test_none_is_lost_and_none_resumed_twice(hub: Hub) -> None:
    """A thousand that wait, some finished by the clock, some by each other, some never."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    waits = Waits(hub)
    waiters: list[Waiter] = []
    for number in range(1_000):
        waiters.append(waits.begin(number, chance.uniform(0, 0.3)))
        match chance.randrange(4):
            case 0:
                hub.later(chance.uniform(0, 0.4), waiters[-1].finish)
            case 1:
                hub.soon(chance.choice(waiters).finish)
            case 2:
                chance.choice(waiters).finish()
        if chance.random() < 0.02:
            hub.turn(0)
    turn_until(hub, lambda: len(waits.outcomes) == len(waiters))
    hub.turn_until(lambda: False, 0.5)
    assert sorted(number for number, _ in waits.outcomes) == list(range(len(waiters)))
    assert all(waiters[number].done for number, in_time in waits.outcomes if in_time)


def test_greenlets_take_turns(hub: Hub) -> None:
    steps: list[str] = []

    def work(name: str) -> None:
        for _ in range(5):
            steps.append(name)
            hub.give_turn()

    for name in "abc":
        hub.spawn(lambda name=name: work(name))  # type: ignore[misc]
    turn_until(hub, lambda: len(steps) == 15)
    hub.turn(0)
    assert steps == ["a", "b", "c"] * 5


def test_long_work_keeps_no_socket_waiting(hub: Hub, pair: tuple[socket.socket, socket.socket]) -> None:
    own, other = pair
    heard: list[int] = []
    turns = 0

    def work() -> None:
        nonlocal turns
        while not heard:
            turns += 1
            hub.give_turn()

    hub.watch(own, READ, lambda _: heard.append(len(own.recv(10))))
    hub.spawn(work)
    other.send(b"abc")
    turn_until(hub, lambda: bool(heard))
    assert turns <= 2


def test_give_turn_in_the_hub_itself_is_nothing(hub: Hub) -> None:
    hub.give_turn()
    assert getcurrent() is hub.main


def test_timers_in_their_order(hub: Hub) -> None:
    done: list[int] = []
    for number in (3, 1, 2):
        hub.later(0.03 * number, lambda number=number: done.append(number))  # type: ignore[misc]
    hub.later(0.03, lambda: done.append(10))  # at the same time: who came first
    start = time.monotonic()
    turn_until(hub, lambda: len(done) == 4)
    assert time.monotonic() - start >= 0.09
    assert done == [1, 10, 2, 3]


def test_soon_is_once_and_in_order(hub: Hub) -> None:
    done: list[str] = []

    def first() -> None:
        done.append("first")
        hub.soon(lambda: done.append("of the first"))

    hub.soon(first)
    hub.soon(lambda: done.append("second"))
    hub.turn(LONG_S)
    hub.turn(LONG_S)
    hub.turn(0)
    assert done == ["first", "second", "of the first"]


def test_wait_for_a_socket(hub: Hub, pair: tuple[socket.socket, socket.socket]) -> None:
    own, other = pair
    outcomes: list[bool] = []

    def wait() -> None:
        outcomes.append(hub.wait_for(own, WRITE, LONG_S))
        outcomes.append(hub.wait_for(own, READ, SHORT_S))
        outcomes.append(hub.wait_for(own, READ, LONG_S))

    hub.spawn(wait)
    turn_until(hub, lambda: len(outcomes) == 2)
    other.send(b"a")
    turn_until(hub, lambda: len(outcomes) == 3)
    assert outcomes == [True, False, True]
    hub.unwatch(own)  # nobody watches it any more: nothing to undo
    assert own.recv(1) == b"a"


def test_the_last_registration_counts(hub: Hub, pair: tuple[socket.socket, socket.socket]) -> None:
    own, other = pair
    heard: list[str] = []
    hub.watch(own, WRITE, lambda _: heard.append("write"))
    hub.watch(own, READ, lambda _: heard.append("read"))
    hub.turn(0)
    assert heard == []
    other.send(b"a")
    hub.turn(LONG_S)
    hub.unwatch(own)
    hub.turn(0)
    assert heard == ["read"]


def test_before_waiting_comes_last(hub: Hub) -> None:
    done: list[str] = []
    hub.before_waiting(lambda: done.append("last"))
    hub.soon(lambda: done.append("soon"))
    hub.later(0, lambda: done.append("timer"))
    hub.turn(LONG_S)
    assert done == ["timer", "soon", "last"]


def test_a_fault_affects_no_other(
    hub: Hub, pair: tuple[socket.socket, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    """In a callback, a timer, or a greenlet when it is resumed."""
    own, other = pair
    waits = Waits(hub)

    def fail(*_: object) -> None:
        raise ValueError("ours")

    def wait_and_fail() -> None:
        hub.give_turn()
        fail()

    hub.watch(own, READ, lambda _: fail(own.recv(1)))
    other.send(b"a")
    hub.later(0, fail)
    hub.soon(fail)
    waiters = []
    for number in range(3):
        hub.spawn(wait_and_fail)
        waiters.append(waits.begin(number, LONG_S))
    for waiter in waiters:
        waiter.finish()
    turn_until(hub, lambda: len(waits.outcomes) == 3)
    hub.turn(0)
    assert [record.exc_info is not None for record in caplog.records] == [True] * 6


def test_an_exit_ends_the_loop(hub: Hub) -> None:
    """Gunicorn's signal handlers raise it in whichever greenlet runs."""

    def leave() -> None:
        hub.give_turn()
        raise SystemExit(3)

    hub.spawn(leave)
    with pytest.raises(SystemExit):
        hub.turn(LONG_S)


def test_greenlets_are_reused_and_few_are_kept() -> None:
    hub = Hub(idle_count_max=4)
    made: list[greenlet] = []

    def spawn_ten() -> None:
        made.clear()
        for _ in range(10):
            hub.spawn(lambda: (made.append(getcurrent()), hub.give_turn()))  # type: ignore[arg-type,return-value]
        assert len(set(made)) == 10  # all are under way at once
        hub.turn(LONG_S)

    spawn_ten()
    kept = [each for each in made if not each.dead]
    assert len(kept) == 4
    spawn_ten()
    assert set(kept) < set(made)


def test_nothing_of_a_run_is_left_for_the_next(hub: Hub) -> None:
    class Held:
        pass

    def remember(held: Held) -> None:
        left.set("by the run before")

    left: ContextVar[str] = ContextVar("left", default="nothing")
    outcomes: list[str] = []
    held = Held()
    gone = weakref.ref(held)
    hub.spawn(partial(remember, held))
    del held
    assert gone() is None
    hub.spawn(lambda: outcomes.append(left.get()))
    assert outcomes == ["nothing"]


def test_the_greenlet_of_an_exit_is_not_reused(hub: Hub) -> None:
    """A fault of the program does not hand a broken greenlet to the next run."""

    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        hub.spawn(leave)
    ran: list[bool] = []
    hub.spawn(lambda: ran.append(True))
    assert ran == [True]


def test_waiting_costs_no_turns(hub: Hub) -> None:
    """A long wait does not make the loop poll."""
    waits = Waits(hub)
    for number in range(100):
        waits.begin(number, LONG_S)
    ends = [time.monotonic()]
    for _ in range(3):
        hub.turn(0.2)
        ends.append(time.monotonic())
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(ends))
