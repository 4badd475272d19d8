"""Keeping files as they are while a backup copies them: a lock on their folder, which ends with whoever holds it.

What is only added to stays free; whoever throws away or moves about what is there asks first, and comes again later.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.01  # between two looks whether others have let go


class StillDiscarding(Exception):
    """Files are being thrown away, for longer than anybody should need; the text names the folder."""


@contextmanager
def keep(folder: Path, patience_s: float) -> Iterator[None]:
    """Nothing in ``folder`` is thrown away while the context lasts.

    Waits so long for those who are at it; then raises StillDiscarding. One at a time: another one would wait as well.
    """
    with _open(folder) as descriptor:
        until = time.monotonic() + patience_s
        while not _lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() >= until:
                raise StillDiscarding(f"files in {folder} are being removed: try again")
            time.sleep(_POLL_S)
        yield


@contextmanager
def may_discard(folder: Path) -> Iterator[bool]:
    """Whether something in ``folder`` may be thrown away now: nobody begins to copy it while the context lasts."""
    with _open(folder) as descriptor:
        yield _lock(descriptor, fcntl.LOCK_SH)


@contextmanager
def _open(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
