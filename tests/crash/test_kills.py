"""kill -9 of any process at any moment, under a load of real calls: what callers were told stays true."""

import os
import time
from collections.abc import Callable

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

BOTH = pytest.mark.parametrize("stage", [1, 4], indirect=True, ids=["1-shard", "4-shards"])


@BOTH
def test_a_shard(stage: Stage) -> None:
    """Callers of other shards never notice."""
    storm = Storm(stage)
    victims = range(max(1, stage.floor.shard_count // 2))
    storm.run(times(10), lambda: kill(shard_process(storm.exchange, storm.rnd.choice(victims))))
    storm.check_only(lambda call: bool(call.shards & set(victims)))


def test_everything(stage: Stage) -> None:
    storm = Storm(stage)
    storm.run(times(5), lambda: kill_everything(storm.exchange))


@BOTH
def test_a_shard_that_recovers(stage: Stage) -> None:
    """Killed again at once, and at any point of its way back."""
    storm = Storm(stage)
    shards = range(stage.floor.shard_count)

    def strike() -> None:
        shard = storm.rnd.choice(shards)
        pid = shard_process(storm.exchange, shard)
        kill(pid)
        pid = shard_process(storm.exchange, shard, pid)
        time.sleep(storm.rnd.uniform(0, 0.05))
        kill(pid)
        shard_process(storm.exchange, shard, pid)

    storm.run(times(5), strike)


def test_a_shard_that_takes_a_snapshot(stage: Stage) -> None:
    storm = Storm(stage)
    shards = range(stage.floor.shard_count)

    def strike() -> None:
        shard = storm.rnd.choice(shards)
        pid = shard_process(storm.exchange, shard)
        await_unfinished_snapshot(storm, shard)
        time.sleep(storm.rnd.uniform(0, 0.005))
        kill(pid)

    storm.run(times(5), strike)


def await_unfinished_snapshot(storm: Storm, shard: int) -> None:
    """Until a snapshot has been begun."""
    folder = storm.exchange.folder.shard(shard)
    end = time.monotonic() + BACK_S
    while not any(name.startswith(".snapshot-") for name in os.listdir(folder)):
        assert time.monotonic() < end, "no snapshot was seen"


def test_gunicorn_workers(stage: Stage) -> None:
    """Callers whose worker died lose their connection; nobody else notices, and no place in a mailbox is lost."""
    storm = Storm(stage)
    storm.run(times(30), lambda: kill(storm.rnd.choice(worker_processes(storm.exchange))))
    storm.check_only(lambda call: call.status == 0)


def test_the_gunicorn_master(stage: Stage) -> None:
    storm = Storm(stage)
    storm.run(times(5), lambda: kill_half(storm.exchange.web))
    storm.check_only(lambda call: call.status == 0)


def test_the_supervisor(stage: Stage) -> None:
    storm = Storm(stage)
    storm.run(times(5), lambda: kill_half(storm.exchange.engine))


def test_the_archive(stage: Stage) -> None:
    """Trading goes on; history is complete afterwards."""
    storm = Storm(stage)
    storm.run(times(5), lambda: kill(archive_process(storm.exchange)))
    storm.check_only(lambda call: call.is_question)


def test_any_of_them(stage: Stage) -> None:
    """One after the other, in no order."""
    storm = Storm(stage)
    exchange, rnd = storm.exchange, storm.rnd

    def strike() -> None:
        act: Callable[[], None] = rnd.choice(
            (
                lambda: kill(rnd.choice(worker_processes(exchange))),
                lambda: kill(archive_process(exchange)),
                lambda: kill(shard_process(exchange, rnd.randrange(stage.floor.shard_count))),
            )
        )
        act()

    storm.run(times(10), strike)
