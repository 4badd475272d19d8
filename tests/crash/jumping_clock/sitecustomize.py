"""On the PYTHONPATH of an exchange under test: its time of day is shifted by the seconds stored in a file.

Python imports a module of this name at startup. The file is named in CLOCK_FILE; until it exists, the time is right.
The monotonic clock is not affected, as when a real clock is set. SIGUSR1 makes a process busy for COMPUTE_S seconds,
like an extremely large command.
"""

import os
import signal
import time
from pathlib import Path

FILE = Path(os.environ["CLOCK_FILE"])
real_ns = time.time_ns


def off_ns() -> int:
    """The current shift."""
    return int(float(FILE.read_text()) * 1e9) if FILE.exists() else 0


def compute(*_: object) -> None:
    """Simulates a large command."""
    until = time.monotonic() + float(os.environ["COMPUTE_S"])
    while time.monotonic() < until:
        pass


signal.signal(signal.SIGUSR1, compute)
time.time_ns = lambda: real_ns() + off_ns()
time.time = lambda: time.time_ns() / 1e9
