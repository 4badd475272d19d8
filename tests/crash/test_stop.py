"""An orderly stop leaves a snapshot of all there is, or goes on without; ``shardex snapshot`` asks for one."""

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.signing import bearer
from loadtest.spot_audit import ORDERS
from storage.snapshot import list_snapshots, sequence_of
from tests.crash.commands import shardex
from tests.crash.floor import Account, Floor, done
from tests.crash.processes import BACK_S, await_archived, connected, shard_process
from tests.exchange import Exchange, until
from web.cli.run import ENGINE, STOP_S

SHARDS = 2
TRIES = 10


@pytest.fixture(scope="module")
def floor() -> Iterator[Floor]:
    with Exchange(SHARDS) as exchange:
        yield Floor(exchange)


Kept = list[tuple[Account, str]]


def trade(floor: Floor, count: int = 3) -> Kept:
    """Place and cancel on every market; the orders that stay open, and whose they are."""
    kept: Kept = []
    for market in floor.markets:
        order = {"symbol": market.symbol, "side": "buy", "type": "limit", "price": "1", "quantity": "1"}
        account = floor.accounts_of(1 - market.shard)
        for _ in range(count):
            kept.append((account, done(call(floor, account, "POST", ORDERS, order))["id"]))
            gone = done(call(floor, account, "POST", ORDERS, order))["id"]
            done(call(floor, account, "DELETE", f"{ORDERS}/{gone}"))
    return kept


def call(floor: Floor, account: Account, method: str, path: str, body: dict[str, str] | None = None) -> object:
    return floor.exchange.call(method, path, body, None, bearer(account))


def positions(exchange: Exchange) -> list[tuple[int, int]]:
    """Per shard the newest record and that of its newest snapshot."""
    shards = done(exchange.operate("GET", "/shards"))["shards"]
    return [(shard["journal_seq"], shard["snapshot_seq"]) for shard in shards]


def restart(exchange: Exchange) -> None:
    """Stop in order, and start again."""
    exchange.stop()
    assert exchange.strays == []
    exchange.start()


def test_a_snapshot_is_taken_on_request(floor: Floor) -> None:
    """The answer comes when they are on disk; without anything new it comes at once."""
    trade(floor)
    for _ in range(2):
        output = shardex(floor.exchange.data, "snapshot").ok()
        known = positions(floor.exchange)
        assert all(record == taken > 0 for record, taken in known)
        assert output.splitlines() == [f"shard {n}: snapshot at record {record}" for n, (record, _) in enumerate(known)]
        newest = [sequence_of(list_snapshots(floor.exchange.folder.shard(shard))[-1]) for shard in range(SHARDS)]
        assert newest == [record for record, _ in known]


def test_a_shard_that_cannot_take_one_says_so(floor: Floor) -> None:
    trade(floor)
    before = positions(floor.exchange)
    own = floor.exchange.folder.shard(0)
    path = own / f"snapshot-{before[0][0]:015d}.json"
    path.mkdir()  # in its place: as good as a disk that refuses it
    try:
        result = shardex(floor.exchange.data, "snapshot")
    finally:
        path.rmdir()
    assert result.status == 1 and "shard 0: no snapshot" in result.text
    assert f"shard 1: snapshot at record {before[1][0]}" in result.text
    assert f"the snapshot at record {before[0][0]} was not written" in floor.exchange.log()
    shardex(floor.exchange.data, "snapshot").ok()


def test_after_a_stop_nothing_is_replayed_and_all_is_there(floor: Floor) -> None:
    """Nor do journals grow from one stop to the next: they are trimmed as they are while a shard runs."""
    exchange = floor.exchange
    kept: Kept = []
    for _ in range(2):
        kept += trade(floor)
        with connected(exchange) as client:
            await_archived(client)
        restart(exchange)
        assert all(record == taken for record, taken in positions(exchange))
    until(lambda: all(trimmed(exchange, shard) for shard in range(SHARDS)), BACK_S, "journals are trimmed")
    for account, order in kept:
        assert done(call(floor, account, "GET", f"{ORDERS}/{order}"))["status"] == "open"
    assert shardex(exchange.data, "verify").ok().startswith("ok")


def trimmed(exchange: Exchange, shard: int) -> bool:
    """Whether two snapshots are kept, and no record before the older one."""
    own = exchange.folder.shard(shard)
    kept = list_snapshots(own)
    with sqlite3.connect(own / "journal.sqlite") as db:
        (first,) = db.execute("SELECT min(sequence) FROM journal").fetchone()
    db.close()
    return len(kept) == 2 and first >= min(sequence_of(kept[0]), sequence_of(kept[1]) - 1)


def test_a_stop_does_not_wait_for_a_snapshot_that_does_not_end(floor: Floor) -> None:
    """Whoever writes it stands still: the shard ends in time, and replays at its next start."""
    exchange = floor.exchange
    own = exchange.folder.shard(0)
    for _ in range(TRIES):
        trade(floor)
        before, written = positions(exchange), list_snapshots(own)
        shard, engine = shard_process(exchange, 0), exchange.engine.pid
        assert engine is not None
        os.kill(engine, signal.SIGTERM)
        child = catch_child(shard)
        begun = time.monotonic()
        exchange.stop()
        assert exchange.strays == []
        assert time.monotonic() - begun < STOP_S[ENGINE]
        if child is not None and list_snapshots(own) == written:
            assert "no snapshot within 5 s" in exchange.log()
            break
        exchange.start()  # it was too quick for us, and had written it
    else:
        pytest.fail("whoever writes the snapshot was always too quick to be stopped, or waited for")
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert not list(own.glob(".snapshot-*"))
    exchange.start()
    after = positions(exchange)
    assert after[0] == before[0] and after[1] == (before[1][0], before[1][0])


def catch_child(parent: int) -> int | None:
    """Stop the first child of a process as soon as it has one; None if it ends without."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    while True:
        try:
            found = children.read_text().split()
        except OSError:
            return None
        for pid in found:
            try:
                os.kill(int(pid), signal.SIGSTOP)
            except ProcessLookupError:
                continue
            return int(pid)


def test_verify_reports_an_older_history(floor: Floor, tmp_path: Path) -> None:
    """The shards hold no more what it had confirmed: the archive could not go on."""
    exchange = floor.exchange
    exchange.stop()
    older = tmp_path / "history.duckdb"
    shutil.copyfile(exchange.data / "history.duckdb", older)
    exchange.start()
    trade(floor)
    with connected(exchange) as client:
        await_archived(client)
    exchange.stop()
    assert shardex(exchange.data, "verify").status == 0
    history, mark = exchange.data / "history.duckdb", exchange.data / "history.mark"
    newer = {path: path.read_bytes() for path in (history, mark)}
    shutil.copyfile(older, history)
    beside_its_mark = shardex(exchange.data, "verify")
    mark.unlink()
    alone = shardex(exchange.data, "verify")
    for path, content in newer.items():
        path.write_bytes(content)
    assert beside_its_mark.status == 1 and "was confirmed, according to the mark beside it" in beside_its_mark.text
    assert alone.status == 1 and "the archive lacks messages" in alone.text
    exchange.start()
