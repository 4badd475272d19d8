"""One recovery of a shard's folder in a process of its own.

``python -m loadtest.bench.recovering <folder> [snapshot]`` prints :class:`Recovery` as JSON. With ``snapshot`` it
writes one afterwards, so that the next recovery starts from it.
"""

import os
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from loadtest.bench.processes import resident_bytes
from shards.engine.state import dump_state, dump_underway
from shards.process import freeze_heap
from shards.runtime.recovery import recover
from storage.snapshot import Snapshot, write_snapshot

SNAPSHOT: Final = "snapshot"


class Recovery(msgspec.Struct):
    """The cost of one recovery."""

    records: int  # in the journal
    orders: int  # open
    seconds: float  # until the engine is ready to serve
    cpu_s: float
    resident_bytes: int  # of the process when it is ready
    snapshot_s: float = 0  # to write one


def _recover(folder: Path, then: str) -> Recovery:
    start, cpu = time.perf_counter(), time.process_time()
    engine, journal, _ = recover(folder, 0, 1)
    freeze_heap()
    told = Recovery(
        records=engine.sequence,
        orders=sum(len(machine.open) for machine in engine.markets.values()),
        seconds=time.perf_counter() - start,
        cpu_s=time.process_time() - cpu,
        resident_bytes=resident_bytes(os.getpid()),
    )
    if then == SNAPSHOT:
        start = time.perf_counter()
        write_snapshot(folder, Snapshot(journal.last, dump_state(engine), dump_underway(engine)))
        told.snapshot_s = time.perf_counter() - start
    journal.close()
    return told


if __name__ == "__main__":
    print(msgspec.json.encode(_recover(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")).decode())
