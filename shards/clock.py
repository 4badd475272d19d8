"""The clocks: the time of day for deadlines and stamps, and monotonic time for waiting."""

import time


def now_ms() -> int:
    """Return Unix milliseconds. May jump; callers that need monotonic stamps must ensure it themselves."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Return milliseconds since an arbitrary moment, the same for all processes. Never jumps; reset by a reboot."""
    return time.monotonic_ns() // 1_000_000
