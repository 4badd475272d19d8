"""The supervisor's watches: for stalled processes and for clock jumps."""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from shards.clock import monotonic_ms, now_ms
from shards.limits import BEAT_S, CLOCK_JUMP_MS, LOOK_TURN_S, SILENCE_LOGGED_S
from shards.process import log
from shards.vitals import Signs, Vitals, read_signs

_CPU: Final = slice(11, 13)  # in /proc/PID/stat, after the name: time in user mode and in the kernel
_WORDS: Final = {
    "T": "it is stopped by a signal",
    "t": "it is stopped by a debugger",
    "D": "it waits for the disk",
    "R": "it computes",
    "S": "it sleeps",
}
_STANDS: Final = ("T", "S")  # not a traced one: its debugger wants to see it as it is


class StillWatch:
    """Detects a stalled process: it sends no heartbeat, uses no CPU, and does not wait for the disk.

    A process that computes is not stalled, however long one task takes: if killed, it would start the same task again.
    One that waits for the disk cannot be killed, and its successor would wait for the same. Time is counted as it
    passes for this process, so suspending the machine or this process does not count against others.
    """

    def __init__(self, name: str, path: Path, monotonic: Callable[[], int] = monotonic_ms) -> None:
        """``path``: its vitals; ``monotonic`` returns milliseconds that never jump."""
        self._name = name
        self._path = path
        self._monotonic_ms = monotonic
        self._seen = (0, 0)  # pid and its last heartbeat
        self._cpu: tuple[int, int] | None = None
        self._looked_ms = monotonic()
        self._silent_s = 0.0
        self.still_s = 0.0  # the part of it without CPU use: how long it has stalled
        self._is_logged = False

    def look(self, pid: int) -> None:
        """Check the process with this pid. Logs once when it has been silent for long, and once when it continues."""
        now = self._monotonic_ms()
        spent_s, self._looked_ms = min((now - self._looked_ms) / 1_000, LOOK_TURN_S), now
        signs = read_signs(self._path) or Signs()
        if (pid, signs.beat_ms) != self._seen:
            self._heard(pid, signs)
            return
        self._silent_s += spent_s
        if self._silent_s <= 2 * BEAT_S:
            return
        state, cpu = _read_state(pid)
        stands = state in _STANDS and cpu == self._cpu
        self.still_s = self.still_s + spent_s if stands else 0.0
        self._cpu = cpu
        if self._silent_s >= SILENCE_LOGGED_S and not self._is_logged:
            self._is_logged = True
            word = _WORDS.get(state, "why is not known")
            log.warning("%s (pid %d) has sent no heartbeat for %.0f s: %s", self._name, pid, self._silent_s, word)

    def _heard(self, pid: int, signs: Signs) -> None:
        if self._is_logged and pid == self._seen[0]:
            log.warning("%s (pid %d) is running again after %.0f s", self._name, pid, self._silent_s)
        self._seen = (pid, signs.beat_ms)
        self._silent_s = self.still_s = 0.0
        self._cpu = None
        self._is_logged = False


def _read_state(pid: int) -> tuple[str, tuple[int, int] | None]:
    """Return the state letter and CPU times; ("", None) if unknown: then nothing counts as stalled."""
    if sys.platform == "linux":
        with suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            user, kernel = (int(field) for field in fields[_CPU])
            return fields[0], (user, kernel)
    return "", None


class ClockWatch:
    """Detects jumps of the time of day relative to monotonic time."""

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals
        self._ahead_ms = now_ms() - monotonic_ms()

    def look(self) -> None:
        """Check again; a jump is logged and published."""
        ahead_ms = now_ms() - monotonic_ms()
        jump_ms, self._ahead_ms = ahead_ms - self._ahead_ms, ahead_ms
        if abs(jump_ms) < CLOCK_JUMP_MS:
            return
        self._vitals.jumped(jump_ms)
        what = "forward, or the machine was suspended" if jump_ms > 0 else "back: timestamps wait until it catches up"
        log.warning("the clock jumped by %+.1f s %s", jump_ms / 1_000, what)
