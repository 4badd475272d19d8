"""Work in a fork of this process, which has imported what is not ours: its tests begin at once."""

import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

OURS: Final = ("loadtest", "shards", "storage", "tests", "web")
MEMORY_BYTES: Final = 8 << 30  # beyond it, a mutant has made something endless


def in_fork(root: Path, work: Callable[[], T], seconds: float) -> T:
    """What ``work`` returns in the copy of the checkout, of which it imports everything anew.

    Raises TimeoutError, and EOFError where the fork died. Nothing that it started is left.
    """
    receiver, sender = Pipe(duplex=False)
    child = os.fork()
    if not child:
        try:
            os.setsid()
            _move_to(root)
            sender.send(work())
        finally:
            os._exit(0)
    sender.close()
    try:
        if not receiver.poll(seconds):
            raise TimeoutError
        result: T = receiver.recv()
        return result
    finally:
        receiver.close()
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _move_to(root: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    os.chdir(root)
    sys.path[0] = os.environ["PYTHONPATH"] = str(root)
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
