"""Messages to one receiver: numbered, kept until the receiver has them on disk."""

from collections import deque
from collections.abc import Iterator
from itertools import islice

import msgspec

ARCHIVE = -2  # the only receiver that is not a shard


class Posted(msgspec.Struct, gc=False, frozen=True):
    """One numbered message."""

    number: int  # 1, 2, 3 … per (sender, receiver)
    stamp_ms: int  # the sender's time when it was created
    body: bytes


class Outbox:
    """A link's sending end. Part of the machine's state: replay fills it again."""

    __slots__ = ("_posted", "last_number")

    def __init__(self, last_number: int = 0) -> None:
        self.last_number = last_number
        self._posted: deque[Posted] = deque()

    def __len__(self) -> int:
        return len(self._posted)

    def __iter__(self) -> Iterator[Posted]:
        return iter(self._posted)

    @property
    def confirmed(self) -> int:
        """Number of the newest message known to be on the receiver's disk."""
        return self.last_number - len(self._posted)

    def post(self, stamp_ms: int, body: bytes) -> int:
        """Append a message; return its number."""
        self.last_number += 1
        self._posted.append(Posted(self.last_number, stamp_ms, body))
        return self.last_number

    def restore(self, posted: Posted) -> None:
        """Restore a message of a snapshot; called in order."""
        self._posted.append(posted)

    def confirm(self, number: int) -> None:
        """Drop the messages up to ``number``: the receiver has them on disk."""
        while self._posted and self._posted[0].number <= number:
            self._posted.popleft()

    def after(self, number: int) -> list[Posted]:
        """Return the messages after ``number``, in order."""
        count = max(0, min(self.last_number - number, len(self._posted)))
        return list(islice(reversed(self._posted), count))[::-1]
