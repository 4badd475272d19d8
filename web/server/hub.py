"""One thread's event loop: sockets that are ready, greenlets that wait.

The hub runs in the main greenlet. Everything that waits is a greenlet of its own and yields to the hub, which resumes
it when what it waits for is ready or its timeout expires. No locks are needed: greenlets switch only where they wait.
An exception in one callback or greenlet is logged and does not affect the others.
"""

import heapq
import logging
import time
from collections.abc import Callable
from contextvars import Context
from itertools import count
from math import inf
from typing import Any, Final

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from web.server.limits import EXPIRE_S, IDLE_COUNT_MAX
from web.server.poller import Poller, Ready

_log: Final = logging.getLogger("gunicorn.error")


class Waiter:
    """A one-shot event that a single greenlet waits for."""

    __slots__ = ("_greenlet", "_hub", "done")

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._greenlet: greenlet | None = None
        self.done = False

    def finish(self) -> None:
        """Signal that the awaited event has happened."""
        self.done = True
        if self._greenlet is not None:
            self._hub.wake(self, self._greenlet)

    def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds``; whether it was finished in time."""
        if not self.done:
            me = getcurrent()
            if me is self._hub.main:
                self._hub.turn_until(lambda: self.done, seconds)
            else:
                self._greenlet = me
                self._hub.park(self, seconds)
                self._greenlet = None
        return self.done


class Hub:
    """The event loop. ``main`` is the greenlet that created it and runs it."""

    def __init__(self, idle_count_max: int = IDLE_COUNT_MAX) -> None:
        """``idle_count_max``: idle greenlets kept for reuse."""
        self.main = getcurrent()
        self._idle_count_max = idle_count_max
        self.now = time.monotonic()  # time of the current turn
        self.turn_id = 0  # changes in each turn, and again before what follows the sockets in a turn
        self._poller = Poller()
        self._ready: list[greenlet] = []
        self._idle: list[greenlet] = []  # their last run has ended
        self._soon: list[Callable[[], None]] = []
        self._waiting: dict[Waiter, tuple[greenlet, float]] = {}  # with the deadline of each
        self._expire_at = inf  # not later than the first deadline
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_number = count()
        self._before_waiting: list[Callable[[], None]] = []

    # Sockets

    def watch(self, sock: Any, events: int, ready: Ready) -> None:
        """Call ``ready`` whenever ``sock`` is ready; replaces an earlier registration."""
        self._poller.watch(sock, events, ready)

    def unwatch(self, sock: Any) -> None:
        """Stop watching. Call before the socket is closed."""
        self._poller.unwatch(sock)

    def close(self) -> None:
        """Release the descriptor of its own."""
        self._poller.close()

    # Time

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Run ``act`` once, after ``seconds``."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._timer_number), act))

    def soon(self, act: Callable[[], None]) -> None:
        """Run ``act`` once, in this turn or the next."""
        self._soon.append(act)

    def before_waiting(self, act: Callable[[], None]) -> None:
        """Run ``act`` at the end of each turn, once everything that was ready has been served."""
        self._before_waiting.append(act)

    # Greenlets

    def spawn(self, run: Callable[[], None]) -> None:
        """Run it as a greenlet until it ends or first waits. Only from the hub's own greenlet."""
        if self._idle:
            worker = self._idle.pop()
            worker.gr_context = Context()  # drops the context variables of the previous run
        else:
            worker = greenlet(self._work, self.main)
            worker.switch()  # arguments of the first switch stay referenced as long as the greenlet lives
        worker.switch(run)

    def _work(self) -> None:
        """A greenlet's loop: one run after the other. A new greenlet costs mapping and unmapping a stack."""
        me = getcurrent()
        while True:
            run: Callable[[], None] = self.main.switch()
            run()
            del run  # and what it references: a request, its response
            if len(self._idle) >= self._idle_count_max:
                return
            self._idle.append(me)

    def give_turn(self) -> None:
        """Yield to all other greenlets once."""
        me = getcurrent()
        if me is not self.main:
            self._ready.append(me)
            self.main.switch()

    def park(self, waiter: Waiter, seconds: float) -> None:
        """Yield to the hub until the waiter is finished or ``seconds`` have passed."""
        until = time.monotonic() + seconds
        self._waiting[waiter] = getcurrent(), until
        if until < self._expire_at:
            self._expire_at = until
        self.main.switch()

    def wake(self, waiter: Waiter, waiting: greenlet) -> None:
        """Resume the greenlet in this turn or the next."""
        if self._waiting.pop(waiter, None) is not None:
            self._ready.append(waiting)

    def wait_for(self, sock: Any, events: int, seconds: float) -> bool:
        """Whether ``sock`` becomes ready in time. It must not be watched otherwise."""
        waiter = Waiter(self)
        self.watch(sock, events, lambda _: waiter.finish())
        try:
            return waiter.wait(seconds)
        finally:
            self.unwatch(sock)

    # The loop

    def turn(self, patience_s: float) -> None:
        """Run one turn; blocks at most ``patience_s`` for something to do."""
        self.turn_id += 1
        for ready, events in self._poller.poll(self._bounded(patience_s)):
            try:
                ready(events)
            except Exception:
                _log_fault()
        self.now = time.monotonic()
        while self._timers and self._timers[0][0] <= self.now:
            _run(heapq.heappop(self._timers)[2])
        if self.now >= self._expire_at:
            self._expire()
        self.turn_id += 1
        resumed, self._ready = self._ready, []
        for each in resumed:
            _run(each.switch)
        soon, self._soon = self._soon, []
        self.turn_id += 1
        for act in soon:
            _run(act)
        self._finish_turn()

    def _finish_turn(self) -> None:
        for act in self._before_waiting:
            _run(act)

    def turn_until(self, reached: Callable[[], bool], seconds: float) -> None:
        """Run turns until ``reached`` is true, for at most ``seconds``."""
        until = time.monotonic() + seconds
        self._finish_turn()
        while not reached() and (left := until - time.monotonic()) > 0:
            self.turn(left)

    def _bounded(self, patience_s: float) -> float:
        if self._ready or self._soon:
            return 0
        at = min(self._expire_at, self._timers[0][0]) if self._timers else self._expire_at
        return min(patience_s, max(0.0, at - time.monotonic())) if at < inf else patience_s

    def _expire(self) -> None:
        """Wake waiters whose deadline has passed, and compute when to check next."""
        first = inf
        for waiter, (waiting, until) in list(self._waiting.items()):
            if until <= self.now:
                self.wake(waiter, waiting)
            elif until < first:
                first = until
        self._expire_at = max(first, self.now + EXPIRE_S)


def _run(act: Callable[[], object]) -> None:
    try:
        act()
    except Exception:
        _log_fault()


def _log_fault() -> None:
    _log.exception("fault in the worker's loop")


_current: Hub | None = None


def current() -> Hub | None:
    """The hub of this process; None where waiting blocks a thread."""
    return _current


def make_current() -> Hub:
    """Make this greenlet the hub of its process."""
    global _current
    _current = Hub()
    return _current


def give_turn() -> None:
    """Yield to other greenlets or threads during long work."""
    if _current is not None:
        _current.give_turn()
    else:
        time.sleep(0)
