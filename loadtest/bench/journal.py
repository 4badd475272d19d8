"""The journal: commits, replay, snapshots, recovery, memory.

``python -m loadtest.bench.journal [--quick] [--repeats N]``.

* Commits: :class:`storage.journal.Journal` with batches of 1, 8 and 64 records of a cancel's size, with the sync of the
  default durability and without (``PRAGMA synchronous=OFF``, which Shardex never runs with). Beside it a plain file to
  which the same bytes are appended with one ``fdatasync``: the limit of this disk and file system.
* Replay: the journal of :mod:`loadtest.bench.stream` (half placements with their fills, half cancels) through a whole
  engine, in a process of its own.
* Recovery: 10 k, 100 k and 1 M open orders (1,000 levels a side, 100 accounts), first from the journal alone, then
  from a snapshot with nothing after it. ``--quick`` leaves out 1 M, and 1 M is measured once.
* Memory: what the process uses with that many open orders more than with none, per order: after the replay, and after
  loading a snapshot. ``journal memory`` is for 100 k. Every order has a client id.

The folder is in the directory for temporary files: choose another disk with TMPDIR.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from loadtest.bench.books import SEED
from loadtest.bench.command import Options, run_topics
from loadtest.bench.own_books import commands_of
from loadtest.bench.recovering import SNAPSHOT, Recovery
from loadtest.bench.results import BUILD, Figure, Report, take_turns
from loadtest.bench.seeding import START_MS, seed_folder, write_journal
from loadtest.bench.stream import make_stream
from shards.engine.engine import MAILBOX
from shards.folder import Folder
from shards.model.codec import encode
from shards.model.commands import Cancel
from shards.model.ids import make_number
from storage.journal import Journal, Record

BATCHES: Final = (1, 8, 64)
COMMITS: Final = 500
COMMITS_QUICK: Final = 100
OPERATIONS: Final = 80_000  # of the replayed stream
OPERATIONS_QUICK: Final = 20_000
SIZES: Final = (10_000, 100_000, 1_000_000)
USUAL: Final = 100_000  # orders of ``journal memory``
LARGE: Final = 1_000_000  # orders; measured once
FILE: Final = "append to a file + fdatasync"

Append = Callable[[Sequence[Record]], None]


def measure(report: Report, options: Options) -> None:
    """Measure commits, replay and recovery."""
    _commits(report, options)
    _replay(report, options)
    _recoveries(report, options)


# Commits


def _commits(report: Report, options: Options) -> None:
    count = COMMITS_QUICK if options.quick else COMMITS
    for batch in BATCHES:
        runs = take_turns(
            {
                FILE: partial(append_to_file, count, batch),
                "sync": partial(_append_to_journal, count, batch, "FULL"),
                "no sync": partial(_append_to_journal, count, batch, "OFF"),
            },
            options.repeats,
        )
        for name in ("sync", "no sync"):
            title = f"batch {batch} {name}"
            report.add([Figure(f"journal commits {title}", "commits/s", runs[name], FILE, runs[FILE])])
            records, of_file = ([batch * rate for rate in runs[each]] for each in (name, FILE))
            report.add([Figure(f"journal records {title}", "records/s", records, FILE, of_file)])


def _append_to_journal(count: int, batch: int, synchronous: str) -> float:
    opened: list[sqlite3.Connection] = []

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        opened.append(sqlite3.connect(*args, **options))
        return opened[-1]

    with (
        tempfile.TemporaryDirectory(prefix="sx") as path,
        closing(Journal(Path(path) / "journal.sqlite", connect=connect)) as journal,
    ):
        opened[-1].execute(f"PRAGMA synchronous={synchronous}")  # of this connection alone; a journal always syncs
        return _time_commits(count, batch, journal.append)


def append_to_file(count: int, batch: int) -> float:
    """Commits per second of a plain file."""
    with tempfile.NamedTemporaryFile(prefix="sx") as file:
        number = file.fileno()

        def append(records: Sequence[Record]) -> None:
            os.write(number, b"".join(record.body for record in records))
            os.fdatasync(number)

        return _time_commits(count, batch, append)


def _time_commits(count: int, batch: int, append: Append) -> float:
    """Commits per second."""
    body = encode(Cancel(make_number(1, 123_456), "trader-12"))
    batches = [
        [Record(first + index, START_MS, MAILBOX, 0, body) for index in range(batch)]
        for first in range(1, count * batch + 1, batch)
    ]
    start = time.perf_counter()
    for records in batches:
        append(records)
    return count / (time.perf_counter() - start)


# Replay


def _replay(report: Report, options: Options) -> None:
    with tempfile.TemporaryDirectory(prefix="sx") as path:
        folder = Folder.open(Path(path), 1)
        stream = make_stream(SEED, OPERATIONS_QUICK if options.quick else OPERATIONS)
        write_journal(folder, commands_of(stream))
        told = [_recover(folder) for _ in range(options.repeats)]
    report.add([Figure("journal replay", "records/s", [each.records / each.seconds for each in told])])
    report.add([Figure("journal replay CPU", "µs", [1e6 * each.cpu_s / each.records for each in told])])


def _recover(folder: Folder, then: str = "") -> Recovery:
    command = [sys.executable, "-m", "loadtest.bench.recovering", str(folder.shard(0)), then]
    told = subprocess.run(command, cwd=BUILD.parent, capture_output=True, text=True, check=True)
    return msgspec.json.decode(told.stdout, type=Recovery)


# Recovery and memory


def _recoveries(report: Report, options: Options) -> None:
    empty = _empty_bytes()
    for size in SIZES:
        if size == LARGE and options.quick:
            report.tell(f"{'':6}{size:,} open orders: not with --quick")
            continue
        with tempfile.TemporaryDirectory(prefix="sx") as path:
            _recovery(report, seed_folder(Path(path), size, 0), size, empty, 1 if size == LARGE else options.repeats)


def _empty_bytes() -> int:
    """Resident bytes of a process whose engine has no orders."""
    with tempfile.TemporaryDirectory(prefix="sx") as path:
        return _recover(seed_folder(Path(path), 0, 0)).resident_bytes


def _recovery(report: Report, folder: Folder, size: int, empty: int, repeats: int) -> None:
    replayed = [_recover(folder) for _ in range(repeats - 1)]
    replayed.append(_recover(folder, SNAPSHOT))  # the last one writes the snapshot for the next step
    loaded = [_recover(folder) for _ in range(repeats)]
    assert {each.orders for each in (*replayed, *loaded)} == {size}
    which = "" if size == USUAL else f" {size}"
    report.add(
        [
            Figure(
                f"journal recovery {size}",
                "s",
                [each.seconds for each in loaded],
                "replay",
                [each.seconds for each in replayed],
            ),
            Figure(
                f"journal recovery {size} CPU",
                "s",
                [each.cpu_s for each in loaded],
                "replay",
                [each.cpu_s for each in replayed],
            ),
            Figure(f"journal snapshot {size}", "s", [replayed[-1].snapshot_s]),
            Figure(f"journal memory{which}", "bytes/order", _bytes_each(replayed, empty)),
            Figure(f"journal memory after a snapshot{which}", "bytes/order", _bytes_each(loaded, empty)),
        ]
    )


def _bytes_each(runs: Sequence[Recovery], empty: int) -> list[float]:
    """Bytes per order, of each run."""
    return [(each.resident_bytes - empty) / each.orders for each in runs]


if __name__ == "__main__":
    run_topics({"journal": measure}, __doc__)
