"""The time of day, as deadlines and stamps count it, and time that only passes, as patience counts it."""

import time


def now_ms() -> int:
    """Unix milliseconds. May step; whoever needs it to go forward only sees to that."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds since some moment, the same for all processes. Never steps; of use until the machine restarts."""
    return time.monotonic_ns() // 1_000_000
