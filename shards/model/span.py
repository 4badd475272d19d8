"""Which part of a list is asked for: its bounds, and from which end."""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeVar

T = TypeVar("T")

NO_BOUND: Final = 2**62  # later than anything, and higher than any number of an order or trade


class Span(NamedTuple):
    """Which part of an account's orders, trades, fills or income, by (time, number), and from which end.

    From ``start_ms`` to ``end_ms``, both included, only what is older than (``before_ms``, ``before_id``), and only
    numbers from ``from_id`` on; of these the newest ``limit``, newest first, or the oldest.
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
        """The first ones from a number or a time on, else the newest ones; None for what is not bounded."""
        return cls(
            limit,
            start_ms or 0,
            NO_BOUND if end_ms is None else end_ms,
            from_id=from_id or 0,
            oldest_first=from_id is not None or start_ms is not None,
        )

    def holds(self, time_ms: int, number: int) -> bool:
        """Whether it is within the bounds."""
        return (
            self.start_ms <= time_ms <= self.end_ms
            and (time_ms, number) < (self.before_ms, self.before_id)
            and number >= self.from_id
        )

    def take(self, found: Iterable[T], age: Callable[[T], Any]) -> list[T]:
        """As many as are asked for, from the end that is asked for."""
        return sorted(found, key=age, reverse=not self.oldest_first)[: self.limit]
