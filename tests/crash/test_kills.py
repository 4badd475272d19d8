"""kill -9 of any process at any moment, under a load of real calls: what callers were told stays true."""

import os
import time

import pytest

from tests.crash.processes import (
    BACK_S,
    archive_process,
    kill_everything,
    kill_half,
    shard_process,
    worker_processes,
)
from tests.crash.settings import times
from tests.crash.storm import Stage, Storm
from tests.exchange import kill

ONE = pytest.mark.parametrize("stage", [1], indirect=True, ids=["1-shard"])


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


def test_a_shard(stage: Stage) -> None:
    """Callers of other shards never notice."""
    storm = Storm(stage)
    victims = range(stage.floor.shard_count // 2)
    storm.run(times(10), lambda: kill_a_shard(storm, storm.rnd.choice(victims)))
    storm.check_only(lambda call: bool(call.shards & set(victims)))


@ONE
def test_the_only_shard(stage: Stage) -> None:
    storm = Storm(stage)
    storm.run(times(6), lambda: storm.rnd.choice((kill_a_shard, kill_in_recovery))(storm, 0))


def test_a_shard_in_recovery_or_snapshot(stage: Stage) -> None:
    storm = Storm(stage)
    acts = [kill_in_recovery, kill_in_snapshot] * times(5)
    storm.run(len(acts), lambda: acts.pop()(storm, storm.rnd.randrange(stage.floor.shard_count)))


def test_gunicorn_workers(stage: Stage) -> None:
    """Callers whose worker died lose their connection; nobody else notices, and no place in a mailbox is lost."""
    storm = Storm(stage)
    storm.run(times(30), lambda: kill(storm.rnd.choice(worker_processes(storm.exchange))))
    storm.check_only(lambda call: call.status == 0)


def test_the_gunicorn_master(stage: Stage) -> None:
    storm = Storm(stage)
    storm.run(times(5), lambda: kill_half(storm.exchange.web))
    storm.check_only(lambda call: call.status == 0)


def test_the_supervisor_and_everything(stage: Stage) -> None:
    storm = Storm(stage)
    acts = [lambda: kill_half(storm.exchange.engine), lambda: kill_everything(storm.exchange)] * times(5)
    storm.run(len(acts), lambda: acts.pop()())


def test_the_archive(stage: Stage) -> None:
    """Trading goes on; history is complete afterwards."""
    storm = Storm(stage)
    storm.run(times(5), lambda: kill(archive_process(storm.exchange)))
    storm.check_only(lambda call: call.is_question)
