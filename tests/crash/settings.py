"""The size of the crash tests: CI's share, times SHARDEX_CRASH_ROUNDS."""

import random

from tests.model.seeds import read_count, read_seed

ROUNDS = read_count("SHARDEX_CRASH_ROUNDS", 1)


def times(count: int) -> int:
    """The number of repetitions of what CI repeats ``count`` times."""
    return count * ROUNDS


def make_random() -> random.Random:
    """A random generator whose seed is printed."""
    return random.Random(read_seed())
