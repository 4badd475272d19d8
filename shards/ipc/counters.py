"""How full a mailbox is, in memory shared by its callers and its owner, without a lock.

Every connection has a slot with two counters: ``sent`` is written by the caller alone, ``taken`` by the owner alone.
The depth is Σ sent − Σ taken. A caller first counts its message and then looks: two at the same moment may both find
the mailbox full, but never is it fuller than its bound. A caller that is killed leaves a count behind, which the owner
clears when the connection ends.
"""

import mmap
import queue
from pathlib import Path

from shards.ipc.errors import NotServing
from shards.limits import CONNECTIONS_MAX

_MAXSIZE, _SLOTS_USED, _SERVING, _HEAD = 0, 1, 2, 3
_WORDS = _HEAD + 2 * CONNECTIONS_MAX


class Counters:
    """The counters of one mailbox and one life of its owner, as both sides see them."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8 * _WORDS)
        self._words = memoryview(self._map).cast("Q")

    @property
    def maxsize(self) -> int:
        """The bound in messages."""
        return self._words[_MAXSIZE]

    @property
    def serving(self) -> bool:
        """Whether the owner takes commands."""
        return bool(self._words[_SERVING])

    def qsize(self) -> int:
        """Messages waiting."""
        words = self._words
        used = words[_SLOTS_USED]
        taken = _HEAD + CONNECTIONS_MAX
        return max(0, sum(words[_HEAD : _HEAD + used]) - sum(words[taken : taken + used]))

    def close(self) -> None:
        """Unmap."""
        self._words.release()
        self._map.close()


class OwnCounters(Counters):
    """The owner's side."""

    def __init__(self, path: Path, maxsize: int) -> None:
        """Make the file; ``maxsize``: the bound in messages."""
        path.write_bytes(bytes(8 * _WORDS))  # not by truncate: a page without room would end whoever touches it
        path.chmod(0o600)
        super().__init__(path)
        self._words[_MAXSIZE] = maxsize

    def serve(self, serving: bool) -> None:
        """Say whether it takes commands."""
        self._words[_SERVING] = serving

    def use(self, slot: int) -> None:
        """Give a slot to a new connection."""
        self._words[_SLOTS_USED] = max(self._words[_SLOTS_USED], slot + 1)

    def take(self, slot: int) -> None:
        """One message of this slot has left the mailbox."""
        self._words[_HEAD + CONNECTIONS_MAX + slot] += 1

    def clear(self, slot: int) -> None:
        """The slot's connection has ended and all its messages are taken."""
        self._words[_HEAD + CONNECTIONS_MAX + slot] = self._words[_HEAD + slot]


class Slot(Counters):
    """The side of the caller who has this slot."""

    def __init__(self, path: Path, number: int) -> None:
        """Raises OSError if that life of the owner has ended."""
        super().__init__(path)
        self._sent = _HEAD + number

    def claim(self) -> None:
        """Take a place for one message. Raises queue.Full or NotServing."""
        if not self._words[_SERVING]:
            raise NotServing
        self._words[self._sent] += 1
        if self.qsize() <= self._words[_MAXSIZE]:
            return
        self._words[self._sent] -= 1
        raise queue.Full

    def unclaim(self) -> None:
        """Give back a place whose message was not sent."""
        self._words[self._sent] -= 1
