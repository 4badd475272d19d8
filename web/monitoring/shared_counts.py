"""Request counts: each worker counts in its own memory, and publishes to the others in a file.

Counting is part of every request, so it does no I/O. A thread writes the file within a second: a disk busy with
journals may take milliseconds for it, and the worker's loop must not wait that long. Counts of that second are lost
only if the worker is killed (SIGKILL). The file belongs to the worker's slot, not to its process: the successor of a
killed worker continues its counts.

When the disk is full, the file stays as it was, or missing, while counting in memory continues; it is written as soon
as there is space. It is never mapped: a process that touches a page of a mapping without disk space is killed (SIGBUS).
"""

import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec

from storage.files import put

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the response time histogram's buckets, in seconds; one more bucket lies beyond the last."""

WRITE_S: Final = 1.0  # between two writes: the most that a killed worker loses
SUFFIX: Final = ".counts"

_HISTOGRAM_LENGTH: Final = len(SECONDS) + 2
_log: Final = logging.getLogger("web.monitoring.shared_counts")

Histogram = Annotated[list[float], msgspec.Meta(min_length=_HISTOGRAM_LENGTH, max_length=_HISTOGRAM_LENGTH)]
"""Requests in each bucket, then the sum of their seconds."""


class RequestStats(msgspec.Struct):
    """Monotonic counters."""

    requests: dict[tuple[str, str, int], Histogram] = msgspec.field(default_factory=dict)  # by method, route and status
    refusals: dict[tuple[int, str], int] = msgspec.field(default_factory=dict)  # by shard and reason
    wrong_keys: int = 0  # calls with a wrong operator key

    def add_request(self, key: tuple[str, str, int], seconds: float) -> None:
        histogram = self.requests.get(key)
        if histogram is None:
            histogram = self.requests[key] = [0.0] * _HISTOGRAM_LENGTH
        histogram[bisect_left(SECONDS, seconds)] += 1
        histogram[-1] += seconds

    def add_refusal(self, key: tuple[int, str]) -> None:
        self.refusals[key] = self.refusals.get(key, 0) + 1

    def add(self, other: "RequestStats") -> None:
        """Add another worker's counts."""
        for key, histogram in other.requests.items():
            mine = self.requests.get(key, [0.0] * _HISTOGRAM_LENGTH)
            self.requests[key] = [sum(pair) for pair in zip(mine, histogram, strict=True)]
        for refused, count in other.refusals.items():
            self.refusals[refused] = self.refusals.get(refused, 0) + count
        self.wrong_keys += other.wrong_keys


class SharedRequestStats:
    """The counts of all workers, as one of them sees them: its own to add to, all to read. Thread-safe."""

    def __init__(self, path: Path | None, put: Callable[[Path, bytes], None] = put, write_s: float = WRITE_S) -> None:
        """Share ``path``, which ``put`` writes, with ``write_s`` between two writes.

        None: there are no other workers, and nothing is written.
        """
        self._path: Path | None = None
        self._put = put
        self._write_s = write_s
        self._own = RequestStats()
        self._counting = threading.RLock()  # reentrant: the exit handler may run, and write, while counting
        self._writing = threading.RLock()
        self._has_warned = False  # that the file cannot be written
        self._is_due = True  # to be written; constantly true if there is no file
        self._due = threading.Event()
        if path is not None:
            self.share(path)

    def share(self, path: Path) -> None:
        """Continue the counts stored in ``path``, and write to it from now on; once, before anything is counted."""
        self._path = path
        self._own = _read(path)
        self._is_due = False
        threading.Thread(target=self._write_forever, name="counts", daemon=True).start()

    def count_request(self, key: tuple[str, str, int], seconds: float) -> None:
        """Count an answered request: method, the route's pattern, status."""
        with self._counting:
            self._own.add_request(key, seconds)
        if not self._is_due:
            self._make_due()

    def count_refusal(self, key: tuple[int, str]) -> None:
        """Count a message rejected by a shard: shard, reason."""
        with self._counting:
            self._own.add_refusal(key)
        if not self._is_due:
            self._make_due()

    def count_wrong_key(self) -> None:
        """Count a call with a wrong operator key."""
        with self._counting:
            self._own.wrong_keys += 1
        if not self._is_due:
            self._make_due()

    def total(self) -> RequestStats:
        """The sum over all workers. Its own counts are written first, so that no worker reports less later."""
        total = _decode(self.write())
        for path in self._others():
            total.add(_read(path))
        return total

    def write(self) -> bytes:
        """Publish this worker's counts to the others; returns them encoded."""
        with self._writing:
            with self._counting:
                self._is_due = self._path is None
                content = msgspec.msgpack.encode(self._own)
            if self._path is not None:
                self._publish(self._path, content)
            return content

    def _publish(self, path: Path, content: bytes) -> None:
        """Write the file; on failure warn once, and retry later."""
        try:
            self._put(path, content)
        except OSError as fault:
            self._make_due()
            if not self._has_warned:
                self._has_warned = True
                _log.warning("metrics are counted in this worker's memory only, until they can be written: %s", fault)
        else:
            self._has_warned = False

    def _make_due(self) -> None:
        self._is_due = True
        self._due.set()

    def _write_forever(self) -> None:
        while self._due.wait():
            time.sleep(self._write_s)
            self._due.clear()
            self.write()

    def _others(self) -> Iterator[Path]:
        if self._path is not None:
            yield from (path for path in self._path.parent.glob(f"*{SUFFIX}") if path != self._path)


def _read(path: Path) -> RequestStats:
    """The stored counts; empty if there is no file, or one of another release from before a reload."""
    try:
        return _decode(path.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return RequestStats()


def _decode(content: bytes) -> RequestStats:
    return msgspec.msgpack.decode(content, type=RequestStats)
