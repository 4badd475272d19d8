"""The published status of an engine process: its pid, its state, and its heartbeat.

A few words in a small file, written by one process through shared memory without a lock and read by anyone: by the
supervisor, which must detect stalled shards, and by web workers, which report the state of a shard that does not
answer. A process writes them only while it holds its lock, so they belong to a living process if and only if that lock
is held.
"""

import mmap
import os
import struct
from collections.abc import Callable
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
    """What a process is doing."""

    STOPPED = 0  # not started, or stopped in order
    RECOVERING = 1
    SERVING = 2
    FULL = 3  # the disk is full


class Signs(NamedTuple):
    """A process's vitals at one moment."""

    pid: int = 0
    state: int = State.STOPPED
    beat_ms: int = 0  # last heartbeat, by monotonic_ms
    done: int = 0  # recovering: journal records replayed, of ``all``
    all: int = 0
    jumps: int = 0  # the supervisor: number of clock jumps since its start
    jump_ms: int = 0  # and the size of the last one; negative: backward


_WORDS = struct.Struct(f"={len(Signs._fields)}q")
_PID, _STATE, _BEAT, _DONE, _ALL, _JUMPS, _JUMP = range(len(Signs._fields))


def vitals_path(folder: Folder, name: str) -> Path:
    """Return the path for "engine", "archive" or "shard-<index>"."""
    return folder.run / f"{name}.vitals"


class Vitals:
    """The writer's side, for the lifetime of the process."""

    def __init__(self, path: Path | None, monotonic: Callable[[], int] = monotonic_ms) -> None:
        """Start publishing; raises OSError if the file must be created and the disk is full. None: do not publish.

        ``monotonic`` is the clock of :func:`shards.clock.monotonic_ms`, by which all processes read heartbeats.
        """
        self._monotonic_ms = monotonic
        content: mmap.mmap | bytearray = bytearray(_WORDS.size) if path is None else _map(path)
        self._words = memoryview(content).cast("q")
        for index, value in enumerate(Signs(os.getpid(), State.RECOVERING, monotonic())):
            self._words[index] = value

    def beat(self) -> None:
        self._words[_BEAT] = self._monotonic_ms()

    @property
    def state(self) -> State:
        """What this process is doing."""
        return State(self._words[_STATE])

    @state.setter
    def state(self, state: State) -> None:
        self._words[_STATE] = state

    def progress(self, done: int, all_: int) -> None:
        """Publish the progress of recovery; also a heartbeat."""
        self._words[_DONE], self._words[_ALL] = done, all_
        self.beat()

    def jumped(self, by_ms: int) -> None:
        """Publish a clock jump."""
        self._words[_JUMP] = by_ms
        self._words[_JUMPS] += 1


def _map(path: Path) -> mmap.mmap:
    """Map the file with all its space allocated; an old one is reused, since a new one may not fit on a full disk."""
    if not path.exists() or path.stat().st_size != _WORDS.size:
        put(path, bytes(_WORDS.size))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), _WORDS.size)


def read_signs(path: Path) -> Signs | None:
    """Return the vitals in the file, whether or not its process lives; None if there are none."""
    try:
        return Signs(*_WORDS.unpack(path.read_bytes()))
    except (OSError, struct.error):
        return None


def living(folder: Folder, name: str) -> Signs | None:
    """Return the vitals of "engine", "archive" or "shard-<index>"; None if there is no such process."""
    return read_signs(vitals_path(folder, name)) if is_locked(folder.run / f"{name}.lock") else None
