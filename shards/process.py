"""Common parts of all processes: name, lock, signals, and ending with the parent."""

import ctypes
import fcntl
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

EXIT_DAMAGED = 3  # data that cannot be trusted: a restart would not help
EXIT_ORPHANED = 4  # the supervisor died

log = logging.getLogger("shardex")


_SET_DEATH_SIGNAL = 1  # linux/prctl.h
_ARGUMENTS = 45  # in /proc/PID/stat, after the name: start of the command line in memory; its end is next
_NAME_BYTES = 15  # of a thread's name on Linux


class LockTaken(Exception):
    """Another process uses the same data; the text names it."""


def lock_file(path: Path, patience_s: float = 0) -> int:
    """Lock a file for the lifetime of this process and write its pid there; return the descriptor. Raises LockTaken.

    ``patience_s``: how long to wait for a dying predecessor.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write_pid(descriptor, os.getpid())
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(descriptor)
                raise LockTaken(f"{path} is locked by process {read_pid(path) or 'unknown'}") from None
            time.sleep(0.01)


def write_pid(descriptor: int, pid: int) -> None:
    """Write the owner's pid into a locked file; skipped if the disk is full."""
    with suppress(OSError):
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % pid, 0)


def read_pid(path: Path) -> int | None:
    """Return the pid in a locked file; None if there is none."""
    with suppress(OSError, ValueError):
        return int(path.read_bytes())
    return None


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # released at once; a starting process waits for it
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def name_process(name: str) -> None:
    """Set the name shown by ``ps``, on Linux only."""
    if sys.platform != "linux":
        return
    with suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = (int(field) for field in fields[_ARGUMENTS : _ARGUMENTS + 2])
        if start and len(name) < end - start:  # a hardened system may hide the address
            ctypes.memset(start, 0, end - start)  # Python has copies of its own
            ctypes.memmove(start, name.encode(), len(name))
        short = name if len(name) <= _NAME_BYTES else name.removeprefix("shardex ")
        Path("/proc/self/comm").write_text(short)


def end_with_parent(parent: int, how: signal.Signals) -> None:
    """Let this process get ``how`` as soon as the thread that started it ends for any reason; on Linux only.

    ``parent``: its pid, since it may have ended before this call.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, int(how), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), how)


def enter(name: str) -> None:
    """Set up a process of the engine. It is killed when its supervisor dies."""
    set_up_logging()
    name_process(name)
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        end_with_parent(parent.pid, signal.SIGKILL)


def set_up_logging() -> None:
    """Log one line per event to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(processName)s %(levelname)s %(message)s", force=True)


def freeze_heap() -> None:
    """After loading, exclude long-lived objects from garbage collection and return freed memory to the system."""
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc keeps freed memory below any that is in use
    if trim is not None:
        trim(0)


class Wakeup:
    """Wakes up a loop on SIGTERM and when the supervisor dies."""

    def __init__(self, watch: Callable[[Any, Callable[[], None]], None], stop: Callable[[], None]) -> None:
        """``watch`` adds a file to the loop. ``stop`` is called on SIGTERM; SIGINT is handled by the supervisor."""
        self._receiver, self._sender = socket.socketpair()
        for end in (self._receiver, self._sender):
            end.setblocking(False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: stop())
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        watch(self._receiver, self.handle)
        parent = multiprocessing.parent_process()
        if parent is not None:  # for systems where end_with_parent does nothing
            watch(parent.sentinel, self.leave)

    def handle(self) -> None:
        """Discard the wake-up bytes; the signal handler has done the work."""
        try:
            self._receiver.recv(4096)
        except BlockingIOError:
            pass

    @staticmethod
    def leave() -> None:
        """Exit as if killed, which is always safe: nobody would restart or stop this process any more."""
        os._exit(EXIT_ORPHANED)
