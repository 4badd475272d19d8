"""One thread's loop: sockets that are ready, greenlets that wait.

The hub lives in the main greenlet. Whoever waits is a greenlet of its own and hands control back to the hub, which
returns to it when what it waits for is there or its time is up. No locks are needed: control changes hands only where
somebody waits. A fault in one of those whom the hub calls is logged, and costs the others nothing.
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
    """What one greenlet waits for, once."""

    __slots__ = ("_greenlet", "_hub", "done")

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._greenlet: greenlet | None = None
        self.done = False

    def finish(self) -> None:
        """What was waited for is there."""
        self.done = True
        if self._greenlet is not None:
            self._hub.wake(self, self._greenlet)

    def wait(self, seconds: float) -> bool:
        """Whether it was finished in time."""
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
    """The loop. ``main`` is the greenlet that made it and runs it."""

    def __init__(self, idle_count_max: int = IDLE_COUNT_MAX) -> None:
        """``idle_count_max``: greenlets kept for what comes next."""
        self.main = getcurrent()
        self._idle_count_max = idle_count_max
        self.now = time.monotonic()  # of this turn
        self.turn_id = 0  # another in each turn, and again for what a turn comes to after its sockets
        self._poller = Poller()
        self._ready: list[greenlet] = []
        self._idle: list[greenlet] = []  # whose last run has ended
        self._soon: list[Callable[[], None]] = []
        self._waiting: dict[Waiter, tuple[greenlet, float]] = {}  # until when
        self._expire_at = inf  # not later than the first of them
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_number = count()
        self._before_waiting: list[Callable[[], None]] = []

    # Sockets

    def watch(self, sock: Any, events: int, ready: Ready) -> None:
        """Tell ``ready`` whenever ``sock`` is; in the place of what was said of it before."""
        self._poller.watch(sock, events, ready)

    def unwatch(self, sock: Any) -> None:
        """Not any more. Before the socket is closed."""
        self._poller.unwatch(sock)

    # Time

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do it once, after so long."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._timer_number), act))

    def soon(self, act: Callable[[], None]) -> None:
        """Do it once, in this turn or the next."""
        self._soon.append(act)

    def before_waiting(self, act: Callable[[], None]) -> None:
        """Do it in each turn, when all that was ready has been served."""
        self._before_waiting.append(act)

    # Greenlets

    def spawn(self, run: Callable[[], None]) -> None:
        """Run it as a greenlet, until it ends or first waits. Only from the hub's own greenlet, whose turn goes on."""
        if self._idle:
            worker = self._idle.pop()
            worker.gr_context = Context()  # nothing of whom it served before
        else:
            worker = greenlet(self._work, self.main)
            worker.switch()  # what it begins with it holds for ever
        worker.switch(run)

    def _work(self) -> None:
        """What a greenlet does: one run after the other. A new one costs a stack, which is mapped and unmapped."""
        me = getcurrent()
        while True:
            run: Callable[[], None] = self.main.switch()
            run()
            del run  # and what hangs on it: a request, its answer
            if len(self._idle) >= self._idle_count_max:
                return
            self._idle.append(me)

    def give_turn(self) -> None:
        """Let all others have their turn."""
        me = getcurrent()
        if me is not self.main:
            self._ready.append(me)
            self.main.switch()

    def park(self, waiter: Waiter, seconds: float) -> None:
        """Hand control to the hub, until the waiter is finished or its time is up."""
        until = time.monotonic() + seconds
        self._waiting[waiter] = getcurrent(), until
        if until < self._expire_at:
            self._expire_at = until
        self.main.switch()

    def wake(self, waiter: Waiter, waiting: greenlet) -> None:
        """Return to it in this turn or the next."""
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
        """One turn; waits at most so long for something to do."""
        self.turn_id += 1
        for tell, events in self._poller.poll(self._bounded(patience_s)):
            try:
                tell(events)
            except Exception:
                _log_fault()
        self.now = time.monotonic()
        while self._timers and self._timers[0][0] <= self.now:
            _run(heapq.heappop(self._timers)[2])
        if self.now >= self._expire_at:
            self._expire()
        self.turn_id += 1
        ready, self._ready = self._ready, []
        for each in ready:
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
        """Turn until it is so, at most so long."""
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
        """Wake those whose time is up; the next look is when the next one's is."""
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
    """The hub of this process; None where waiting means to block a thread."""
    return _current


def make_current() -> Hub:
    """Make this greenlet the hub of its process."""
    global _current
    _current = Hub()
    return _current


def give_turn() -> None:
    """A turn for the others, greenlets or threads, in the midst of long work."""
    if _current is not None:
        _current.give_turn()
    else:
        time.sleep(0)
