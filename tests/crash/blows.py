"""Blows against a shard of an exchange under load."""

import os
import time

from tests.crash.processes import BACK_S, shard_process
from tests.crash.storm import Storm
from tests.exchange import kill


def kill_a_shard(storm: Storm, shard: int) -> None:
    """Whatever it does at the moment."""
    kill(shard_process(storm.exchange, shard))


def kill_in_recovery(storm: Storm, shard: int) -> None:
    """Once, and again at any point of its way back."""
    pid = shard_process(storm.exchange, shard)
    kill(pid)
    pid = shard_process(storm.exchange, shard, after=pid)
    time.sleep(storm.rnd.uniform(0, 0.05))
    kill(pid)


def kill_in_snapshot(storm: Storm, shard: int) -> None:
    """While its child writes a snapshot."""
    pid = shard_process(storm.exchange, shard)
    folder = storm.exchange.folder.shard(shard)
    end = time.monotonic() + BACK_S
    while not any(name.startswith(".snapshot-") for name in os.listdir(folder)):
        assert time.monotonic() < end, "no snapshot was seen"
    time.sleep(storm.rnd.uniform(0, 0.005))
    kill(pid)
