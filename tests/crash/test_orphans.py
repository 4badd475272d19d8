"""kill -9 of whoever started others: these end too, and keep no port, socket or lock from the next start."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from shards.process import is_locked, read_pid
from tests.crash.processes import BACK_S
from tests.exchange import Exchange, free_port, group_members, kill, until
from tests.http.starts import Run, can_bind
from web.cli.service import ENGINE, STOP_S, WEB

END_S: Final = 15.0  # callers are answered first
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
pytestmark = linux


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="sx", dir="/tmp"))
    yield path
    for run in Run.started:
        if run.process.poll() is None:
            run.stop()
    Run.started.clear()
    left = [read_pid(lock) for lock in path.glob("data/run/runner-*.lock") if is_locked(lock)]
    for pid in (pid for group in left for pid in group_members(group or -1)):
        kill(pid)
    shutil.rmtree(path, ignore_errors=bool(left))


def test_the_runner_is_killed(folder: Path) -> None:
    """Alone, or with the first processes of its services; the next one starts at once, on the same port and folder."""
    run = Run(folder, free_port(), SHARDEX_SHARDS="1")
    for killed in ((), (ENGINE,), (WEB,), (ENGINE, WEB)):
        run.wait_shown()
        groups = run.services()
        assert set(groups) == {ENGINE, WEB}
        for pid in (run.process.pid, *(groups[name] for name in killed)):
            kill(pid)
        run.process.wait()
        run = Run(folder, run.port, SHARDEX_SHARDS="1")
        run.wait_shown()
        assert not [pid for group in groups.values() for pid in group_members(group)], killed
    after = run.services()
    kill(run.process.pid)
    run.process.wait()
    until(lambda: not any(map(group_members, after.values())), END_S, "nothing is left, with nobody to look for it")
    assert can_bind(run.port)


def test_what_does_not_end_is_named_and_ended_by_the_next_one(folder: Path) -> None:
    """An engine that stands still cannot hear that it is to end. While its runner lives, that one is named instead."""
    run = Run(folder, free_port(), SHARDEX_SHARDS="1")
    run.wait_shown()
    services = run.services()
    engine = services[ENGINE]
    other = Run(folder, free_port(), SHARDEX_SHARDS="1")
    assert other.process.wait(BACK_S) == 1
    assert f"another engine runs on {run.data}" in other.output()
    assert f"process {run.process.pid}" in other.output()
    assert run.services() == services
    os.kill(engine, signal.SIGSTOP)
    kill(run.process.pid)
    run.process.wait()
    again = Run(folder, run.port, SHARDEX_SHARDS="1")
    until(lambda: f"(process group {engine}): ending it first" in again.output(), BACK_S, "it is named")
    until(lambda: not group_members(engine), STOP_S[ENGINE] + STOP_S[WEB] + BACK_S, "it is ended")
    again.wait_shown()


@pytest.mark.parametrize("own_exchange", [2], indirect=True)
def test_the_supervisor_is_killed(own_exchange: Exchange) -> None:
    """Its shards end with it, whatever they are doing: also one that stands still."""
    engine = own_exchange.engine.pid
    assert engine is not None
    os.kill(own_exchange.shard_pid(0), signal.SIGSTOP)
    kill(engine)
    until(lambda: not group_members(engine), BACK_S, "no shard is left")
    until(lambda: own_exchange.engine.reap() is not None, BACK_S, "it ended")
    own_exchange.engine.start()
    own_exchange.wait_ready()
