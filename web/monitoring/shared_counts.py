"""What is counted of requests: each worker in its own memory, and for the others in a file.

Counting stands in the way of every request, so nothing is written there. A thread writes the file within a second: a
disk that is busy with journals may take milliseconds for it, and the worker's loop must not wait so long. What was
counted in that second is lost if the worker is killed (SIGKILL), and only then. The file belongs to the worker's slot,
not to its process: a worker that follows a killed one goes on with its counts.

Where there is no room on the disk the file stays as it was, or is not there, while the memory goes on counting; it is
written as soon as there is room again. It is never mapped: whoever touches a page of a mapping that has no room is
ended (SIGBUS).
"""

import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec

from storage.files import put

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds of the buckets that times to answer are counted in; beyond the last is one more."""

WRITE_S: Final = 1.0  # between two writes: so much a killed worker forgets
SUFFIX: Final = ".counts"

_HISTOGRAM_LENGTH: Final = len(SECONDS) + 2
_log: Final = logging.getLogger("web.monitoring.shared_counts")

Histogram = Annotated[list[float], msgspec.Meta(min_length=_HISTOGRAM_LENGTH, max_length=_HISTOGRAM_LENGTH)]
"""Requests in each bucket, then all their seconds."""


class RequestStats(msgspec.Struct):
    """Numbers that only grow."""

    requests: dict[tuple[str, str, int], Histogram] = msgspec.field(default_factory=dict)  # by method, route and status
    refusals: dict[tuple[int, str], int] = msgspec.field(default_factory=dict)  # by shard and reason
    wrong_keys: int = 0  # calls with a wrong operator key

    def add_request(self, key: tuple[str, str, int], seconds: float) -> None:
        """One was answered, in so many seconds."""
        histogram = self.requests.get(key)
        if histogram is None:
            histogram = self.requests[key] = [0.0] * _HISTOGRAM_LENGTH
        histogram[bisect_left(SECONDS, seconds)] += 1
        histogram[-1] += seconds

    def add_refusal(self, key: tuple[int, str]) -> None:
        """One was refused."""
        self.refusals[key] = self.refusals.get(key, 0) + 1

    def add(self, other: "RequestStats") -> None:
        """All that another has counted."""
        for key, histogram in other.requests.items():
            mine = self.requests.get(key, [0.0] * _HISTOGRAM_LENGTH)
            self.requests[key] = [sum(pair) for pair in zip(mine, histogram, strict=True)]
        for refused, count in other.refusals.items():
            self.refusals[refused] = self.refusals.get(refused, 0) + count
        self.wrong_keys += other.wrong_keys


class SharedRequestStats:
    """The counts of all workers, as one of them sees them: its own to add to, all to read. Threads may share it."""

    def __init__(self, path: Path | None) -> None:
        """Share ``path``; None: there are no others, nothing is written."""
        self._path: Path | None = None
        self._own = RequestStats()
        self._counting = threading.RLock()  # a signal may end the worker in the midst of it, which then writes all
        self._writing = threading.RLock()
        self._is_told = False  # that the file cannot be written
        self._is_due = True  # to be written; where nothing is, nothing becomes due
        self._due = threading.Event()
        if path is not None:
            self.share(path)

    def share(self, path: Path) -> None:
        """Go on with what stands in ``path``, and write it from now on; once, before anything is counted."""
        self._path = path
        self._own = _read(path)
        self._is_due = False
        threading.Thread(target=self._write_for_ever, name="counts", daemon=True).start()

    def count_request(self, key: tuple[str, str, int], seconds: float) -> None:
        """A request was answered: method, the route's pattern, status."""
        with self._counting:
            self._own.add_request(key, seconds)
        if not self._is_due:
            self._make_due()

    def count_refusal(self, key: tuple[int, str]) -> None:
        """A shard refused a message: shard, reason."""
        with self._counting:
            self._own.add_refusal(key)
        if not self._is_due:
            self._make_due()

    def count_wrong_key(self) -> None:
        """A call came with a wrong operator key."""
        with self._counting:
            self._own.wrong_keys += 1
        if not self._is_due:
            self._make_due()

    def total(self) -> RequestStats:
        """What all workers have counted. What this one tells it has written: no other may ever tell less."""
        total = _decode(self.write())
        for path in self._others():
            total.add(_read(path))
        return total

    def write(self) -> bytes:
        """Give the others what was counted, and return it."""
        with self._writing:
            with self._counting:
                self._is_due = self._path is None
                content = msgspec.msgpack.encode(self._own)
            if self._path is not None:
                self._put(self._path, content)
            return content

    def _put(self, path: Path, content: bytes) -> None:
        """Write the file; where there is no room, that is told once, and tried again."""
        try:
            put(path, content)
        except OSError as fault:
            self._make_due()
            if not self._is_told:
                self._is_told = True
                _log.warning("metrics are counted in this worker's memory only, until they can be written: %s", fault)
        else:
            self._is_told = False

    def _make_due(self) -> None:
        self._is_due = True
        self._due.set()

    def _write_for_ever(self) -> None:
        while self._due.wait():
            time.sleep(WRITE_S)
            self._due.clear()
            self.write()

    def _others(self) -> Iterator[Path]:
        if self._path is not None:
            yield from (path for path in self._path.parent.glob(f"*{SUFFIX}") if path != self._path)


def _read(path: Path) -> RequestStats:
    """What stands there; nothing if there is no such file, or one of another release's before a reload."""
    try:
        return _decode(path.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return RequestStats()


def _decode(content: bytes) -> RequestStats:
    return msgspec.msgpack.decode(content, type=RequestStats)
