"""The fill level of a mailbox, in memory shared by its callers and its owner, without a lock.

Each connection has a slot with two counters: ``sent`` is written only by the caller, ``taken`` only by the owner. The
depth is Σ sent − Σ taken. A caller first counts its message and then checks: two callers at the same moment may both
find the mailbox full, but it never exceeds its capacity. A killed caller leaves a count behind, which the owner clears
when the connection ends.
"""

import mmap
import queue
from pathlib import Path

from shards.ipc.errors import NotServing
from shards.limits import CONNECTIONS_MAX

_MAXSIZE, _SLOTS_USED, _SERVING, _HEAD = 0, 1, 2, 3
_WORDS = _HEAD + 2 * CONNECTIONS_MAX


class Counters:
    """The counters of one mailbox during one run of its owner, as seen by both sides."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8 * _WORDS)
        self._words = memoryview(self._map).cast("Q")

    @property
    def maxsize(self) -> int:
        """Capacity in messages."""
        return self._words[_MAXSIZE]

    @property
    def serving(self) -> bool:
        """Whether the owner takes commands."""
        return bool(self._words[_SERVING])

    def qsize(self) -> int:
        """Return the number of waiting messages."""
        words = self._words
        used = words[_SLOTS_USED]
        taken = _HEAD + CONNECTIONS_MAX
        return max(0, sum(words[_HEAD : _HEAD + used]) - sum(words[taken : taken + used]))

    def close(self) -> None:
        self._words.release()
        self._map.close()


class OwnCounters(Counters):
    """The owner's side."""

    def __init__(self, path: Path, maxsize: int) -> None:
        """Create the file; ``maxsize`` is the capacity in messages."""
        path.write_bytes(bytes(8 * _WORDS))  # not truncate: an access without disk space would kill the process
        path.chmod(0o600)
        super().__init__(path)
        self._words[_MAXSIZE] = maxsize

    def serve(self, serving: bool) -> None:
        """Publish whether the owner takes commands."""
        self._words[_SERVING] = serving

    def use(self, slot: int) -> None:
        """Assign a slot to a new connection."""
        self._words[_SLOTS_USED] = max(self._words[_SLOTS_USED], slot + 1)

    def take(self, slot: int) -> None:
        """Count one message of this slot as taken from the mailbox."""
        self._words[_HEAD + CONNECTIONS_MAX + slot] += 1

    def clear(self, slot: int) -> None:
        """Reset the slot: its connection has ended and all its messages are taken."""
        self._words[_HEAD + CONNECTIONS_MAX + slot] = self._words[_HEAD + slot]


class Slot(Counters):
    """The side of the caller with this slot."""

    def __init__(self, path: Path, number: int) -> None:
        """Raises OSError if the owner's run has ended."""
        super().__init__(path)
        self._sent = _HEAD + number

    def claim(self) -> None:
        """Claim room for one message. Raises queue.Full or NotServing."""
        if not self._words[_SERVING]:
            raise NotServing
        self._words[self._sent] += 1
        if self.qsize() <= self._words[_MAXSIZE]:
            return
        self._words[self._sent] -= 1
        raise queue.Full

    def unclaim(self) -> None:
        """Give back a claim whose message was not sent."""
        self._words[self._sent] -= 1
