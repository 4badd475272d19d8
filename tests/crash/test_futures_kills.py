"""kill -9 of any process at any moment, under a load of futures calls: what callers were told stays true."""

import pytest

from tests.crash.blows import kill_a_shard, kill_in_recovery, kill_in_snapshot
from tests.crash.processes import archive_process, kill_everything, kill_half, worker_processes
from tests.crash.settings import times
from tests.crash.storm import Stage, Storm
from tests.exchange import kill

ONE = pytest.mark.parametrize("futures_stage", [1], indirect=True, ids=["1-shard"])


def test_a_shard(futures_stage: Stage) -> None:
    """Callers of other shards never notice."""
    victims = range(futures_stage.floor.shard_count // 2)
    with Storm(futures_stage) as storm:
        storm.strike(times(6), lambda: kill_a_shard(storm, storm.rnd.choice(victims)))
    storm.check_only(lambda call: bool(call.shards & set(victims)))


def test_the_archive_and_workers(futures_stage: Stage) -> None:
    """Who asks for history waits, callers whose worker died lose their connection; nobody else notices."""
    with Storm(futures_stage) as storm:
        storm.strike(times(3), lambda: kill(archive_process(storm.exchange)))
        storm.strike(times(3), lambda: kill(storm.rnd.choice(worker_processes(storm.exchange))))
    storm.check_only(lambda call: call.needs_history or call.status == 0)


def test_shards_in_recovery_and_snapshots_the_supervisor_everything(futures_stage: Stage) -> None:
    with Storm(futures_stage) as storm:
        shards = range(futures_stage.floor.shard_count)
        storm.strike(times(3), lambda: kill_in_recovery(storm, storm.rnd.choice(shards)))
        storm.strike(times(3), lambda: kill_in_snapshot(storm, storm.rnd.choice(shards)))
        storm.strike(times(1), lambda: kill_half(storm.exchange.engine))
        storm.strike(times(1), lambda: kill_everything(storm.exchange))


@ONE
def test_the_only_shard_the_supervisor_everything(futures_stage: Stage) -> None:
    with Storm(futures_stage) as storm:
        storm.strike(times(3), lambda: storm.rnd.choice((kill_a_shard, kill_in_recovery))(storm, 0))
        storm.strike(times(2), lambda: kill_half(storm.exchange.engine))
        storm.strike(times(2), lambda: kill_everything(storm.exchange))
