"""Tracks whether the disk is full; logged once when it fills up and once when there is room again."""

from collections.abc import Callable

from shards.limits import STORAGE_LOOK_MS
from shards.process import log
from shards.vitals import State, Vitals


class Room:
    """The disk space of one shard's journal."""

    def __init__(self, vitals: Vitals, monotonic: Callable[[], int]) -> None:
        """``monotonic`` returns milliseconds that never jump."""
        self._vitals = vitals
        self._monotonic_ms = monotonic
        self._full = False
        self._refused_ms = 0

    def is_due(self) -> bool:
        """Whether to try writing unprompted: a shard known to be full may get no commands any more."""
        return self._full and self._monotonic_ms() - self._refused_ms >= STORAGE_LOOK_MS

    def ran_out(self) -> None:
        """Record that a write failed because the disk was full."""
        self._refused_ms = self._monotonic_ms()
        if not self._full:
            self._full = True
            log.warning("the disk is full: commands are refused (STORAGE_FULL) until there is room")
            if self._vitals.state is State.SERVING:
                self._vitals.state = State.FULL

    def wrote(self) -> None:
        """Record a write. Occasional small writes do not prove there is room: none may have failed for a while."""
        if self.is_due():
            self._full = False
            log.warning("there is room on disk again")
            if self._vitals.state is State.FULL:
                self._vitals.state = State.SERVING

    def state(self) -> State:
        """Return the state of a shard that is up."""
        return State.FULL if self._full else State.SERVING
