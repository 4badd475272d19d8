"""Backups: of one moment over all shards, whole or not there, and restored only as they were written."""

import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from shards.model.markets import shard_of_symbol
from storage.keeping import may_discard
from storage.snapshot import list_snapshots
from tests.crash.backups import Acknowledged, Operator, find_lost, names, restored
from tests.crash.commands import end, shardex, start_shardex
from tests.crash.floor import Floor, done
from tests.crash.futures_floor import FuturesFloor
from tests.crash.load import Load
from tests.crash.processes import BACK_S, kill_everything, stopped
from tests.crash.settings import make_random
from tests.crash.trading import FUTURES, SPOT
from tests.exchange import Exchange, until
from tests.model.seeds import read_count

BACKUPS = read_count("SHARDEX_TEST_BACKUPS", 3)
SHARDS = 4
SYMBOL = "DFUSDT"
ACCOUNT_SHARD = shard_of_symbol(SYMBOL, SHARDS)
SNAPSHOT_RECORDS = "150"  # all the time: so journals are trimmed all the time, too


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with Exchange(SHARDS, {"SHARDEX_SNAPSHOT_RECORDS": SNAPSHOT_RECORDS}) as exchange:
        yield exchange


@pytest.fixture(scope="module")
def backup(exchange: Exchange, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of the exchange, wherever it stands by then."""
    target = tmp_path_factory.mktemp("backups") / "backup"
    shardex(exchange.data, "backup", str(target)).ok()
    return target


def test_under_load_each_holds_what_was_acknowledged_before_it(exchange: Exchange) -> None:
    """Spot and futures are traded over all links, markets are opened, journals are trimmed, rows archived."""
    rnd = make_random()
    floor, futures = Floor(exchange), FuturesFloor(exchange)
    load = Load(floor, SPOT, rnd)
    taken: list[tuple[Path, Acknowledged]] = []
    with load, Load(futures, FUTURES, rnd, traders_per_account=1), Operator(floor) as operator:
        for number in range(BACKUPS):
            count = load.decided_count() + rnd.randint(20, 200)
            until(lambda count=count: load.decided_count() >= count, BACK_S, "more calls")  # type: ignore[misc]
            acknowledged = Acknowledged(list(load.calls), list(operator.given))
            target = exchange.path / f"backup-{number}"
            end(start_shardex(exchange.data, "backup", str(target))).ok()
            taken.append((target, acknowledged))
    for target, acknowledged in taken:
        verified = end(start_shardex(target, "verify")).ok()  # all it says, also on standard error: cron mails that
        assert verified == f"ok: {SHARDS} shards and the archive of {target}\n"
        with restored(target, SHARDS) as other:
            assert list(find_lost(acknowledged, other)) == []
            for shard in range(SHARDS):  # further markets can be opened: their numbers are free
                floor.elsewhere(other).open_market(shard)


def test_what_is_there_already_stays(exchange: Exchange, backup: Path, tmp_path: Path) -> None:
    """No backup over another, no restoring over an exchange; an empty folder is as good as none."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    for target in (backup, tmp_path, tmp_path / "file"):
        result = shardex(exchange.data, "backup", str(target))
        assert result.status == 1 and "already exists" in result.text
    result = shardex(exchange.data, "backup", str(tmp_path / "nowhere" / "backup"))
    assert result.status == 1 and f"there is no folder {tmp_path / 'nowhere'}" in result.text
    for target in (exchange.data, backup):
        result = shardex(target, "restore", str(backup))
        assert result.status == 1 and "already exists" in result.text
    assert names(tmp_path) == ["empty", "file"]
    shardex(exchange.data, "backup", str(tmp_path / "empty")).ok()
    shardex(tmp_path / "empty", "verify").ok()


def test_a_backup_is_for_its_owner_and_for_restoring_only(exchange: Exchange, backup: Path, tmp_path: Path) -> None:
    shardex(tmp_path / "data", "restore", str(backup)).ok()
    for folder in (backup, tmp_path / "data"):
        for path in (folder, *folder.rglob("*")):
            assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    before = {path: path.read_bytes() for path in backup.rglob("*") if path.is_file()}
    result = shardex(backup, "token", "alice")  # as whatever opens a data folder
    assert result.status == 1 and f"{backup} is a backup: restore it with" in result.text
    shardex(backup, "verify").ok()
    assert {path: path.read_bytes() for path in backup.rglob("*") if path.is_file()} == before
    assert names(backup.parent) == [backup.name]
    result = shardex(tmp_path / "new", "restore", str(exchange.data))
    assert result.status == 1 and "is not a backup" in result.text and not (tmp_path / "new").exists()


def test_a_damaged_backup_is_not_restored(backup: Path, tmp_path: Path) -> None:
    """A byte of any file; a file that is missing, too short or too long."""
    rnd = make_random()
    files = sorted(path.relative_to(backup) for path in backup.rglob("*") if path.is_file())
    kinds = {name.name.partition("-")[0]: name for name in files}  # one of each
    copy = tmp_path / "copy"
    shutil.copytree(backup, copy)
    for name in kinds.values():
        whole = (backup / name).read_bytes()
        flipped = bytearray(whole)
        flipped[rnd.randrange(len(whole))] ^= 1 << rnd.randrange(8)
        damaged = rnd.choice([bytes(flipped), whole[:-1], whole + b"\0", None])
        (copy / name).unlink()
        if damaged is not None:
            (copy / name).write_bytes(damaged)
        if name.name != "backup.json" or damaged is not None:  # else it is no backup at all
            result = shardex(tmp_path / "data", "restore", str(copy))
            assert (result.status, "damaged" in result.text, name.name in result.text) == (1, True, True), result
        assert names(tmp_path) == ["copy"]
        (copy / name).write_bytes(whole)
    shardex(tmp_path / "data", "restore", str(copy)).ok()


def test_ended_in_its_midst_it_is_not_there(exchange: Exchange, tmp_path: Path) -> None:
    """kill -9 at any time leaves no backup, or a whole one; SIGTERM not even a trace. The next one is whole."""
    rnd = make_random()
    begun = time.monotonic()
    end(start_shardex(exchange.data, "backup", str(tmp_path / "first"))).ok()
    seconds = time.monotonic() - begun
    for how in [signal.SIGTERM] * 2 + [signal.SIGKILL] * 2:  # what kill -9 leaves, the next one removes, not its end
        with start_shardex(exchange.data, "backup", str(tmp_path / "backup")) as process:
            time.sleep(rnd.uniform(0.5, 1) * seconds)
            process.send_signal(how)
            process.communicate()
        if (tmp_path / "backup").exists():
            shardex(tmp_path / "data", "restore", str(tmp_path / "backup")).ok()
            shutil.rmtree(tmp_path / "data")
            shutil.rmtree(tmp_path / "backup")
        elif how is signal.SIGTERM:
            assert names(tmp_path) == ["first"]
    shardex(exchange.data, "backup", str(tmp_path / "backup")).ok()
    assert names(tmp_path) == ["backup", "first"]
    shardex(tmp_path / "backup", "verify").ok()


def test_two_at_a_time_and_one_that_stands_still(exchange: Exchange, tmp_path: Path) -> None:
    """The second is refused. Trading goes on, past snapshots; the first is whole in the end."""
    folders = [exchange.folder.shard(shard) for shard in range(SHARDS)]
    market = folders[ACCOUNT_SHARD]
    with start_shardex(exchange.data, "backup", str(tmp_path / "first")) as first:
        with stopped(exchange.archive_pid()):  # the first waits for it once it knows what it will copy
            until(lambda: not any(map(is_free, folders)), BACK_S, "it has begun")
            first.send_signal(signal.SIGSTOP)
        result = shardex(exchange.data, "backup", str(tmp_path / "second"))
        assert result.status == 1 and "another backup" in result.text and "is under way" in result.text
        count = len(list_snapshots(market))
        until(lambda: order_and_count(exchange, market) > count, BACK_S, "a snapshot")
        done(exchange.call("DELETE", "/api/v1/spot/orders"))
        first.send_signal(signal.SIGCONT)
        end(first).ok()
    assert names(tmp_path) == ["first"]
    shardex(tmp_path / "first", "verify").ok()


def is_free(folder: Path) -> bool:
    with may_discard(folder) as free:
        return free


def order_and_count(exchange: Exchange, folder: Path) -> int:
    """The snapshots that are there after one more order."""
    order = {"symbol": SYMBOL, "side": "buy", "type": "limit", "price": "0.5", "quantity": "100"}
    done(exchange.call("POST", "/api/v1/spot/orders", order))
    return len(list_snapshots(folder))


def test_without_room_nothing_is_left(exchange: Exchange, backup: Path, tmp_path: Path) -> None:
    """No file may grow beyond so much: the smallest; the history, half of it."""
    largest = max(path.stat().st_size for path in backup.rglob("*") if path.is_file())
    for limit, data, command, target in (
        (10, exchange.data, "backup", tmp_path / "backup"),
        (largest // 2, exchange.data, "backup", tmp_path / "backup"),
        (largest // 2, tmp_path / "data", "restore", backup),
    ):

        def confine(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        result = end(start_shardex(data, command, str(target), preexec_fn=confine))
        assert result.status == 1 and "was not made" in result.text and "Traceback" not in result.text, result
        assert names(tmp_path) == []
    shardex(exchange.data, "backup", str(tmp_path / "backup")).ok()


def test_a_row_that_is_not_as_it_was_written_is_not_copied(exchange: Exchange, tmp_path: Path) -> None:
    """Beside the running exchange; once it is put right, it is."""
    with closing(connect(exchange.folder.reference)) as db:
        for decimals, status in ((4, 1), (6, 0)):
            with db:
                db.execute("UPDATE assets SET decimals = ? WHERE symbol = 'USDT'", (decimals,))
            result = shardex(exchange.data, "backup", str(tmp_path / "backup"))
            assert result.status == status, result
            wrong = "reference.sqlite is damaged: table assets: the row 'USDT' does not match its checksum"
            assert (wrong in result.text) == bool(status)
            assert names(tmp_path) == ([] if status else ["backup"])


def test_on_another_disk(exchange: Exchange) -> None:
    other = Path("/dev/shm")
    if not os.access(other, os.W_OK) or other.stat().st_dev == exchange.data.stat().st_dev:
        pytest.skip("there is no other disk")
    folder = other / exchange.path.name
    folder.mkdir()
    try:
        shardex(exchange.data, "backup", str(folder / "backup")).ok()
        shardex(folder / "backup", "verify").ok()
    finally:
        shutil.rmtree(folder)


def test_at_rest_and_after_a_kill(exchange: Exchange, tmp_path: Path) -> None:
    """Logs of SQLite and DuckDB that were left behind belong to it."""
    order = {"symbol": SYMBOL, "side": "buy", "type": "limit", "price": "0.5", "quantity": "100"}
    kept = done(exchange.call("POST", "/api/v1/spot/orders", order))
    kill_everything(exchange)
    exchange.wait_ready()
    done(exchange.call("DELETE", "/api/v1/spot/orders?symbol=BTCUSDT"))
    assert exchange.engine.pid is not None
    os.killpg(exchange.engine.pid, signal.SIGKILL)
    exchange.stop()
    assert [path.name for path in exchange.data.glob("*.wal")] == ["history.duckdb.wal"]
    shardex(exchange.data, "backup", str(tmp_path / "killed")).ok()
    with restored(tmp_path / "killed", SHARDS) as other:
        assert done(other.call("GET", f"/api/v1/spot/orders/{kept['id']}"))["status"] == "open"
        other.stop()
        shardex(other.data, "backup", str(tmp_path / "rest")).ok()
        with start_shardex(other.data, "backup", str(tmp_path / "touched")) as process:
            until(lambda: (tmp_path / ".touched.unfinished" / "reference.sqlite").exists(), BACK_S, "it copies")
            process.send_signal(signal.SIGSTOP)
            shardex(other.data, "sql", "SELECT 1").ok()  # works a log into the file
            process.send_signal(signal.SIGCONT)
            result = end(process)
        assert result.status == 1 and "the history was in use while it was copied: try again" in result.text
    assert names(tmp_path) == ["killed", "rest"]
    shardex(tmp_path / "rest", "verify").ok()
