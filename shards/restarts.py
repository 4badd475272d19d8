"""When an ended process is restarted: immediately, or with growing delays if it fails repeatedly."""

import time

from shards.limits import RESTART_PAUSE_MAX_S, RESTART_PAUSE_MIN_S, RESTART_STABLE_S


class Restarts:
    """The restart schedule of one process."""

    def __init__(self) -> None:
        self.due_at = time.monotonic()  # of the next start; meaningless while it runs
        self._started_at = 0.0
        self._pause_s = 0.0

    def started(self) -> None:
        """Record that the process is started now."""
        self._started_at = time.monotonic()

    def lived_long(self) -> bool:
        """Whether it has run long enough that its end is unrelated to its start."""
        return time.monotonic() - self._started_at >= RESTART_STABLE_S

    def ended(self, *, failed: bool) -> None:
        """Record its end; ``failed``: for a reason that may persist."""
        again = failed and not self.lived_long()
        self._pause_s = min(max(2 * self._pause_s, RESTART_PAUSE_MIN_S), RESTART_PAUSE_MAX_S) if again else 0.0
        self.due_at = time.monotonic() + self._pause_s

    def is_due(self) -> bool:
        return self.due_at <= time.monotonic()
