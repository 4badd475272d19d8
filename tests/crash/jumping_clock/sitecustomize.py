"""On the PYTHONPATH of an exchange under test: its time of day is off by what stands in a file, seconds.

Python imports a module of this name when it starts. The file is named in CLOCK_FILE; until it is there, the time is
right. Time that only passes is left alone, as it is when a real clock is set. SIGUSR1 makes a process do nothing but
compute for COMPUTE_S seconds, as if a command were so large.
"""

import os
import signal
import time
from pathlib import Path

FILE = Path(os.environ["CLOCK_FILE"])
real_ns = time.time_ns


def off_ns() -> int:
    """By how much, now."""
    return int(float(FILE.read_text()) * 1e9) if FILE.exists() else 0


def compute(*_: object) -> None:
    """A large command."""
    until = time.monotonic() + float(os.environ["COMPUTE_S"])
    while time.monotonic() < until:
        pass


signal.signal(signal.SIGUSR1, compute)
time.time_ns = lambda: real_ns() + off_ns()
time.time = lambda: time.time_ns() / 1e9
