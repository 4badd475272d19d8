"""Wrong operator keys: counted, logged without the key, and rejected with increasing delay.

A client that sends one after the other waits for each rejection, twice as long each time, up to a bound. Only a bounded
number of an address's rejections wait at a time; further keys from it are rejected unread meanwhile. Nobody else is
delayed, and a valid key never is. Each worker tracks a bounded number of addresses on its own; with shared rate limits,
the number that all workers have counted in the last minute is passed in with each key.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from web.server import hub as hubs
from web.server.hub import Waiter

FREE_COUNT: Final = 5  # wrong keys of an address that are rejected without delay: typos
WAIT_MIN_S: Final = 0.1  # for the next one
WAIT_MAX_S: Final = 0.8  # all responses come within a second
ADDRESS_WAITING_MAX: Final = 4  # delayed rejections of one address at a time: so many keys can be tried in this time
WAITING_MAX: Final = 256  # of all addresses, where each is a greenlet; beyond, rejections are not delayed
THREADS_WAITING_MAX: Final = 4  # where each blocks a thread
ADDRESS_COUNT_MAX: Final = 1_024  # tracked; the least recently active one is dropped
FORGET_S: Final = 300.0  # without a wrong key, an address starts over

_log: Final = logging.getLogger("web.wrong_keys")


class _Address:
    """Recent wrong keys of an address."""

    __slots__ = ("count", "last_s", "waiting")

    def __init__(self) -> None:
        self.count = 0
        self.last_s = 0.0
        self.waiting = 0


class WrongKeys:
    """One worker's record. Thread-safe."""

    def __init__(
        self,
        count: Callable[[], None],
        wait_max_s: float = WAIT_MAX_S,
        address_count_max: int = ADDRESS_COUNT_MAX,
    ) -> None:
        """``count`` is called for each wrong key; ``wait_max_s``: the longest delay."""
        self._count = count
        self._wait_max_s = wait_max_s
        self._address_count_max = address_count_max
        self._addresses: OrderedDict[str, _Address] = OrderedDict()  # the least recently active first
        self._waiting = 0
        self._lock = threading.Lock()

    def is_checked(self, address: str) -> bool:
        """Whether a key from this address is checked now; if not, it counts as a wrong one."""
        with self._lock:
            known = self._addresses.get(address)
            if known is None or known.waiting < ADDRESS_WAITING_MAX:
                return True
        self._count()
        return False

    def note(self, address: str, counted: int = 0) -> None:
        """Count and log a wrong key, and wait for as long as is due.

        ``counted``: recent wrong keys from the address, counted by all workers.
        """
        self._count()
        with self._lock:
            known = self._take(address)
            count = known.count
            waiting_max = THREADS_WAITING_MAX if hubs.current() is None else WAITING_MAX
            due = max(count, counted)
            wait_s = 0.0 if due <= FREE_COUNT or self._waiting >= waiting_max else self._wait_s(due)
            known.waiting += wait_s > 0
            self._waiting += wait_s > 0
        if not count & (count - 1):  # 1, 2, 4, 8 …: an attacker cannot fill the disk
            _log.warning("wrong operator key from %s (recent attempts: %d)", address, count)
        if wait_s:
            try:
                _sleep(wait_s)
            finally:
                with self._lock:
                    known.waiting -= 1
                    self._waiting -= 1

    def _take(self, address: str) -> _Address:
        now_s = time.monotonic()
        known = self._addresses.pop(address, None)
        if known is None or (now_s - known.last_s > FORGET_S and not known.waiting):
            known = _Address()
        if len(self._addresses) >= self._address_count_max:
            self._addresses.popitem(last=False)
        self._addresses[address] = known
        known.count += 1
        known.last_s = now_s
        return known

    def _wait_s(self, count: int) -> float:
        return float(min(WAIT_MIN_S * 2 ** min(count - FREE_COUNT - 1, 16), self._wait_max_s))


def _sleep(seconds: float) -> None:
    """Wait, letting other requests proceed."""
    hub = hubs.current()
    if hub is None:
        time.sleep(seconds)
    else:
        Waiter(hub).wait(seconds)
