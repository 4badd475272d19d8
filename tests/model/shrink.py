"""Minimizing a failing list of steps: leave out as many as possible."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Step = TypeVar("Step")


def shrink(steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool], budget: int) -> list[Step]:
    """A subsequence of ``steps`` that still fails. ``budget``: maximum number of steps executed in all attempts."""
    kept = list(steps)
    size = len(kept) // 2
    while size:
        start = len(kept) - size
        while start > -size and budget > 0:
            tried = kept[: max(0, start)] + kept[start + size :]
            budget -= len(tried)
            if fails(tried):
                kept = tried
            start -= size
        size //= 2
    return kept
