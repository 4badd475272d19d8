"""What each process of an exchange uses, looked at again and again in a thread of its own."""

import os
import threading
import time
from pathlib import Path
from statistics import median_high
from typing import NamedTuple, Self

from tests.crash.processes import archive_process, shard_process, worker_processes
from tests.exchange import Exchange


class Usage(NamedTuple):
    """One process at one moment."""

    at: float  # monotonic
    rss_kib: int
    descriptors: int
    threads: int


class Watch:
    """From ``with`` to its end, every ``interval_s``. Needs /proc."""

    def __init__(self, exchange: Exchange, interval_s: float) -> None:
        self._interval_s = interval_s
        self._pids = processes_by_name(exchange)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_often, daemon=True)
        self.seen: dict[str, list[Usage]] = {name: [] for name in self._pids}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.look()

    def _look_often(self) -> None:
        while not self._stop.wait(self._interval_s):
            self.look()

    def look(self) -> None:
        """Look once; a process that is gone is not looked at again."""
        for name, pid in self._pids.items():
            try:
                self.seen[name].append(usage(pid))
            except OSError:
                continue


def processes_by_name(exchange: Exchange) -> dict[str, int]:
    """Every lasting process of both services."""
    assert exchange.engine.pid is not None and exchange.web.pid is not None
    found = {"supervisor": exchange.engine.pid, "master": exchange.web.pid, "archive": archive_process(exchange)}
    found |= {f"shard {shard}": shard_process(exchange, shard) for shard in range(exchange.folder.shard_count)}
    return found | {f"worker {number}": pid for number, pid in enumerate(worker_processes(exchange))}


def usage(pid: int) -> Usage:
    """Raises OSError if there is no such process."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    if "VmRSS" not in fields:
        raise ProcessLookupError(pid)
    rss_kib, threads = int(fields["VmRSS"].split()[0]), int(fields["Threads"])
    return Usage(time.monotonic(), rss_kib, len(os.listdir(f"/proc/{pid}/fd")), threads)


def third(seen: list[Usage], number: int) -> list[Usage]:
    """The first third of what was seen (0), the middle one (1), or the last (2)."""
    size = max(1, len(seen) // 3)
    return seen[-size:] if number == 2 else seen[number * size : (number + 1) * size]


def typical_rss(seen: list[Usage], number: int) -> int:
    """Median RSS of a third, KiB."""
    return median_high(each.rss_kib for each in third(seen, number))
