"""A folder that was killed and then damaged: it is not copied, the place is named, and nothing is left of the copy."""

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.crash.backups import names
from tests.crash.commands import shardex
from tests.crash.floor import Floor, done
from tests.crash.load import Load
from tests.crash.processes import BACK_S, end_everything
from tests.crash.settings import make_random
from tests.crash.test_flips import BY_HAND, keep, make_older
from tests.crash.trading import SPOT
from tests.exchange import Exchange, until

SHARDS: Final = 2


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an exchange with a snapshot of each shard, and records, changes and rows in its logs."""
    exchange = Exchange(SHARDS)
    data = tmp_path_factory.mktemp("killed") / "data"
    try:
        exchange.start()
        with Load(Floor(exchange), SPOT, make_random()) as load:
            until(lambda: load.decided_count() > 50, BACK_S, "some calls are made")
            shardex(exchange.data, "snapshot").ok()
            until(lambda: load.decided_count() > 150, BACK_S, "more calls are made")
        done(exchange.operate("POST", "/assets", {"symbol": "LAST", "decimals": 7}))
        end_everything(exchange)
        exchange.stop()
        keep(exchange.data, data)
        yield data
    finally:
        exchange.strays.clear()
        exchange.close()


Damage = Callable[[Path], object]


def cut(name: str) -> Damage:
    return lambda data: (data / name).write_bytes((data / name).read_bytes()[:-100])


def remove(*names: str) -> Damage:
    def act(data: Path) -> None:
        for name in names:
            (data / name).unlink()

    return act


def wipe_the_head(name: str) -> Damage:
    return lambda data: (data / name).write_bytes(bytes(100) + (data / name).read_bytes()[100:])


def put_back_an_older(name: str) -> Damage:
    def act(data: Path) -> None:
        for file in data.glob(f"{name}*"):
            file.unlink()
        make_older(data, name)

    return act


def change_by_hand(change: str) -> Damage:
    def act(data: Path) -> None:
        with closing(sqlite3.connect(data / "reference.sqlite")) as db, db:
            BY_HAND[change](db)

    return act


SHORT_JOURNAL: Final = r"shard-0/journal\.sqlite: ends at record \d+, but record \d+ was acknowledged"
SHORT_REFERENCE: Final = r"reference\.sqlite is damaged: it ends at change \d+, but change \d+ was acknowledged"
SHORT_HISTORY: Final = r"history\.duckdb ends at row \d+, but row \d+ was confirmed"

DAMAGES: Final[dict[str, tuple[Damage, str]]] = {
    "the end of a journal": (cut("shard-0/journal.sqlite-wal"), SHORT_JOURNAL),
    "a journal's log": (remove("shard-0/journal.sqlite-wal"), SHORT_JOURNAL),
    "a journal's log and mark": (
        remove("shard-0/journal.sqlite-wal", "shard-0/journal.mark"),
        r"shard-0: the journal ends at record 0, before its snapshot at \d+",
    ),
    "an older journal": (put_back_an_older("shard-0/journal.sqlite"), SHORT_JOURNAL),
    "the end of the reference": (cut("reference.sqlite-wal"), SHORT_REFERENCE),
    "the head of the reference": (wipe_the_head("reference.sqlite"), r"reference\.sqlite is damaged: file is not"),
    "an older reference": (put_back_an_older("reference.sqlite"), SHORT_REFERENCE),
    "the end of the history": (cut("history.duckdb.wal"), SHORT_HISTORY),
    "the history's log": (remove("history.duckdb.wal"), r"history\.duckdb (ends at row|cannot be read)"),
    "an older history": (put_back_an_older("history.duckdb"), SHORT_HISTORY),
    "the history": (remove("history.duckdb", "history.duckdb.wal"), r"history\.duckdb is missing, but held"),
    **{change: (change_by_hand(change), r"reference\.sqlite is damaged: ") for change in BY_HAND},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_not_copied(killed: Path, tmp_path: Path, damage: str) -> None:
    data = Path(shutil.copytree(killed, tmp_path / "data"))
    act, place = DAMAGES[damage]
    act(data)
    result = shardex(data, "backup", str(tmp_path / "backup"))
    assert result.status == 1 and re.search(place, result.text), result
    assert set(names(tmp_path)) <= {"data", "young"}


def test_what_is_whole_is_copied(killed: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(killed, tmp_path / "data"))
    shardex(data, "backup", str(tmp_path / "backup")).ok()
    shardex(tmp_path / "backup", "verify").ok()


def test_a_shard_without_its_journal_is_a_finding(killed: Path, tmp_path: Path) -> None:
    """Orders are on their way to markets that it has lost, and the mark that says so is lost as well."""
    data = Path(shutil.copytree(killed, tmp_path / "data"))
    remove("shard-1/journal.sqlite-wal", "shard-1/journal.mark")(data)
    result = shardex(data, "verify")
    assert result.status == 1 and "shard 1: the journal ends at record 0, before its newest snapshot" in result.text
    assert re.search(r"^shard 1: market \d+ is missing, but orders are on their way to it$", result.text, re.M), result
