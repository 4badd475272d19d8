"""On the PYTHONPATH of an exchange under test: its time of day is off by what stands in a file, seconds.

Python imports a module of this name when it starts. The file is named in CLOCK_FILE; until it is there, the time is
right. Time that only passes is left alone, as it is when a real clock is set.
"""

import os
import time
from pathlib import Path

FILE = Path(os.environ["CLOCK_FILE"])
real_ns = time.time_ns


def off_ns() -> int:
    """By how much, now."""
    return int(float(FILE.read_text()) * 1e9) if FILE.exists() else 0


time.time_ns = lambda: real_ns() + off_ns()
time.time = lambda: time.time_ns() / 1e9
