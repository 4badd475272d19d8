"""Journals that were cut, changed or lost, and engines started wrongly: refused with the place and what to do."""

import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from loadtest.signing import bearer
from storage.journal import START, Journal, JournalDamaged, Record, StorageUnavailable
from tests.crash.commands import run, shardex
from tests.crash.floor import Account, Floor
from tests.crash.load import Load
from tests.crash.processes import BACK_S, archive_process, await_archived, connected, stopped
from tests.crash.settings import make_random, times
from tests.crash.test_disk import make_records
from tests.crash.trading import SPOT
from tests.exchange import Exchange, kill, until

DAMAGED = 1  # the shard whose journal is damaged
WHOLE = 0
CUTS = 200


class Specimen:
    """The folder of an exchange that has stopped, and an account of it."""

    def __init__(self, data: Path, floor: Floor, account: Account) -> None:
        self.data = data
        self.market = floor.markets[WHOLE]
        self.account = account


@pytest.fixture(scope="module")
def specimen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Specimen]:
    with Exchange(2) as exchange:
        floor = Floor(exchange)
        load = Load(floor, SPOT, make_random())
        with load:
            until(lambda: load.decided_count() > 200, BACK_S, "some calls are made")
        account = floor.accounts_of(WHOLE)
        exchange.stop()
        data = tmp_path_factory.mktemp("specimen") / "data"
        # without the snapshots of the stop: a journal is read as far as there is none
        shutil.copytree(exchange.data, data, ignore=shutil.ignore_patterns("run", "snapshot-*"))
        yield Specimen(data, floor, account)


def change_a_record(db: sqlite3.Connection) -> tuple[str, ...]:
    db.execute("UPDATE journal SET stamp_ms = stamp_ms + 1 WHERE sequence = 7")
    return ("record 7 does not match its checksum",)


def remove_the_newest(db: sqlite3.Connection) -> tuple[str, ...]:
    """The others know better, whichever of them is heard first."""
    db.execute("DELETE FROM journal WHERE sequence > (SELECT max(sequence) - 20 FROM journal)")
    return ("its journal is not the newest", "does not fit what came before")


@pytest.mark.parametrize("damage", [change_a_record, remove_the_newest])
def test_a_damaged_shard_stays_down_and_the_others_serve(
    specimen: Specimen, damage: Callable[[sqlite3.Connection], tuple[str, ...]]
) -> None:
    with closing(Exchange(2)) as exchange:
        shutil.copytree(specimen.data, exchange.data)
        db = sqlite3.connect(exchange.data / f"shard-{DAMAGED}" / "journal.sqlite")
        with db:
            places = damage(db)
        db.close()
        (exchange.data / f"shard-{DAMAGED}" / "journal.mark").unlink()  # else it says what is missing
        exchange.engine.start()
        exchange.web.start()
        until(lambda: f"shard-{DAMAGED} will not be restarted" in exchange.log(), BACK_S, "the shard gives up")
        assert any(place in exchange.log() for place in places)
        if damage is change_a_record:  # as it is with the others: they cost seconds
            until(lambda: is_trading(exchange, specimen), BACK_S, "the other shard trades")
            result = shardex(exchange.data, "verify")
            assert result.status == 1 and re.match(f"shard {DAMAGED}: .*{places[0]}", result.text)


def test_an_archive_that_has_lost_rows_stays_down_and_trading_goes_on(specimen: Specimen) -> None:
    """It comes back with an older file than it had confirmed; here with none."""
    with closing(Exchange(2)) as exchange:
        shutil.copytree(specimen.data, exchange.data)
        exchange.engine.start()
        exchange.web.start()
        exchange.wait_ready()
        with connected(exchange) as client:
            await_archived(client)
        assert exchange.engine.pid is not None
        with stopped(exchange.engine.pid):  # nobody starts it again too early
            kill(exchange.archive_pid())
            for file in exchange.data.glob("history.duckdb*"):
                file.unlink()
        archive_process(exchange)
        assert is_trading(exchange, specimen)
        exchange.call("DELETE", "/api/v1/spot/orders", None, None, bearer(specimen.account))  # ended: a row
        until(lambda: "archive will not be restarted" in exchange.log(), BACK_S, "the archive gives up")
        assert "history.duckdb is missing" in exchange.log()
        assert "Traceback" not in exchange.log()
        assert is_trading(exchange, specimen)


def is_trading(exchange: Exchange, specimen: Specimen) -> bool:
    body = {"symbol": specimen.market.symbol, "side": "buy", "type": "limit", "price": "1.00", "quantity": "10"}
    try:
        answer = exchange.call("POST", "/api/v1/spot/orders", body, None, bearer(specimen.account))
    except OSError:
        return False
    return answer.status_code == 200


def test_an_engine_that_may_not_start(own_exchange: Exchange) -> None:
    """A second one on the same folder; another number of shards."""
    second = run("-m", "shards", SHARDEX_DATA=str(own_exchange.data))
    assert (second.returncode, "another engine runs on this data folder" in second.stderr) == (1, True)
    other = run("-m", "shards", SHARDEX_DATA=str(own_exchange.data), SHARDEX_SHARDS="3")
    assert (other.returncode, "set SHARDEX_SHARDS=4" in other.stderr) == (1, True)
    own_exchange.wait_ready()


def test_a_torn_journal_is_a_prefix_or_refused(tmp_path: Path) -> None:
    """Cut or changed at any place of the files that a killed process leaves."""
    rnd = make_random()
    whole, left = write_and_die(tmp_path, rnd)
    refused = 0
    for number in range(times(CUTS)):
        path = tmp_path / str(number) / "journal.sqlite"
        shutil.copytree(left, path.parent)
        tear(rnd.choice((path, path.with_name("journal.sqlite-wal"))), rnd)
        try:
            found = read_all(path)
        except (JournalDamaged, StorageUnavailable):
            refused += 1
        else:
            assert found == whole[: len(found)]
        shutil.rmtree(path.parent)
    print(f"{refused} of {times(CUTS)} refused")
    assert refused


def write_and_die(path: Path, rnd: random.Random) -> tuple[list[Record], Path]:
    """The records, and the files as they were with the journal still open."""
    journal = Journal(path / "journal.sqlite")
    written: list[Record] = []
    for batch in range(60):
        records = make_records(len(written), rnd.randint(1, 8), rnd)
        journal.append(records)
        written += records
        if batch == 30:
            with closing(sqlite3.connect(path / "journal.sqlite")) as db:
                db.execute("PRAGMA wal_checkpoint")
    left = path / "left"
    left.mkdir()
    for name in ("journal.sqlite", "journal.sqlite-wal"):
        shutil.copy(path / name, left)
    journal.close()
    return written, left


def tear(path: Path, rnd: random.Random) -> None:
    """Cut the file off, wipe a part, or turn one bit."""
    content = bytearray(path.read_bytes())
    place = rnd.randrange(len(content))
    act = rnd.randrange(3)
    if act == 0:
        del content[place:]
    elif act == 1:
        content[place : place + rnd.randint(1, 5_000)] = b""
    else:
        content[place] ^= 1 << rnd.randrange(8)
    path.write_bytes(content)


def read_all(path: Path) -> list[Record]:
    """As recovery does."""
    journal = Journal(path)
    try:
        return list(journal.read(START))
    finally:
        journal.close()
