"""How much the crash tests do: CI's share, times SHARDEX_CRASH_ROUNDS."""

import random

from tests.model.seeds import read_count, read_seed

ROUNDS = read_count("SHARDEX_CRASH_ROUNDS", 1)


def times(count: int) -> int:
    """How often to do what CI does ``count`` times."""
    return count * ROUNDS


def make_random() -> random.Random:
    """A source of chance whose seed is printed."""
    return random.Random(read_seed())
