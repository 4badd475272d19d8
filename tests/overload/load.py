"""Two kinds of load: closed, where each caller waits for its answer, and open, where a clock says who comes when."""

import random
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Final

from shards.limits import DEADLINE_BULK_MS
from tests.overload.callers import Callers
from tests.overload.orders import Orders, Request

PATIENCE_S: Final = 0.05
DRAIN_S: Final = DEADLINE_BULK_MS / 1_000 + 10  # who is not answered after so long never is


class Tally:
    """What was answered in one phase, by word, and how long after each request was due."""

    def __init__(self) -> None:
        self.waits: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
        self.words: Counter[tuple[str, str]] = Counter()  # what was asked, and the word
        self.slowest: dict[str, float] = {}  # by what was asked, seconds
        self.due_count = 0  # requests that should have been sent
        self.turned_away = 0  # of these, not sent: every connection was waiting
        self.unanswered = 0
        self.in_time: Counter[str] = Counter()  # words of answers that came before the phase ended
        self.seconds = 0.0
        self.cpu_seconds = 0.0  # of whoever sends the load: what the exchange has not had

    def rate(self, word: str = "200") -> float:
        """Answers of that kind a second."""
        return self.in_time[word] / self.seconds

    def quantile(self, word: str, share: float) -> float:
        """Seconds within which that share of such answers came; 0 if there are none."""
        waits = sorted(self.waits[word])
        return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else 0.0

    def lines(self) -> list[str]:
        """For a reader."""
        sent = self.due_count - self.turned_away
        found = [
            f"  {self.due_count} due in {self.seconds:.1f} s, {sent} sent, {self.unanswered} never answered;"
            f" the sender used {self.cpu_seconds:.1f} s of CPU"
        ]
        for word, waits in sorted(self.waits.items()):
            p50, p99 = (self.quantile(word, share) * 1_000 for share in (0.5, 0.99))
            slowest = max(waits) * 1_000
            found.append(f"  {word}: {len(waits)}, p50 {p50:.0f} ms, p99 {p99:.0f} ms, slowest {slowest:.0f} ms")
        return found


class Load:
    """Sends what ``orders`` makes to one exchange."""

    def __init__(self, port: int, orders: Orders, rnd: random.Random) -> None:
        self._port = port
        self._orders = orders
        self._rnd = rnd
        self._tally = Tally()
        self._end = 0.0

    def run_closed(self, connection_count: int, seconds: float) -> Tally:
        """So many callers, each of whom asks again once answered."""

        def feed(callers: Callers, now: float) -> float:
            while callers.has_free():
                self._send(callers, now)
            return PATIENCE_S

        return self._run(connection_count, seconds, feed)

    def run_open(self, rate: float, connection_max: int, seconds: float) -> Tally:
        """``rate`` requests a second, at random moments (a Poisson process), whatever becomes of those before.

        Who finds all connections waiting goes away: nobody makes up for it later.
        """
        next_due = 0.0

        def feed(callers: Callers, now: float) -> float:
            nonlocal next_due
            next_due = next_due or now
            while next_due <= now:
                self._send(callers, next_due)
                next_due += self._rnd.expovariate(rate)
            return next_due - time.monotonic() if callers.has_free() else PATIENCE_S

        return self._run(connection_max, seconds, feed)

    def _run(self, connection_max: int, seconds: float, feed: Callable[[Callers, float], float]) -> Tally:
        self._tally = Tally()
        callers = Callers(self._port, connection_max, self._on_answer)
        try:
            callers.warm(DRAIN_S)
            start, cpu = time.monotonic(), time.process_time()
            now = start
            self._end = start + seconds
            while now < self._end:
                callers.turn(min(feed(callers, now), PATIENCE_S))
                now = time.monotonic()
            self._tally.seconds, self._tally.cpu_seconds = now - start, time.process_time() - cpu
            while callers.under_way and time.monotonic() < now + DRAIN_S:
                callers.turn(PATIENCE_S)
            self._tally.unanswered = callers.under_way
        finally:
            callers.close()
        return self._tally

    def _send(self, callers: Callers, due: float) -> None:
        self._tally.due_count += 1
        if callers.has_free():
            callers.send(self._orders.make(), due)
        else:
            self._tally.turned_away += 1

    def _on_answer(self, request: Request, status: int, body: bytes, seconds: float) -> None:
        word = self._orders.note_answer(request, status, body)
        self._tally.waits[word].append(seconds)
        self._tally.words[request.what, word] += 1
        self._tally.slowest[request.what] = max(seconds, self._tally.slowest.get(request.what, 0.0))
        if time.monotonic() < self._end:
            self._tally.in_time[word] += 1
