"""A data folder of which any byte is another, any file is gone, or any row was changed by hand.

Whoever starts on it then is refused with the place, or has exactly what was there. Never another balance, order, asset,
market, key, secret or row of the history.
"""

import hashlib
import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import pytest

from shards.history import History, HistoryLost
from shards.messages import RunSql, TableReply
from shards.reconcile import reconcile
from shards.recovery import recover
from shards.state import dump_state
from storage.folder import Folder, FolderError
from storage.journal import JournalDamaged, StorageUnavailable
from storage.reference import Reference, ReferenceUnusable
from storage.snapshot import SnapshotDamaged
from tests.crash.floor import Floor
from tests.crash.load import Load
from tests.crash.processes import BACK_S
from tests.crash.settings import make_random
from tests.crash.trading import SPOT
from tests.exchange import Exchange, kill, until
from tests.model.seeds import read_count

COUNT: Final = read_count("SHARDEX_TEST_FLIPS", 300)
SHARDS: Final = 2
STOPPED: Final = "stopped"
KILLED: Final = "killed"
REFUSALS: Final = (
    FolderError,
    ReferenceUnusable,
    JournalDamaged,
    SnapshotDamaged,
    StorageUnavailable,
    HistoryLost,
    duckdb.Error,
)
HISTORY_SHARE: Final = 6  # one in so many of the places is in the history, which is slow to open
STORED: Final = ("orders", "trades", "futures_fills", "movements", "markets", "links")


class Told(NamedTuple):
    """All that a folder says, as whoever starts on it reads it."""

    secrets: tuple[str, ...]
    states: list[str]
    reference: object
    history: object


class Specimen:
    """Folders of one exchange as it left them: killed, with what SQLite and DuckDB had yet to move; and stopped."""

    def __init__(self, path: Path, accounts: list[str]) -> None:
        self.path = path
        self.accounts = accounts
        self.right = {kind: look(self.copy(kind, path / f"right-{kind}")) for kind in (KILLED, STOPPED)}

    def copy(self, kind: str, to: Path) -> Path:
        shutil.rmtree(to, ignore_errors=True)
        return Path(shutil.copytree(self.path / kind, to))


@pytest.fixture(scope="module")
def specimen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Specimen]:
    path = tmp_path_factory.mktemp("flips")
    exchange = Exchange(SHARDS, {"SHARDEX_SNAPSHOT_RECORDS": "300"})
    try:
        exchange.start()
        floor = Floor(exchange)
        with Load(floor, SPOT, make_random()) as load:
            until(lambda: load.decided_count() > 500, BACK_S, "some calls are made")
        for symbol in ("T1", "T2"):
            exchange.operate("POST", "/assets", {"symbol": symbol, "decimals": 7}).raise_for_status()
        for pid in exchange.processes():
            kill(pid)
        exchange.stop()
        keep(exchange.data, path / KILLED)
        exchange.strays.clear()
        exchange.start()
        exchange.stop()
        keep(exchange.data, path / STOPPED)
        yield Specimen(path, [account.id for account in exchange.accounts])
    finally:
        exchange.strays.clear()
        exchange.close()


def keep(data: Path, to: Path) -> None:
    """Sockets cannot be copied, and mean nothing."""
    shutil.copytree(data, to, ignore=shutil.ignore_patterns("*.sock"))


def look(data: Path, with_history: bool = True) -> Told:
    """What the halves do before they serve. Raises one of REFUSALS."""
    folder = Folder.open(data)
    secrets = folder.secrets()
    states = []
    for shard in range(folder.shard_count):
        engine, journal, _ = recover(folder.shard(shard), shard, folder.shard_count)
        reconcile(folder.reference, engine, journal)
        journal.close()
        states.append(hashlib.sha256(dump_state(engine)).hexdigest())
    with closing(Reference(folder.reference, secrets.storage_key)) as reference:
        facts, accounts = reference.facts(), ["demo-1", "demo-2"]
        keys = [reference.find_key(listed.key) for account in accounts for listed in reference.list_keys(account)]
    history = read_history(folder, bytes.fromhex(secrets.id_key)) if with_history else None
    return Told(secrets, states, (facts, keys), history)


def read_history(folder: Folder, id_key: bytes) -> object:
    with closing(History(folder.history, id_key)) as history:
        replies = [history.answer(RunSql(f"SELECT * FROM stored.{table} ORDER BY ALL")) for table in STORED]
    for reply in replies:
        if not isinstance(reply, TableReply):
            raise HistoryLost(f"history.duckdb cannot be read: {reply}")
    return replies


def judge(specimen: Specimen, kind: str, data: Path, what: str, name: str) -> str:
    """Whether it is as it was, or refused with the place; fails for anything else."""
    with_history = name.startswith("history")
    try:
        told = look(data, with_history)
    except REFUSALS as refusal:
        place = Path(name).name.split(".")[0].split("-")[0]
        named = place in str(refusal) or "record" in str(refusal)
        assert named or isinstance(refusal, duckdb.Error), f"{what}: no place in {refusal}"  # the archive adds it
        return "refused"
    right = specimen.right[kind]
    assert told == (right if with_history else right._replace(history=None)), f"{what}: something else is told"
    return "as it was"


def files_of(data: Path) -> list[str]:
    return sorted(str(path.relative_to(data)) for path in data.rglob("*") if path.is_file() and path.stat().st_size)


def spoil(content: bytearray, rnd: random.Random) -> str:
    """Turn a bit, mostly of what is written; or wipe some bytes; or cut the file."""
    place = rnd.randrange(len(content))
    for _ in range(50):
        if content[place]:
            break
        place = rnd.randrange(len(content))
    act = rnd.choice(("bit", "bit", "bit", "wipe", "cut"))
    if act == "bit":
        content[place] ^= 1 << rnd.randrange(8)
    elif act == "wipe":
        end = min(len(content), place + rnd.randint(1, 600))
        content[place:end] = bytes(end - place)
    else:
        del content[place:]
    return f"{act} at {place}"


@pytest.mark.parametrize("kind", [KILLED, STOPPED])
def test_any_byte(specimen: Specimen, tmp_path: Path, kind: str) -> None:
    """Of any file: each gets its share, large or small."""
    rnd = make_random()
    names = files_of(specimen.path / kind)
    history = [name for name in names if name.startswith("history")]
    others = [name for name in names if name not in history]
    outcomes: dict[str, set[str]] = {}
    for number in range(COUNT // 2):
        share, turn = (history, number // HISTORY_SHARE) if number % HISTORY_SHARE == 0 else (others, number)
        name = share[turn % len(share)]
        data = specimen.copy(kind, tmp_path / "data")
        content = bytearray((data / name).read_bytes())
        act = spoil(content, rnd)
        (data / name).write_bytes(content)
        outcomes.setdefault(name, set()).add(judge(specimen, kind, data, f"{kind} {name}: {act}", name))
    print({name: sorted(found) for name, found in outcomes.items()})
    for name in ("secrets.json", "shardex.json", "reference.sqlite"):
        assert "refused" in outcomes[name], name


@pytest.mark.parametrize("kind", [KILLED, STOPPED])
def test_any_file_gone(specimen: Specimen, tmp_path: Path, kind: str) -> None:
    """Or empty: nothing that is missing is made anew."""
    lasting = (
        "secrets.json",
        "shardex.json",
        "reference.sqlite",
        "history.duckdb",
        *(f"shard-{shard}/journal.sqlite" for shard in range(SHARDS)),
    )
    for name in files_of(specimen.path / kind):
        for empty in (False, True):
            data = specimen.copy(kind, tmp_path / "data")
            (data / name).write_bytes(b"") if empty else (data / name).unlink()
            outcome = judge(specimen, kind, data, f"{kind} {name} {'emptied' if empty else 'removed'}", name)
            assert outcome == "refused" or name not in lasting, name
            assert empty or name not in lasting or not (data / name).exists(), f"{name} was made anew"
