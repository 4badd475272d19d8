"""How far a file has been acknowledged, noted beside it: so that the loss of its newest part is noticed.

SQLite takes the end of a write-ahead file that is damaged, cut off or gone for one that was never written, and goes on
without it. Whoever writes notes after each commit how far that went. The note is not synced: it may be behind the file
after the machine went down, never ahead of it. It is written in place, so it needs no room, and in two halves in turn.
"""

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

SUFFIX: Final = ".mark"

_SLOT_BYTES: Final = 512  # a sector: what a disk writes whole
_CONTENT: Final = struct.Struct("<QQ")
_CHECKSUM: Final = struct.Struct("<I")


class Marked(NamedTuple):
    """What was acknowledged last."""

    sequence: int
    checksum: int


def mark_path(path: Path) -> Path:
    """Where the mark of ``path`` lies."""
    return path.with_suffix(SUFFIX)


def read_mark(path: Path) -> Marked | None:
    """The newest whole half; None if there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return max(filter(None, (_read_slot(content[at:]) for at in (0, _SLOT_BYTES))), default=None)


class MarkWriter:
    """Keeps a mark. Several processes may: what counts is the highest sequence."""

    def __init__(self, path: Path) -> None:
        """Open the mark, making it at first."""
        self._descriptor: int | None = None
        with suppress(OSError):  # no room: it is missed only by whoever loses another file as well
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            if os.fstat(self._descriptor).st_size < 2 * _SLOT_BYTES:
                os.pwrite(self._descriptor, bytes(_SLOT_BYTES), _SLOT_BYTES)

    def put(self, marked: Marked) -> None:
        """Note it."""
        content = _CONTENT.pack(*marked)
        if self._descriptor is not None:
            with suppress(OSError):
                slot = marked.sequence % 2 * _SLOT_BYTES
                os.pwrite(self._descriptor, content + _CHECKSUM.pack(zlib.crc32(content)), slot)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _read_slot(content: bytes) -> Marked | None:
    stated = content[_CONTENT.size : _CONTENT.size + _CHECKSUM.size]
    content = content[: _CONTENT.size]
    if len(content) < _CONTENT.size or stated != _CHECKSUM.pack(zlib.crc32(content)):
        return None
    return Marked(*_CONTENT.unpack(content))
