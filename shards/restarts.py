"""When a process that has ended is started again: at once, or later and later if it fails again and again."""

import time

from shards.limits import RESTART_PAUSE_MAX_S, RESTART_PAUSE_MIN_S, RESTART_STABLE_S


class Restarts:
    """Of one process."""

    def __init__(self) -> None:
        self.due_at = time.monotonic()  # of the next start; meaningless while it runs
        self._started_at = 0.0
        self._pause_s = 0.0

    def started(self) -> None:
        """It is started now."""
        self._started_at = time.monotonic()

    def lived_long(self) -> bool:
        """Whether it has run for so long by now that its end says nothing of its start."""
        return time.monotonic() - self._started_at >= RESTART_STABLE_S

    def ended(self, *, failed: bool) -> None:
        """It has ended; ``failed``: for a reason that may be there again."""
        again = failed and not self.lived_long()
        self._pause_s = min(max(2 * self._pause_s, RESTART_PAUSE_MIN_S), RESTART_PAUSE_MAX_S) if again else 0.0
        self.due_at = time.monotonic() + self._pause_s

    def is_due(self) -> bool:
        """Whether to start it now."""
        return self.due_at <= time.monotonic()
