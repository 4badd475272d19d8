"""Orderly ends under load: SIGTERM and SIGHUP of gunicorn, SIGTERM of the engine, and shards that stand still."""

from tests.crash.faults import fail_syncs, fail_writes, reload_workers, restart
from tests.crash.kinds import before_its_answer
from tests.crash.processes import BACK_S, shard_process, stopped
from tests.crash.settings import times
from tests.crash.storm import Stage, Storm
from tests.exchange import until


def test_gunicorn_and_the_engine_end(stage: Stage) -> None:
    """Who is being served is served; who comes too late loses the connection before an answer begins."""
    with Storm(stage) as storm:
        storm.strike(times(2), lambda: restart(storm.exchange.web))
        storm.strike(times(2), lambda: reload_workers(storm.exchange))
        storm.check_only(before_its_answer)
        storm.strike(times(2), lambda: restart(storm.exchange.engine))
    storm.check_only(lambda call: before_its_answer(call) or call.status in (500, 503, 504))


def test_a_shard_stands_still_and_cannot_write_or_sync(stage: Stage) -> None:
    """Its callers wait; those of other shards never notice."""
    with Storm(stage) as storm:

        def stand_still() -> None:
            with stopped(shard_process(storm.exchange, 0)):
                goal = storm.load.decided_count() + 50
                until(lambda: storm.load.decided_count() >= goal, BACK_S, "the others go on")

        storm.strike(times(1), stand_still)
        storm.strike(times(2), lambda: fail_writes(storm, 0))
        storm.strike(times(2), lambda: fail_syncs(storm, 0))
    storm.check_only(lambda call: call.owner.account_shard == 0 or 0 in call.shards)
