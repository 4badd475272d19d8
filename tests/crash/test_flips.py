"""A data folder of which any byte is another, any file is gone, or any row was changed by hand.

Whoever starts on it then is refused with the place, or has exactly what was there. Never another balance, order, asset,
market, key, secret or row of the history.
"""

import hashlib
import itertools
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import pytest
from click.testing import CliRunner

from shards.archive.mark import HistoryLost
from shards.archive.service import History
from shards.engine.state import dump_state
from shards.folder import Folder
from shards.model.queries import RunSql
from shards.model.replies import TableReply
from shards.runtime.reconcile import reconcile
from shards.runtime.recovery import recover
from shards.verify.folder import verify_folder
from storage.folder import FolderError
from storage.journal import JournalDamaged, StorageUnavailable
from storage.reference import Reference, ReferenceUnusable
from storage.snapshot import SnapshotDamaged
from tests.crash.commands import run
from tests.crash.floor import Floor
from tests.crash.load import Load
from tests.crash.processes import BACK_S
from tests.crash.settings import make_random
from tests.crash.trading import SPOT
from tests.exchange import Exchange, kill, until
from tests.model.seeds import read_count
from web.cli import main as cli

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
STORED: Final = ("orders", "trades", "futures_fills", "movements", "refusals", "markets", "links")


class Content(NamedTuple):
    """All that is in a folder, as whoever starts on it reads it."""

    secrets: tuple[str, ...]
    states: list[str]
    reference: object
    history: object


class Specimen:
    """Folders of one exchange as it left them: killed, with what SQLite and DuckDB had yet to move; and stopped."""

    def __init__(self, path: Path, balances: list[object]) -> None:
        self.path = path
        self.balances = balances  # of the demo's accounts
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
        balances = look_at(exchange)
        exchange.stop()
        keep(exchange.data, path / STOPPED)
        yield Specimen(path, balances)
    finally:
        exchange.strays.clear()
        exchange.close()


def keep(data: Path, to: Path) -> None:
    """Sockets cannot be copied, and mean nothing."""
    shutil.copytree(data, to, ignore=shutil.ignore_patterns("*.sock"))


def look(data: Path, with_history: bool = True) -> Content:
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
    return Content(secrets, states, (facts, keys), history)


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
        found = look(data, with_history)
    except REFUSALS as refusal:
        place = Path(name).name.split(".")[0].split("-")[0]
        named = any(word in str(refusal) for word in (place, "record", "has format"))
        assert named or isinstance(refusal, duckdb.Error), f"{what}: no place in {refusal}"  # the archive adds it
        return "refused"
    right = specimen.right[kind]
    assert found == (right if with_history else right._replace(history=None)), f"{what}: something else is there"
    return "as it was"


def files_of(data: Path) -> list[str]:
    return sorted(str(path.relative_to(data)) for path in data.rglob("*") if path.is_file() and path.stat().st_size)


def damage(content: bytearray, rnd: random.Random) -> str:
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
    history = itertools.cycle(name for name in names if name.startswith("history"))
    others = itertools.cycle(name for name in names if not name.startswith("history"))
    outcomes: dict[str, set[str]] = {}
    for number in range(COUNT // 2):
        name = next(history if number % HISTORY_SHARE == 0 else others)
        data = specimen.copy(kind, tmp_path / "data")
        content = bytearray((data / name).read_bytes())
        act = damage(content, rnd)
        (data / name).write_bytes(content)
        outcomes.setdefault(name, set()).add(judge(specimen, kind, data, f"{kind} {name}: {act}", name))
    print({name: sorted(found) for name, found in outcomes.items()})
    for name in ("secrets.json", "shardex.json", "reference.sqlite"):
        assert "refused" in outcomes[name], name


@pytest.mark.parametrize(("name", "word"), [("reference.sqlite", b"assets"), ("shard-0/journal.sqlite", b"sequence")])
def test_any_name_in_a_schema(specimen: Specimen, tmp_path: Path, name: str, word: bytes) -> None:
    """What is no text any more cannot even be quoted."""
    for wrong in (b"\xff" + word[1:], word[:-1] + b"\x80", word[:-1] + b"z"):
        data = specimen.copy(STOPPED, tmp_path / "data")
        content = (data / name).read_bytes()
        assert word in content
        (data / name).write_bytes(content.replace(word, wrong))
        assert judge(specimen, STOPPED, data, f"{wrong!r} in {name}", name) == "refused"


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


Rows = Callable[[sqlite3.Connection], object]

BY_HAND: Final[dict[str, Rows]] = {
    "decimals": lambda db: db.execute("UPDATE assets SET decimals = 4 WHERE symbol = 'USDT'"),
    "an asset removed": lambda db: db.execute("DELETE FROM assets WHERE symbol = 'USDT'"),
    "all assets removed": lambda db: db.execute("DELETE FROM assets"),
    "an asset added": lambda db: db.execute("INSERT INTO assets VALUES ('GOLD', 2, '', 0, '', 1, 1)"),
    "a market's terms": lambda db: db.execute(
        "UPDATE markets SET spec = CAST(replace(spec, '6', '5') AS BLOB) WHERE number = 1"
    ),
    "a market hidden": lambda db: db.execute("UPDATE markets SET active = 0 WHERE number = 1"),
    "two markets swapped": lambda db: db.executescript(
        "UPDATE markets SET number = -1 WHERE number = 1; UPDATE markets SET number = 1 WHERE number = 2;"
        "UPDATE markets SET number = 2 WHERE number = -1"
    ),
    "a key's owner": lambda db: db.execute("UPDATE api_keys SET account = 'demo-2' WHERE account = 'demo-1'"),
    "a key's permissions": lambda db: db.execute("UPDATE api_keys SET permissions = 'read'"),
    "a key twice": lambda db: db.execute(
        "INSERT INTO api_keys SELECT key || 'x', account, label, permissions, created_ms, secret, checksum"
        " FROM api_keys LIMIT 1"
    ),
    "a key removed": lambda db: db.execute("DELETE FROM api_keys WHERE rowid = 1"),
    "a row in another table": lambda db: db.execute(
        "INSERT INTO switches SELECT key, account, checksum FROM api_keys LIMIT 1"
    ),
    "a switch": lambda db: db.execute("INSERT INTO switches VALUES ('spot', 'disabled', 1)"),
    "a seal": lambda db: db.execute("UPDATE seals SET count = count + 1 WHERE name = 'assets'"),
    "a seal removed": lambda db: db.execute("DELETE FROM seals WHERE name = ''"),
    "all seals removed": lambda db: db.execute("DROP TABLE seals"),
    "its format": lambda db: db.execute("PRAGMA user_version = 2"),
    "no format": lambda db: db.execute("PRAGMA user_version = 0"),
    "a table emptied with its seal": lambda db: db.executescript(
        "DELETE FROM assets; UPDATE seals SET count = 0, sum = 0 WHERE name = 'assets'"
    ),
}


@pytest.mark.parametrize("change", BY_HAND)
def test_any_row_by_hand(specimen: Specimen, tmp_path: Path, change: str) -> None:
    """Of the reference file: verify names it, too, and a repeat of the start changes nothing of that."""
    data = specimen.copy(STOPPED, tmp_path / "data")
    with closing(sqlite3.connect(data / "reference.sqlite")) as db, db:
        BY_HAND[change](db)
    for _ in range(2):
        assert judge(specimen, STOPPED, data, change, "reference.sqlite") == "refused"
    findings = verify_folder(Folder.open(data))
    assert len(findings) == 1 and "reference.sqlite is damaged" in findings[0], findings


def test_what_was_there_before(specimen: Specimen, tmp_path: Path) -> None:
    """An old copy of the reference file, of a journal or of the history, put in the place of the newest."""
    for name in ("reference.sqlite", "shard-0/journal.sqlite", "shard-1/journal.sqlite", "history.duckdb"):
        data = specimen.copy(STOPPED, tmp_path / "data")
        (data / name).unlink()
        make_older(data, name)
        assert judge(specimen, STOPPED, data, f"an old {name}", name) == "refused"


def test_a_revoked_key_does_not_come_back(specimen: Specimen, tmp_path: Path) -> None:
    """With an old reference file, which is whole, and of which no journal knows better."""
    data = specimen.copy(STOPPED, tmp_path / "data")
    folder = Folder.open(data)
    with closing(Reference(folder.reference, folder.secrets().storage_key)) as reference:
        (key, *_) = reference.list_keys("demo-1")
        shutil.copy(folder.reference, tmp_path / "old")
        assert reference.revoke_key("demo-1", key.key)
    shutil.copy(tmp_path / "old", folder.reference)
    with pytest.raises(ReferenceUnusable, match=r"reference\.sqlite is damaged: it ends at change \d+, but change"):
        Reference(folder.reference, folder.secrets().storage_key)


def test_the_newest_records_are_missed(specimen: Specimen, tmp_path: Path) -> None:
    """Those past the newest snapshot, of which neither it nor the records before them know."""
    data = specimen.copy(KILLED, tmp_path / "data")
    path = data / "shard-0" / "journal.sqlite"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM journal WHERE sequence = (SELECT max(sequence) FROM journal)")
    with pytest.raises(JournalDamaged, match=r"journal\.sqlite: ends at record \d+, but record \d+ was acknowledged"):
        recover(data / "shard-0", 0, SHARDS)
    assert [text for text in verify_folder(Folder.open(data)) if "was acknowledged" in text]


def make_older(data: Path, name: str) -> None:
    """As it was when it was new: whole, but without what came later."""
    young = data.parent / "young"
    shutil.rmtree(young, ignore_errors=True)
    folder = Folder.open(young, SHARDS)
    if name.startswith("history"):
        History(folder.history, bytes(32)).close()
    shutil.copy(young / name, data / name)


# The real thing


def remove(name: str) -> Callable[[Path], object]:
    return lambda data: (data / name).unlink()


def count_otherwise(data: Path) -> None:
    with closing(sqlite3.connect(data / "reference.sqlite")) as db, db:
        BY_HAND["decimals"](db)


SAMPLE: Final[dict[str, tuple[Callable[[Path], object], str]]] = {
    "no reference": (remove("reference.sqlite"), "reference.sqlite is missing or empty: restore it"),
    "no secrets": (remove("secrets.json"), "secrets.json is missing: restore it"),
    "no facts": (remove("shardex.json"), "shardex.json is missing, but the folder has been used: restore it"),
    "no journal": (remove("shard-1/journal.sqlite"), "shard-1/journal.sqlite is missing or empty: restore it"),
    "open secrets": (lambda data: (data / "secrets.json").chmod(0o644), "chmod 600 it"),
    "other decimals": (count_otherwise, "reference.sqlite is damaged: table assets"),
}


@pytest.mark.parametrize("damage", SAMPLE)
def test_the_engine_and_the_commands_refuse(specimen: Specimen, tmp_path: Path, damage: str) -> None:
    """In one line, with what to do; again at the next try."""
    data = specimen.copy(STOPPED, tmp_path / "data")
    act, expected = SAMPLE[damage]
    act(data)
    done = run("-m", "shards", SHARDEX_DATA=str(data))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert expected in done.stderr, done.stderr
    listed = CliRunner().invoke(cli.main, ["--data", str(data), "market", "list"])
    assert (listed.exit_code, listed.stdout) == (1, "") and expected in listed.stderr


def test_what_means_nothing_is_made_anew(specimen: Specimen) -> None:
    """What lies in run/, demo.json and the marks may be anything; a row changed while all runs stops what reads it."""
    exchange = Exchange(SHARDS)
    rnd = make_random()
    try:
        specimen.copy(KILLED, exchange.data)
        for path in [exchange.data / "demo.json", *(exchange.data / "run").rglob("*"), *exchange.data.rglob("*.mark")]:
            if path.is_file() and path.name != "history.mark":
                path.write_bytes(rnd.randbytes(path.stat().st_size))
        exchange.start()
        assert look_at(exchange) == specimen.balances
        with closing(sqlite3.connect(exchange.data / "reference.sqlite")) as db:
            for decimals, status in ((4, 503), (6, 200)):
                with db:
                    db.execute("UPDATE assets SET decimals = ? WHERE symbol = 'USDT'", (decimals,))
                answers = [exchange.call("GET", "/api/v1/spot/balances") for _ in range(6)]
                assert [answer.status_code for answer in answers] == [status] * 6
                ready = exchange.call("GET", "/readyz", account=None)
                assert (ready.status_code, ready.json().get("reference")) == (status, {503: "unusable"}.get(status))
                assert exchange.call("GET", "/fapi/v1/ping", account=None).status_code == 200
        assert "table assets: the row 'USDT' does not match its checksum" in exchange.log()
        assert look_at(exchange) == specimen.balances
    finally:
        exchange.close()


def look_at(exchange: Exchange) -> list[object]:
    return [exchange.call("GET", "/api/v1/spot/balances", account=account).json() for account in (0, 1)]
