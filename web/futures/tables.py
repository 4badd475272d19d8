"""Counts that all workers share without a lock: a file of memory for each, written by that worker alone.

What was used is the sum over all files. A file belongs to a worker's slot, not to its process: whoever follows a killed
worker goes on with its counts, and one that was killed in the middle of a write leaves at worst one count undone. All
times are by ``time.monotonic``, which is one clock for all processes of a machine. The files are removed when the
master of the workers starts.
"""

import mmap
import os
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from web.futures.limits import (
    BAN_SET_COUNT,
    BAN_WAY_COUNT,
    SPAN_S,
    TABLES_LOOK_S,
    TALLY_SET_COUNT,
    TALLY_WAY_COUNT,
    WINDOW_S,
)

SPAN_COUNT: Final = WINDOW_S // SPAN_S + 1  # the one under way, and those before it that make a window

_AMOUNT_BITS: Final = 32
_AMOUNT_MASK: Final = (1 << _AMOUNT_BITS) - 1
_TALLY: Final = 1 + SPAN_COUNT  # words: the tag, then span << 32 | amount for each span
_BAN: Final = 3  # words: the tag, its end in ms, its level
_BANS_AT: Final = TALLY_SET_COUNT * TALLY_WAY_COUNT * _TALLY
_WORD_COUNT: Final = _BANS_AT + BAN_SET_COUNT * BAN_WAY_COUNT * _BAN


def make_tag(kind: bytes, key: str) -> int:
    """What stands for a key in the tables: 64 bits, the same in every worker, never 0."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8, person=kind).digest(), "big") or 1


class Ban(NamedTuple):
    """Until when, and the how many-th of a row of bans it is."""

    until_ms: int
    level: int


class Table:
    """One worker's counts."""

    def __init__(self, path: Path, writable: bool = False) -> None:
        """Open a table that is there; raises OSError, ValueError if it is none."""
        with path.open("r+b" if writable else "rb") as file:
            access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
            self._map = mmap.mmap(file.fileno(), 8 * _WORD_COUNT, access=access)
        self._words = memoryview(self._map).cast("Q")

    def spans(self, tag: int, now_span: int) -> list[tuple[int, int]]:
        """(span, amount) of what counts now."""
        at = self._find(tag)
        if at < 0:
            return []
        return [(word >> _AMOUNT_BITS, word & _AMOUNT_MASK) for word in self._counting(at, now_span)]

    def add(self, tag: int, amount: int, span: int) -> None:
        """Count ``amount`` in ``span``, which is now; a negative one takes back what was counted in it."""
        at = self._find(tag)
        if at < 0:
            at = self._take_over(tag, span)
        slot = at + 1 + span % SPAN_COUNT
        word = self._words[slot]
        counted = word & _AMOUNT_MASK if word >> _AMOUNT_BITS == span else 0
        self._words[slot] = span << _AMOUNT_BITS | max(counted + amount, 0)

    def ban(self, tag: int) -> Ban | None:
        """The last ban, also one that has ended."""
        at = self._first_ban(tag)
        words = self._words[at : at + BAN_WAY_COUNT * _BAN].tolist()
        if tag not in words[::_BAN]:
            return None
        place = words[::_BAN].index(tag) * _BAN
        return Ban(words[place + 1], words[place + 2])

    def set_ban(self, tag: int, ban: Ban) -> None:
        """Note a ban, in the place of the tag's last one or of the one that ends first."""
        words = self._words
        at = self._first_ban(tag)
        places = range(at, at + BAN_WAY_COUNT * _BAN, _BAN)
        place = min(places, key=lambda place: (words[place] != tag, words[place + 1]))
        words[place] = 0  # nobody's, until all of it is written
        words[place + 1], words[place + 2] = ban
        words[place] = tag

    def close(self) -> None:
        """Unmap."""
        self._words.release()
        self._map.close()

    def _find(self, tag: int) -> int:
        at = self._first(tag)
        tags = self._words[at : at + TALLY_WAY_COUNT * _TALLY : _TALLY].tolist()
        return at + tags.index(tag) * _TALLY if tag in tags else -1

    def _take_over(self, tag: int, span: int) -> int:
        """Give the place with the smallest count to ``tag``, and its count with it."""
        at = self._first(tag)
        place = min(range(at, at + TALLY_WAY_COUNT * _TALLY, _TALLY), key=lambda place: self._sum(place, span))
        self._words[place] = tag
        return place

    def _sum(self, place: int, now_span: int) -> int:
        return sum(word & _AMOUNT_MASK for word in self._counting(place, now_span))

    def _counting(self, place: int, now_span: int) -> list[int]:
        """The words of an entry that belong to the window."""
        first = (now_span - SPAN_COUNT + 1) << _AMOUNT_BITS
        return [word for word in self._words[place + 1 : place + _TALLY].tolist() if word >= first]

    @staticmethod
    def _first(tag: int) -> int:
        return tag % TALLY_SET_COUNT * TALLY_WAY_COUNT * _TALLY

    @staticmethod
    def _first_ban(tag: int) -> int:
        return _BANS_AT + tag % BAN_SET_COUNT * BAN_WAY_COUNT * _BAN


class Tables:
    """The tables of all workers, as one of them sees them: its own to write, all to read."""

    def __init__(self, folder: Path, slot: str) -> None:
        """Take up the table of ``slot``, making it at first."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._name = f"{slot}.table"
        if not _is_table(folder / self._name):
            _make(folder / self._name)
        self.own = Table(folder / self._name, writable=True)
        self._others: dict[str, Table] = {}
        self._look_s = 0.0  # when to look for new ones

    def all(self, now_s: float) -> list[Table]:
        """Every worker's."""
        if now_s >= self._look_s:
            self._look_s = now_s + TABLES_LOOK_S
            for path in self._folder.glob("*.table"):
                if path.name not in self._others and path.name != self._name and _is_table(path):
                    self._others[path.name] = Table(path)
        return [self.own, *self._others.values()]

    def close(self) -> None:
        """Unmap all."""
        for table in (self.own, *self._others.values()):
            table.close()


def _is_table(path: Path) -> bool:
    return path.exists() and path.stat().st_size == 8 * _WORD_COUNT


def _make(path: Path) -> None:
    """A table of zeros, at once: others may open it as soon as it has its name."""
    aside = path.with_suffix(".new")
    with open(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "r+b") as file:
        file.truncate(8 * _WORD_COUNT)
    aside.replace(path)
