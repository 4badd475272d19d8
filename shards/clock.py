"""The time of day in Unix milliseconds, as deadlines and stamps count it."""

import time


def now_ms() -> int:
    """Unix milliseconds. May step; whoever needs it to go forward only sees to that."""
    return time.time_ns() // 1_000_000
