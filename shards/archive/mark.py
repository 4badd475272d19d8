"""The number of events the archive has confirmed, as kept in the mark next to its file."""

import zlib
from collections.abc import Mapping
from pathlib import Path

from storage.mark import Marked


class HistoryLost(Exception):
    """The file holds fewer rows than were confirmed; the text names it."""


def mark_of(positions: Mapping[int, int]) -> Marked:
    """Return the number of events received over all links, and a checksum of the numbers per link."""
    return Marked(sum(positions.values()), zlib.crc32(repr(sorted(positions.items())).encode()))


def check_there(path: Path, marked: Marked | None) -> None:
    """Check that the file exists if the mark does. Raises HistoryLost."""
    if marked is not None and not path.exists():
        raise HistoryLost(f"{path} is missing, but held {marked.sequence} rows, according to the mark beside it")


def check_end(path: Path, positions: Mapping[int, int], marked: Marked | None) -> None:
    """Check that a file with ``positions`` has every row confirmed before ``marked`` was read.

    Raises HistoryLost with what is missing.
    """
    reached = mark_of(positions)
    if marked is not None and reached.sequence <= marked.sequence and reached != marked:
        text = f"{path} ends at row {reached.sequence}, but row {marked.sequence} was confirmed"
        raise HistoryLost(f"{text}, according to the mark beside it")
