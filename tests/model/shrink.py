"""Making a failing list of steps small: leave out as much as still fails."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Step = TypeVar("Step")


def shrink(steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool], budget: int) -> list[Step]:
    """A part of ``steps`` that still fails, in order. ``budget``: how many steps may be tried in all."""
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
