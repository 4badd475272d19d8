"""Lock-free counters shared by all workers: a memory-mapped file for each, written by that worker only.

Usage is the sum over all files. A file belongs to a worker's slot, not to its process: the successor of a killed worker
continues its counts, and a worker killed in the middle of a write loses at most one count. All times are of
``time.monotonic``, which is one clock for all processes of a machine. The files are removed when the workers' master
starts.

A file is fully allocated at creation: a process that touches a mapped page without disk space is killed (SIGBUS). A
worker that starts on a full disk counts in its own memory, and creates its file when there is space.
"""

import logging
import mmap
import os
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from storage.files import put
from web.ratelimit.limits import (
    BAN_SET_COUNT,
    BAN_WAY_COUNT,
    SPAN_S,
    TABLES_LOOK_S,
    TALLY_SET_COUNT,
    TALLY_WAY_COUNT,
    WINDOW_S,
)

_log: Final = logging.getLogger("web.ratelimit.shared_tables")

SPAN_COUNT: Final = WINDOW_S // SPAN_S + 1  # the current one, and the earlier ones that complete a window

_AMOUNT_BITS: Final = 32
_AMOUNT_MASK: Final = (1 << _AMOUNT_BITS) - 1
_TALLY: Final = 1 + SPAN_COUNT  # words: the tag, then span << 32 | amount for each span
_BAN: Final = 3  # words: the tag, its end in ms, its level
_BANS_AT: Final = TALLY_SET_COUNT * TALLY_WAY_COUNT * _TALLY
_SIZE: Final = 8 * (_BANS_AT + BAN_SET_COUNT * BAN_WAY_COUNT * _BAN)  # bytes


def make_tag(kind: bytes, key: str) -> int:
    """The key's hash in the tables: 64 bits, the same in every worker, never 0."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8, person=kind).digest(), "big") or 1


class Ban(NamedTuple):
    """The end of a ban, and its position in a series of bans, from 1."""

    until_ms: int
    level: int


class Table:
    """One worker's counts."""

    def __init__(self, path: Path | None, writable: bool = False) -> None:
        """Map an existing table; raises OSError, ValueError. None: an empty one, private to this process."""
        self._map = mmap.mmap(-1, _SIZE) if path is None else _map(path, writable)
        self._words = memoryview(self._map).cast("Q")

    def spans(self, tag: int, now_span: int) -> list[tuple[int, int]]:
        """(span, amount) of the usage in the current window."""
        at = self._find(tag)
        if at < 0:
            return []
        return [(word >> _AMOUNT_BITS, word & _AMOUNT_MASK) for word in self._counting(at, now_span)]

    def add(self, tag: int, amount: int, span: int) -> None:
        """Add ``amount`` to ``span``, the current one; a negative amount undoes usage counted in it."""
        at = self._find(tag)
        if at < 0:
            at = self._take_over(tag, span)
        slot = at + 1 + span % SPAN_COUNT
        word = self._words[slot]
        counted = word & _AMOUNT_MASK if word >> _AMOUNT_BITS == span else 0
        self._words[slot] = span << _AMOUNT_BITS | max(counted + amount, 0)

    def ban(self, tag: int) -> Ban | None:
        """The last ban, even if it has ended."""
        at = self._first_ban(tag)
        words = self._words[at : at + BAN_WAY_COUNT * _BAN].tolist()
        if tag not in words[::_BAN]:
            return None
        slot = words[::_BAN].index(tag) * _BAN
        return Ban(words[slot + 1], words[slot + 2])

    def set_ban(self, tag: int, ban: Ban) -> None:
        """Store a ban, replacing the tag's last one, or the one that ends first."""
        words = self._words
        at = self._first_ban(tag)
        slots = range(at, at + BAN_WAY_COUNT * _BAN, _BAN)
        slot = min(slots, key=lambda slot: (words[slot] != tag, words[slot + 1]))
        words[slot] = 0  # unassigned until all of it is written
        words[slot + 1], words[slot + 2] = ban
        words[slot] = tag

    def content(self) -> bytes:
        """The table as the bytes of a file."""
        return self._map[:]

    def close(self) -> None:
        self._words.release()
        self._map.close()

    def _find(self, tag: int) -> int:
        at = self._first(tag)
        tags = self._words[at : at + TALLY_WAY_COUNT * _TALLY : _TALLY].tolist()
        return at + tags.index(tag) * _TALLY if tag in tags else -1

    def _take_over(self, tag: int, span: int) -> int:
        """Reassign the entry with the smallest count to ``tag``, which inherits that count."""
        at = self._first(tag)
        slot = min(range(at, at + TALLY_WAY_COUNT * _TALLY, _TALLY), key=lambda slot: self._sum(slot, span))
        self._words[slot] = tag
        return slot

    def _sum(self, slot: int, now_span: int) -> int:
        return sum(word & _AMOUNT_MASK for word in self._counting(slot, now_span))

    def _counting(self, slot: int, now_span: int) -> list[int]:
        """The words of an entry that belong to the window."""
        first = (now_span - SPAN_COUNT + 1) << _AMOUNT_BITS
        return [word for word in self._words[slot + 1 : slot + _TALLY].tolist() if word >= first]

    @staticmethod
    def _first(tag: int) -> int:
        return tag % TALLY_SET_COUNT * TALLY_WAY_COUNT * _TALLY

    @staticmethod
    def _first_ban(tag: int) -> int:
        return _BANS_AT + tag % BAN_SET_COUNT * BAN_WAY_COUNT * _BAN


class Tables:
    """The tables of all workers, as one of them sees them: its own to write, all to read."""

    def __init__(self, folder: Path, slot: str) -> None:
        """Open the table of ``slot``, or create it."""
        self._folder = folder
        self._name = f"{slot}.table"
        self._others: dict[str, Table] = {}
        self._look_s = 0.0  # when to scan for new ones
        self._is_seen = True  # by the other workers
        try:
            self.own = self._take_up(bytes(_SIZE))
        except OSError as fault:
            _log.warning("limits are kept by this worker alone, until the others can see its counts: %s", fault)
            self.own = Table(None)
            self._is_seen = False

    def _take_up(self, content: bytes) -> Table:
        """The slot's table; created with this content if there is none yet."""
        path = self._folder / self._name
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_table(path):
            put(path, content)
        return Table(path, writable=True)

    def all(self, now_s: float) -> list[Table]:
        """Every worker's table, this one's first."""
        if now_s >= self._look_s:
            self._look_s = now_s + TABLES_LOOK_S
            if not self._is_seen:
                self._show()
            for path in self._folder.glob("*.table"):
                if path.name not in self._others and path.name != self._name and _is_table(path):
                    self._others[path.name] = Table(path)
        return [self.own, *self._others.values()]

    def _show(self) -> None:
        """Publish a table that the others could not see, if there is space now."""
        try:
            if not _has_room(self._folder.parent):  # the folder itself may not exist
                return
            table = self._take_up(self.own.content())
        except OSError:
            return  # already logged
        self.own.close()
        self.own = table
        self._is_seen = True

    def close(self) -> None:
        """Unmap all tables."""
        for table in (self.own, *self._others.values()):
            table.close()


def _map(path: Path, writable: bool) -> mmap.mmap:
    with path.open("r+b" if writable else "rb") as file:
        return mmap.mmap(file.fileno(), _SIZE, access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)


def _is_table(path: Path) -> bool:
    return path.exists() and path.stat().st_size == _SIZE


def _has_room(folder: Path) -> bool:
    """Whether there is space for a table: trying would take it from processes that need less."""
    system = os.statvfs(folder)
    return system.f_bavail * system.f_frsize > _SIZE
