"""A mark next to a file records how much of it was acknowledged, so that the loss of its newest part is detected.

SQLite treats a write-ahead log whose end is damaged, truncated or missing as if that end had never been written, and
continues without it. So the writer notes after each commit how far it went. The mark is not synced: after a machine
crash it may be behind the file, never ahead of it. It is written in place, so that it needs no space, into two slots in
turn.
"""

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

SUFFIX: Final = ".mark"

_SLOT_BYTES: Final = 512  # a sector: what a disk writes atomically
_CONTENT: Final = struct.Struct("<QQ")
_CHECKSUM: Final = struct.Struct("<I")


class Marked(NamedTuple):
    """The last acknowledged change."""

    sequence: int
    checksum: int


def mark_path(path: Path) -> Path:
    """Return the path of the mark of ``path``."""
    return path.with_suffix(SUFFIX)


def read_mark(path: Path) -> Marked | None:
    """Return the newest intact slot; None if there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return max(filter(None, (_read_slot(content[at:]) for at in (0, _SLOT_BYTES))), default=None)


class MarkWriter:
    """Writes a mark. Several processes may: the highest sequence counts."""

    def __init__(self, path: Path) -> None:
        """Open the mark; create it if it does not exist."""
        self._descriptor: int | None = None
        with suppress(OSError):  # disk full: the mark only matters if another file is lost as well
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            if os.fstat(self._descriptor).st_size < 2 * _SLOT_BYTES:
                os.pwrite(self._descriptor, bytes(_SLOT_BYTES), _SLOT_BYTES)

    def put(self, marked: Marked) -> None:
        content = _CONTENT.pack(*marked)
        if self._descriptor is not None:
            with suppress(OSError):
                slot = marked.sequence % 2 * _SLOT_BYTES
                os.pwrite(self._descriptor, content + _CHECKSUM.pack(zlib.crc32(content)), slot)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _read_slot(content: bytes) -> Marked | None:
    stated = content[_CONTENT.size : _CONTENT.size + _CHECKSUM.size]
    content = content[: _CONTENT.size]
    if len(content) < _CONTENT.size or stated != _CHECKSUM.pack(zlib.crc32(content)):
        return None
    return Marked(*_CONTENT.unpack(content))
