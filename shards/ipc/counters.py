"""How full a mailbox is, in memory shared by its callers and its owner, without a lock.

Every connection has a slot with two counters: ``sent`` is written by the caller alone, ``taken`` by the owner alone.
The depth is Σ sent − Σ taken. A caller first counts its message and then looks: two at the same moment may both find
the mailbox full, but never is it fuller than its bound. A caller that is killed leaves a count behind, which the owner
clears when the connection ends.
"""

import mmap
from pathlib import Path

from shards.limits import CONNECTIONS_MAX

_MAXSIZE, _SLOTS_USED, _SERVING, _HEAD = 0, 1, 2, 3
_WORDS = _HEAD + 2 * CONNECTIONS_MAX


class Counters:
    """The counters of one mailbox and one life of its owner."""

    def __init__(self, path: Path, maxsize: int | None = None) -> None:
        """Open the file; the owner makes it by giving ``maxsize``, the bound in messages."""
        if maxsize is not None:
            path.write_bytes(bytes(8 * _WORDS))  # not by truncate: a page without room would end whoever touches it
            path.chmod(0o600)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8 * _WORDS)
        self._words = memoryview(self._map).cast("Q")
        if maxsize is not None:
            self._words[_MAXSIZE] = maxsize

    @property
    def maxsize(self) -> int:
        """The bound in messages."""
        return self._words[_MAXSIZE]

    @property
    def serving(self) -> bool:
        """Whether the owner takes commands."""
        return bool(self._words[_SERVING])

    @serving.setter
    def serving(self, serving: bool) -> None:
        self._words[_SERVING] = serving

    def qsize(self) -> int:
        """Messages waiting."""
        words = self._words
        used = words[_SLOTS_USED]
        taken = _HEAD + CONNECTIONS_MAX
        return max(0, sum(words[_HEAD : _HEAD + used]) - sum(words[taken : taken + used]))

    # The caller's side

    def claim(self, slot: int) -> bool:
        """Take a place for one message; False if the mailbox is full."""
        self._words[_HEAD + slot] += 1
        if self.qsize() <= self._words[_MAXSIZE]:
            return True
        self._words[_HEAD + slot] -= 1
        return False

    def unclaim(self, slot: int) -> None:
        """Give back a place whose message was not sent."""
        self._words[_HEAD + slot] -= 1

    # The owner's side

    def use(self, slot: int) -> None:
        """Give a slot to a new connection."""
        self._words[_SLOTS_USED] = max(self._words[_SLOTS_USED], slot + 1)

    def take(self, slot: int) -> None:
        """One message of this slot has left the mailbox."""
        self._words[_HEAD + CONNECTIONS_MAX + slot] += 1

    def clear(self, slot: int) -> None:
        """The slot's connection has ended and all its messages are taken."""
        self._words[_HEAD + CONNECTIONS_MAX + slot] = self._words[_HEAD + slot]

    def close(self) -> None:
        """Unmap."""
        self._words.release()
        self._map.close()
