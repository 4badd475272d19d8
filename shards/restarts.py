"""When an ended process is restarted: immediately, or with growing delays if it fails repeatedly."""

import time
from collections.abc import Callable

from shards.limits import RESTART_PAUSE_MAX_S, RESTART_PAUSE_MIN_S, RESTART_STABLE_S


class Restarts:
    """The restart schedule of one process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``monotonic`` returns seconds that never jump."""
        self._monotonic = monotonic
        self.due_at = monotonic()  # of the next start; meaningless while it runs
        self._started_at = 0.0
        self._pause_s = 0.0

    def started(self) -> None:
        """Record that the process is started now."""
        self._started_at = self._monotonic()

    def lived_long(self) -> bool:
        """Whether it has run long enough that its end is unrelated to its start."""
        return self._monotonic() - self._started_at >= RESTART_STABLE_S

    def ended(self, *, failed: bool) -> None:
        """Record its end; ``failed``: for a reason that may persist."""
        again = failed and not self.lived_long()
        self._pause_s = min(max(2 * self._pause_s, RESTART_PAUSE_MIN_S), RESTART_PAUSE_MAX_S) if again else 0.0
        self.due_at = self._monotonic() + self._pause_s

    def is_due(self) -> bool:
        return self.due_at <= self._monotonic()
