"""The bounds of a list query, and whether it returns the oldest or the newest."""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeVar

T = TypeVar("T")

NO_BOUND: Final = 2**62  # later than any time, higher than any order or trade number


class Span(NamedTuple):
    """Bounds on an account's orders, trades, fills or income, by (time, number).

    From ``start_ms`` to ``end_ms``, both included, only entries before (``before_ms``, ``before_id``), and only numbers
    from ``from_id`` on; of these the newest ``limit``, newest first, or the oldest.
    """

    limit: int
    start_ms: int = 0
    end_ms: int = NO_BOUND
    before_ms: int = NO_BOUND
    before_id: int = NO_BOUND
    from_id: int = 0
    oldest_first: bool = False

    @classmethod
    def since(cls, limit: int, start_ms: int | None, end_ms: int | None, from_id: int | None = None) -> "Span":
        """Return a span of the first entries from a number or time on, else of the newest; None: unbounded."""
        return cls(
            limit,
            start_ms or 0,
            NO_BOUND if end_ms is None else end_ms,
            from_id=from_id or 0,
            oldest_first=from_id is not None or start_ms is not None,
        )

    def holds(self, time_ms: int, number: int) -> bool:
        """Whether an entry is within the bounds."""
        return (
            self.start_ms <= time_ms <= self.end_ms
            and (time_ms, number) < (self.before_ms, self.before_id)
            and number >= self.from_id
        )

    def take(self, found: Iterable[T], age: Callable[[T], Any]) -> list[T]:
        """Sort and return at most ``limit`` entries, oldest or newest first."""
        return sorted(found, key=age, reverse=not self.oldest_first)[: self.limit]
