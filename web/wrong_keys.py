"""Wrong operator keys: counted, told in the log without the key, and refused more and more slowly.

Whoever sends one after the other waits for each refusal, twice as long each time, up to a bound. Only so many refusals
of one address wait at a time; what comes from it meanwhile is refused unread. Nobody else waits for anything, and a
good key is never kept waiting. Each worker keeps its own account of addresses, of a bounded number; what all workers
have counted together in the last minute, where they count together, is told to it with each key.
"""

import logging
import threading
import time
from collections import OrderedDict
from typing import Final

from web.monitoring import metrics
from web.server import hub as hubs
from web.server.hub import Waiter

FREE_COUNT: Final = 5  # wrong keys of an address that are refused at once: slips of the hand
WAIT_MIN_S: Final = 0.1  # for the next one
WAIT_MAX_S: Final = 0.8  # an answer within a second, as all are
ADDRESS_WAITING_MAX: Final = 4  # refusals of one address that wait at a time: so many keys can be tried in this time
WAITING_MAX: Final = 256  # of all addresses, where each is a greenlet; beyond, a refusal waits no more
THREADS_WAITING_MAX: Final = 4  # where each is a thread that serves nobody meanwhile
ADDRESS_COUNT_MAX: Final = 1_024  # remembered; the one that was quiet longest is forgotten
FORGET_S: Final = 300.0  # without a wrong key, an address begins anew

_log: Final = logging.getLogger("web.wrong_keys")


class _Address:
    """What an address has sent lately."""

    __slots__ = ("count", "last_s", "waiting")

    def __init__(self) -> None:
        self.count = 0
        self.last_s = 0.0
        self.waiting = 0


class WrongKeys:
    """One worker's account. Threads may share it."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, _Address] = OrderedDict()  # who was quiet longest comes first
        self._waiting = 0
        self._lock = threading.Lock()

    def is_heard(self, address: str) -> bool:
        """Whether a key of this address is looked at now; if not, it counts as a wrong one."""
        with self._lock:
            known = self._addresses.get(address)
            if known is None or known.waiting < ADDRESS_WAITING_MAX:
                return True
        metrics.count_wrong_key()
        return False

    def note(self, address: str, together: int = 0) -> None:
        """A wrong key: count it, tell of it, and wait as long as is due.

        ``together``: how many came from the address to all workers lately.
        """
        metrics.count_wrong_key()
        with self._lock:
            known = self._take(address)
            count = known.count
            waiting_max = THREADS_WAITING_MAX if hubs.current() is None else WAITING_MAX
            due = max(count, together)
            wait_s = 0.0 if due <= FREE_COUNT or self._waiting >= waiting_max else _wait_s(due)
            known.waiting += wait_s > 0
            self._waiting += wait_s > 0
        if not count & (count - 1):  # 1, 2, 4, 8 …: who goes on does not fill the disk
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
        if len(self._addresses) >= ADDRESS_COUNT_MAX:
            self._addresses.popitem(last=False)
        self._addresses[address] = known
        known.count += 1
        known.last_s = now_s
        return known


def _wait_s(count: int) -> float:
    return float(min(WAIT_MIN_S * 2 ** min(count - FREE_COUNT - 1, 16), WAIT_MAX_S))


def _sleep(seconds: float) -> None:
    """Let the others go on meanwhile."""
    hub = hubs.current()
    if hub is None:
        time.sleep(seconds)
    else:
        Waiter(hub).wait(seconds)
