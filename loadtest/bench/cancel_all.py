"""What cancel-all costs: in a book that is otherwise empty, and in one full of other people's orders.

``python -m loadtest.bench.cancel_all [--own 10000] [--others 200000] [--repeats 5]``: for each repeat a real engine
starts on each of the two books in turn, and one cancel-all is timed from the call to the last order of its reply.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loadtest.bench.seeding import OWNER, seed_folder
from shards.client import Client
from shards.messages import CancelAll, OrdersReply
from storage.folder import Folder

_READY_S = 120


def measure(folder: Folder, own: int) -> float:
    """Start an engine on the folder and cancel everything of the owner; returns seconds."""
    # no snapshot: its child shares the memory, and the first touch of each page would be timed too
    settings = {"SHARDEX_DATA": str(folder.path), "SHARDEX_SHARDS": "1", "SHARDEX_SNAPSHOT_RECORDS": "1000000000"}
    environment = {**os.environ, **settings}
    engine = subprocess.Popen([sys.executable, "-m", "shards"], env=environment, stderr=subprocess.DEVNULL)
    client = Client(folder)
    try:
        until = time.monotonic() + _READY_S
        while not client.is_serving(0):
            if time.monotonic() > until:
                raise SystemExit("the engine does not serve")
            client.wait_connected(0.1)
        start = time.perf_counter()
        reply = client.call(0, CancelAll(OWNER), deadline_ms=60_000)
        seconds = time.perf_counter() - start
        assert isinstance(reply, OrdersReply), reply
        assert len({order.id for order in reply.orders}) == len(reply.orders) == own
        return seconds
    finally:
        client.close()
        engine.send_signal(signal.SIGKILL)
        engine.wait()


def main() -> None:
    """Print both costs and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--own", type=int, default=10_000)
    parser.add_argument("--others", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    times: dict[int, list[float]] = {0: [], options.others: []}
    for _ in range(options.repeats):
        for others, taken in times.items():
            with tempfile.TemporaryDirectory(prefix="sx") as path:
                taken.append(measure(seed_folder(Path(path), others, options.own), options.own))
    for others, taken in times.items():
        spread = f"{min(taken) * 1e3:.0f} to {max(taken) * 1e3:.0f}"
        print(f"{options.own} own orders among {others:7} others: {statistics.median(taken) * 1e3:6.0f} ms ({spread})")
    empty, full = (statistics.median(taken) for taken in times.values())
    print(f"ratio {full / empty:.2f}")


if __name__ == "__main__":
    main()
