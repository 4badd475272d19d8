"""kill -9 of any process at any moment, under a load of real calls: what was acknowledged stays true."""

import pytest

from tests.crash.faults import kill_a_shard, kill_in_recovery, kill_in_snapshot
from tests.crash.processes import archive_process, kill_everything, kill_service, worker_processes
from tests.crash.settings import times
from tests.crash.storm import Stage, Storm
from tests.exchange import kill

BOTH = pytest.mark.parametrize("stage", [("spot", 4), ("futures", 4)], indirect=True, ids=["spot", "futures"])
ALONE = pytest.mark.parametrize("stage", [("spot", 1), ("futures", 1)], indirect=True, ids=["spot", "futures"])


@BOTH
def test_a_shard(stage: Stage) -> None:
    """Callers of other shards never notice."""
    victims = range(stage.floor.shard_count // 2)
    with Storm(stage) as storm:
        storm.strike(times(6), lambda: kill_a_shard(storm, storm.rnd.choice(victims)))
    storm.check_only(lambda call: bool(call.shards & set(victims)))


@BOTH
def test_the_archive(stage: Stage) -> None:
    """Trading goes on; history is complete afterwards."""
    with Storm(stage) as storm:
        storm.strike(times(3), lambda: kill(archive_process(storm.exchange)))
    storm.check_only(lambda call: call.needs_history)


@BOTH
def test_gunicorn_workers_and_master(stage: Stage) -> None:
    """Callers whose worker died lose their connection; nobody else notices, and no place in a mailbox is lost."""
    with Storm(stage) as storm:
        storm.strike(times(9), lambda: kill(storm.rnd.choice(worker_processes(storm.exchange))))
        storm.strike(times(2), lambda: kill_service(storm.exchange.web))
    storm.check_only(lambda call: call.status == 0)


@BOTH
def test_shards_in_recovery_and_snapshots_the_supervisor_everything(stage: Stage) -> None:
    with Storm(stage) as storm:
        shards = range(stage.floor.shard_count)
        storm.strike(times(3), lambda: kill_in_recovery(storm, storm.rnd.choice(shards)))
        storm.strike(times(3), lambda: kill_in_snapshot(storm, storm.rnd.choice(shards)))
        storm.strike(times(2), lambda: kill_service(storm.exchange.engine))
        storm.strike(times(2), lambda: kill_everything(storm.exchange))


@ALONE
def test_the_only_shard_the_supervisor_everything(stage: Stage) -> None:
    with Storm(stage) as storm:
        storm.strike(times(3), lambda: storm.rnd.choice((kill_a_shard, kill_in_recovery))(storm, 0))
        storm.strike(times(1), lambda: kill_service(storm.exchange.engine))
        storm.strike(times(1), lambda: kill_everything(storm.exchange))
