"""The exchange that the tests run on finds its own processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.exchange import has_open, until
from tests.http.venue import Venue


def test_pids(venue: Venue) -> None:
    exchange = venue.exchange
    pids = [*(exchange.shard_pid(shard) for shard in venue.shards), exchange.archive_pid()]
    assert len(set(pids)) == venue.shard_count + 1
    assert len(exchange.worker_pids()) == 2
    assert {*pids, *exchange.worker_pids(), exchange.engine.pid, exchange.web.pid} <= set(exchange.processes())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_a_process_that_ends_has_nothing_open(tmp_path: Path) -> None:
    """Its descriptors cannot be seen any more by an ordinary user, and that is no fault."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    try:
        until(lambda: "(zombie)" in Path(f"/proc/{ended.pid}/status").read_text(), 10, "ended and not reaped")
        assert not has_open(ended.pid, tmp_path)
    finally:
        ended.wait()
