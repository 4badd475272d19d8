"""What every process needs: a name, a lock, signals, and to end when its parent is gone."""

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

EXIT_DAMAGED = 3  # data that cannot be trusted: starting again would not help
EXIT_ORPHANED = 4  # the supervisor died

log = logging.getLogger("shardex")


_SET_DEATH_SIGNAL = 1  # linux/prctl.h
_ARGUMENTS = 45  # in /proc/PID/stat, behind the name: where the command line begins in memory, and where it ends
_NAME_BYTES = 15  # of a thread's name on Linux


class LockTaken(Exception):
    """Another process works on the same data; the text names it."""


def lock_file(path: Path, patience_s: float = 0) -> int:
    """Lock a file for this process's life and write its pid there; returns its descriptor. Raises LockTaken.

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
    """Say in a locked file whose it is; on a full disk it may be left unsaid."""
    with suppress(OSError):
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % pid, 0)


def read_pid(path: Path) -> int | None:
    """Whose the locked file is; None if that does not stand there."""
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
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # let go at once, and whoever starts is patient
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def name_process(name: str) -> None:
    """What ``ps`` shows of this process, on Linux; elsewhere it stays as it is."""
    if sys.platform != "linux":
        return
    with suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = (int(field) for field in fields[_ARGUMENTS : _ARGUMENTS + 2])
        if start and len(name) < end - start:  # a hardened system may not say where it lies
            ctypes.memset(start, 0, end - start)  # Python has copies of its own
            ctypes.memmove(start, name.encode(), len(name))
        short = name if len(name) <= _NAME_BYTES else name.removeprefix("shardex ")
        Path("/proc/self/comm").write_text(short)


def end_with_parent(parent: int, how: signal.Signals) -> None:
    """This process gets ``how`` as soon as the thread that started it has ended, in whatever way; on Linux only.

    ``parent``: its pid, for it may have ended before this.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, int(how), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), how)


def enter(name: str) -> None:
    """A process of the engine begins. It ends with its supervisor, whatever it is doing then."""
    set_up_logging()
    name_process(name)
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        end_with_parent(parent.pid, signal.SIGKILL)


def set_up_logging() -> None:
    """One line per event on standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(processName)s %(levelname)s %(message)s", force=True)


def freeze_heap() -> None:
    """Once all is loaded: what lives long is no matter of later collections, what loading left behind is given back."""
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc keeps freed memory with any other behind it
    if trim is not None:
        trim(0)


class Wakeup:
    """Lets a loop wake up for SIGTERM and for the death of the supervisor."""

    def __init__(self, watch: Callable[[Any, Callable[[], None]], None], stop: Callable[[], None]) -> None:
        """``watch`` lets it wait for a file, too. ``stop`` is called when SIGTERM comes; SIGINT is the supervisor's."""
        self._receiver, self._sender = socket.socketpair()
        for end in (self._receiver, self._sender):
            end.setblocking(False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: stop())
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        watch(self._receiver, self.handle)
        parent = multiprocessing.parent_process()
        if parent is not None:  # where end_with_parent can do nothing
            watch(parent.sentinel, self.leave)

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
