"""Finds one moment of journals that others keep writing, without blocking anyone.

Everything is read twice. What had not changed by the second reading was in that state when the first one ended: all of
it, at one moment. If a shard had journaled a message by then, its sender had journaled it before; so no shard has
received what was not sent. Nothing is locked, so the reader may die or stall at any time.
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
    """Something changed between any two readings; the text says so."""


class Moment(NamedTuple):
    """The state at the moment."""

    ends: list[int]  # newest record of each journal
    reference: sqlite3.Connection  # reads the reference file in that state


@contextmanager
def find_moment(journals: Sequence[Journal], reference: Path, patience_s: float) -> Iterator[Moment]:
    """Find a moment of all ``journals`` and the reference file, later than this call.

    Each try takes a fraction of a millisecond. Raises NoMoment after ``patience_s``, and the errors of unusable
    journals and reference files.
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
    """Return the newest records if nothing changed; ``reader`` then reads the reference file in the same state."""
    if reader.in_transaction:
        reader.execute("ROLLBACK")
    version = watch.execute("PRAGMA data_version").fetchone()
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it reads a fixed state
    ends = [journal.last_sequence() for journal in journals]
    moved = [journal.last_sequence() for journal in journals] != ends
    if moved or watch.execute("PRAGMA data_version").fetchone() != version:
        return None
    return ends


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
