"""A short load with a shard killed in its midst: nothing is missing, and nothing else has happened."""

import pytest

from loadtest.__main__ import may_lose
from loadtest.archive_audit import audit_archive
from loadtest.auditor import Auditor
from loadtest.load import read_statistics
from loadtest.processes import find_changes, find_traceback, read_processes
from tests.loadtest.stage import Load


def test_nothing_is_missing_though_a_shard_was_killed(load: Load) -> None:
    statements = load.auditor.statements
    assert load.found == []
    assert list(audit_archive(load.exchange.folder, statements)) == []
    assert len(load.calls) >= 100 and any(each.trades for each in statements.spot.values())
    assert any(each.fills for each in statements.futures.values())
    assert read_statistics(load.plan.report)[-1].calls > 0
    assert b"<html" in load.plan.report.with_suffix(".html").read_bytes()


def test_a_load_that_did_nothing_is_found(load: Load) -> None:
    refused = [call for call in load.calls if call.status != 200]
    found = list(Auditor(load.exchange.base_url, []).findings(refused, {}, may_lose=False))
    assert found == ["not one order was acknowledged"]


def test_only_what_was_killed_may_have_changed(load: Load) -> None:
    after = read_processes(load.exchange)
    assert list(find_changes(load.processes, after, "shard")) == []
    for killed in (None, "worker"):
        (found,) = find_changes(load.processes, after, killed)
        assert found.startswith("shard: ")
    (found,) = find_changes(load.processes, {**after, "worker": set()}, "shard")
    assert found.startswith("worker: ")


def test_a_traceback_in_the_log_is_found(load: Load) -> None:
    assert list(find_traceback(load.exchange)) == []
    with (load.exchange.path / "log").open("a") as log:
        log.write("Traceback (most recent call last):\n  nowhere\n")
    (found,) = find_traceback(load.exchange)
    assert "nowhere" in found


@pytest.mark.parametrize(
    ("kill", "url", "excused"),
    [(None, None, False), ("shard", None, False), ("worker", None, True), (None, "https://elsewhere", True)],
)
def test_only_a_killed_worker_excuses_lost_connections(kill: str | None, url: str | None, excused: bool) -> None:
    assert may_lose(kill, url) == excused
