"""What every process of the engine needs: a name, a lock, signals, and to notice that its supervisor is gone."""

import ctypes
import fcntl
import gc
import logging
import multiprocessing
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

EXIT_DAMAGED = 3  # data that cannot be trusted: starting again would not help
EXIT_ORPHANED = 4  # the supervisor died

log = logging.getLogger("shardex")


class LockTaken(Exception):
    """Another process works on the same data."""


def lock_file(path: Path, patience_s: float = 0) -> int:
    """Lock a file for this process's life; returns its descriptor. Raises LockTaken.

    ``patience_s``: how long to wait for a dying predecessor.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(descriptor)
                raise LockTaken(f"{path} is locked by another process") from None
            time.sleep(0.01)


def set_up_logging() -> None:
    """One line per event on standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(processName)s %(levelname)s %(message)s", force=True)


def settle() -> None:
    """Once all is loaded: what lives long is no matter of later collections, what loading left behind is given back."""
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc keeps freed memory with any other behind it
    if trim is not None:
        trim(0)


class Wakeup:
    """Lets a selector wake up for SIGTERM and for the death of the supervisor."""

    def __init__(self, selector: selectors.BaseSelector, stop: Callable[[], None]) -> None:
        """``stop`` is called once when SIGTERM comes. SIGINT is the supervisor's to handle."""
        self._receiver, self._sender = socket.socketpair()
        for end in (self._receiver, self._sender):
            end.setblocking(False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: stop())
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        selector.register(self._receiver, selectors.EVENT_READ, self.handle)
        parent = multiprocessing.parent_process()
        if parent is not None:
            selector.register(parent.sentinel, selectors.EVENT_READ, self.leave)

    def handle(self) -> None:
        """Swallow the wake-up; the handler has done its work."""
        try:
            self._receiver.recv(4096)
        except BlockingIOError:
            pass

    @staticmethod
    def leave() -> None:
        """Nobody would restart or stop this process any more: end as if killed, which is always safe."""
        os._exit(EXIT_ORPHANED)
