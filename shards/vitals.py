"""What a process of the engine tells of itself without being asked: who it is, how it is, and that it lives.

A few words in a small file, written by one process through shared memory without a lock, read by whoever looks: by the
supervisor, which must notice that a shard stands still, and by web workers, which tell how a shard is that does not
answer. A process writes them only while it holds its lock; so what stands there is of a living process if, and only if,
somebody holds that lock.
"""

import mmap
import os
import struct
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from shards.clock import monotonic_ms
from shards.folder import Folder
from shards.process import is_locked
from storage.files import put

ENGINE = "engine"  # the supervisor
ARCHIVE_NAME = "archive"


class State(IntEnum):
    """What a process does."""

    STOPPED = 0  # not begun, or ended in order
    RECOVERING = 1
    SERVING = 2
    FULL = 3  # there is no room on disk


class Signs(NamedTuple):
    """One look at a process."""

    pid: int = 0
    state: int = State.STOPPED
    beat_ms: int = 0  # when it last gave a sign of life, by monotonic_ms
    done: int = 0  # recovering: journal records it has, of all
    all: int = 0
    jumps: int = 0  # the supervisor: how often the clock jumped since it began
    jump_ms: int = 0  # and how far, the last time; back is negative


_WORDS = struct.Struct(f"={len(Signs._fields)}q")
_PID, _STATE, _BEAT, _DONE, _ALL, _JUMPS, _JUMP = range(len(Signs._fields))


def vitals_path(folder: Folder, name: str) -> Path:
    """Of "engine", "archive" or "shard-<index>"."""
    return folder.run / f"{name}.vitals"


class Vitals:
    """The writer's side, for as long as the process lives."""

    def __init__(self, path: Path | None) -> None:
        """Begin to tell; raises OSError if there is no file yet and no room for one. None: nobody looks."""
        content: mmap.mmap | bytearray = bytearray(_WORDS.size) if path is None else _map(path)
        self._words = memoryview(content).cast("q")
        for index, value in enumerate(Signs(os.getpid(), State.RECOVERING, monotonic_ms())):
            self._words[index] = value

    def beat(self) -> None:
        """A sign of life."""
        self._words[_BEAT] = monotonic_ms()

    @property
    def state(self) -> State:
        """What this process does."""
        return State(self._words[_STATE])

    @state.setter
    def state(self, state: State) -> None:
        self._words[_STATE] = state

    def progress(self, done: int, all_: int) -> None:
        """So much of the recovery is done; a sign of life, too."""
        self._words[_DONE], self._words[_ALL] = done, all_
        self.beat()

    def jumped(self, by_ms: int) -> None:
        """The clock jumped."""
        self._words[_JUMP] = by_ms
        self._words[_JUMPS] += 1


def _map(path: Path) -> mmap.mmap:
    """The file, with all its room: an old one is used again, for a new one may find none on a full disk."""
    if not path.exists() or path.stat().st_size != _WORDS.size:
        put(path, bytes(_WORDS.size))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), _WORDS.size)


def read_signs(path: Path) -> Signs | None:
    """What stands there, whether or not its process lives; None if nothing does."""
    try:
        return Signs(*_WORDS.unpack(path.read_bytes()))
    except (OSError, struct.error):
        return None


def living(folder: Folder, name: str) -> Signs | None:
    """The signs of "engine", "archive" or "shard-<index>"; None if there is no such process."""
    return read_signs(vitals_path(folder, name)) if is_locked(folder.run / f"{name}.lock") else None
