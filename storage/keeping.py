"""Keeps files unchanged while a backup copies them: a lock on their folder, which ends with its holder.

Appending stays allowed; a process that removes or rewrites files checks the lock first and retries later.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.01  # poll interval while others hold the lock


class StillDiscarding(Exception):
    """Files are being removed for longer than that should ever take; the text names the folder."""


@contextmanager
def keep(folder: Path, patience_s: float) -> Iterator[None]:
    """Prevent removals in ``folder`` while the context lasts.

    Waits at most ``patience_s`` for pending removals; then raises StillDiscarding. Exclusive: another backup would
    wait, too.
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
    """Yield whether files in ``folder`` may be removed now: no copy starts while the context lasts."""
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
