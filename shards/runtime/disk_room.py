"""Whether there is room on disk: told once when it ends, and once when it is back."""

from collections.abc import Callable

from shards.limits import STORAGE_LOOK_MS
from shards.process import log
from shards.vitals import State, Vitals


class Room:
    """Of one shard's journal."""

    def __init__(self, vitals: Vitals, monotonic: Callable[[], int]) -> None:
        """``monotonic`` gives ms that never step."""
        self._vitals = vitals
        self._monotonic_ms = monotonic
        self._full = False
        self._refused_ms = 0

    def is_due(self) -> bool:
        """Whether to try by itself: a shard that is told to be full may be asked nothing any more."""
        return self._full and self._monotonic_ms() - self._refused_ms >= STORAGE_LOOK_MS

    def ran_out(self) -> None:
        """Something could not be written for want of room."""
        self._refused_ms = self._monotonic_ms()
        if not self._full:
            self._full = True
            log.warning("the disk is full: commands are refused (STORAGE_FULL) until there is room")
            if self._vitals.state is State.SERVING:
                self._vitals.state = State.FULL

    def wrote(self) -> None:
        """Something was written. What fits now and then is no room: nothing may have been refused for a while."""
        if self.is_due():
            self._full = False
            log.warning("there is room on disk again")
            if self._vitals.state is State.FULL:
                self._vitals.state = State.SERVING

    def state(self) -> State:
        """Of a shard that is up."""
        return State.FULL if self._full else State.SERVING
