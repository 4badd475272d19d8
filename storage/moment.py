"""One moment of journals that others go on writing, without keeping anybody from it.

Everything is looked at twice. What had not moved by the second look stood so when the first ended: all of it, at one
moment. A message that a shard had journaled by then, its sender had journaled before; so nobody has received what was
not sent. Nothing is locked, so whoever looks may die or stand still at any time.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from storage.journal import Journal
from storage.reference_file import guarded


class NoMoment(Exception):
    """Something moved between any two looks; the text says so."""


class Moment(NamedTuple):
    """What was there."""

    ends: list[int]  # of each journal: its newest record
    reference: sqlite3.Connection  # reads the reference file as it was


@contextmanager
def find_moment(journals: Sequence[Journal], reference: Path, patience_s: float) -> Iterator[Moment]:
    """A moment of all ``journals`` and the reference file, later than this call.

    Each try takes a fraction of a millisecond. Raises NoMoment after so long, and what journals and reference file
    raise that are unusable.
    """
    with guarded(reference), ExitStack() as opened:
        reader, watch = (opened.enter_context(closing(_open(reference))) for _ in range(2))
        until = time.monotonic() + patience_s
        while (ends := _look(journals, reader, watch)) is None:
            if time.monotonic() >= until:
                raise NoMoment("the shards write faster than one moment of all can be found: try again under less load")
        kept = opened.pop_all()
    with kept:
        yield Moment(ends, reader)


def _look(journals: Sequence[Journal], reader: sqlite3.Connection, watch: sqlite3.Connection) -> list[int] | None:
    """The newest records if nothing moved; ``reader`` then shows the reference file as of the same moment."""
    if reader.in_transaction:
        reader.execute("ROLLBACK")
    version = watch.execute("PRAGMA data_version").fetchone()
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it shows one state
    ends = [journal.last_sequence() for journal in journals]
    moved = [journal.last_sequence() for journal in journals] != ends
    if moved or watch.execute("PRAGMA data_version").fetchone() != version:
        return None
    return ends


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
