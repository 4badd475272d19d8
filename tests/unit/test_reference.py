"""The reference file: seen by everybody at once, secrets unreadable on disk."""

import gc
import multiprocessing
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from storage.operations import ASSETS, TABLES
from storage.reference import Asset, ListenKey, MarketRow, Reference, ReferenceUnusable
from storage.seals import SealsBroken, Sheet, Table

STORAGE_KEY = Fernet.generate_key().decode()
SPOT = 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reference.sqlite"


@pytest.fixture
def reference(path: Path) -> Iterator[Reference]:
    made = Reference(path, STORAGE_KEY)
    yield made
    made.close()


@pytest.fixture
def elsewhere(path: Path, reference: Reference) -> Iterator[Reference]:
    """The same file as another worker has it open."""
    made = Reference(path, STORAGE_KEY)
    yield made
    made.close()


def test_nobody_else_may_read(path: Path, reference: Reference) -> None:
    reference.set_switch("spot", "enabled")
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_assets(reference: Reference, elsewhere: Reference) -> None:
    asset = Asset("USDT", 6, "https://example.org/usdt.svg", 2**40, "0x0")
    assert reference.add_asset(asset)
    assert not elsewhere.add_asset(Asset("USDT", 18))
    for each in (reference, elsewhere):
        assert each.facts().assets == {"USDT": asset}


def test_facts_are_one_object_until_they_change(reference: Reference, elsewhere: Reference) -> None:
    before = elsewhere.facts()
    assert elsewhere.facts() is before
    reference.set_switch("spot", "disabled")
    assert elsewhere.facts().switches == {"spot": "disabled"}
    reference.set_switch("spot", "enabled")
    assert elsewhere.facts().switches == reference.facts().switches == {"spot": "enabled"}


def test_changes_are_looked_for_once_in_a_moment(path: Path, reference: Reference) -> None:
    """By whoever has moments; but its own changes are seen within the same one."""
    moment = 1
    with closing(Reference(path, STORAGE_KEY, lambda: moment)) as own:
        assert own.facts().switches == {}
        reference.set_switch("spot", "disabled")
        assert own.facts().switches == {}
        moment = 2
        assert own.facts().switches == {"spot": "disabled"}
        own.set_switch("spot", "enabled")
        assert own.facts().switches == {"spot": "enabled"}


def test_market_is_hidden_until_it_is_put(reference: Reference, elsewhere: Reference) -> None:
    first = reference.reserve_market(SPOT, "DFUSDT", 4_095)
    assert first == MarketRow(1, SPOT, "DFUSDT", b"", False)
    assert elsewhere.facts().markets == ()
    assert elsewhere.reserve_market(SPOT, "DFUSDT", 4_095) == first
    reference.put_market(1, b"spec")
    assert elsewhere.facts().markets == (MarketRow(1, SPOT, "DFUSDT", b"spec", True),)
    assert elsewhere.find_market(SPOT, "DFUSDT") == MarketRow(1, SPOT, "DFUSDT", b"spec", True)
    assert elsewhere.find_market(SPOT, "ETHUSDT") is None


def test_market_numbers_are_one_space_and_end(reference: Reference) -> None:
    wanted = ((SPOT, "BTCUSDT"), (2, "BTCUSDT"), (SPOT, "ETHUSDT"), (SPOT, "DFUSDT"), (2, "ETHUSDT"))
    rows = [reference.reserve_market(product, symbol, 4) for product, symbol in wanted]
    assert [row and row.number for row in rows] == [1, 2, 3, 4, None]


def test_keys(reference: Reference, elsewhere: Reference) -> None:
    made = reference.create_key("alice", "bot", ("read", "trade"), 5, 20)
    assert made is not None and made.key.isalnum() and len(made.key) == 64
    assert len(made.secret) == 64 and made.secret.isalnum() and made.secret != made.key.encode()
    assert elsewhere.find_key(made.key) == made
    assert elsewhere.find_key(made.key) is elsewhere.find_key(made.key)
    assert elsewhere.find_key("unknown") is None
    assert not elsewhere.revoke_key("bob", made.key)
    assert elsewhere.find_key(made.key) == made
    assert reference.revoke_key("alice", made.key)
    assert elsewhere.find_key(made.key) is None and reference.find_key(made.key) is None
    assert not reference.revoke_key("alice", made.key)


def test_keys_are_listed_newest_first_without_secrets(reference: Reference) -> None:
    for label, created_ms in (("a", 1), ("b", 2), ("c", 2)):
        reference.create_key("alice", label, ("read",), created_ms, 20)
    reference.create_key("bob", "d", ("read",), 3, 20)
    listed = reference.list_keys("alice")
    assert [key.label for key in listed] == ["c", "b", "a"]
    assert all(key.secret == b"" for key in listed)


def test_key_count_is_bounded(reference: Reference) -> None:
    made = [reference.create_key("alice", "", ("read",), 1, 3) for _ in range(5)]
    assert [key is not None for key in made] == [True, True, True, False, False]
    assert reference.create_key("bob", "", ("read",), 1, 3) is not None


def _create_keys(path: Path) -> None:
    reference = Reference(path, STORAGE_KEY)
    for _ in range(5):
        reference.create_key("alice", "", ("read",), 1, 7)


def test_key_count_is_bounded_over_processes(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_create_keys, args=(path,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert len(Reference(path, STORAGE_KEY).list_keys("alice")) == 7


def test_a_listen_key_is_renewed_until_it_expires(reference: Reference, elsewhere: Reference) -> None:
    """It is the same for as long as it is valid; one that is fresh is not written again."""
    key = reference.renew_listen_key("alice", 1_000, 100, 10)
    assert elsewhere.find_listen_key("alice", 1_099) == ListenKey(key, 1_100)
    assert elsewhere.find_listen_key("alice", 1_100) is None and elsewhere.find_listen_key("bob", 1_000) is None
    for now_ms, expires_ms in ((1_009, 1_100), (1_010, 1_110), (1_109, 1_209)):
        assert elsewhere.renew_listen_key("alice", now_ms, 100, 10) == key
        assert reference.find_listen_key("alice", now_ms) == ListenKey(key, expires_ms)
    other = reference.renew_listen_key("alice", 1_209, 100, 10)
    assert other != key and reference.find_listen_key("alice", 1_209) == ListenKey(other, 1_309)
    assert reference.renew_listen_key("bob", 1_209, 100, 10) != other
    elsewhere.drop_listen_key("alice")
    assert reference.find_listen_key("alice", 1_209) is None
    assert reference.find_listen_key("bob", 1_209) is not None


def test_secrets_are_not_readable(path: Path, reference: Reference) -> None:
    made = reference.create_key("alice", "", ("read",), 1, 20)
    assert made is not None
    assert made.secret.decode() not in repr(made)
    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert made.key.encode() in stored and made.secret not in stored


def test_key_of_another_storage_key_is_refused(path: Path, reference: Reference) -> None:
    made = reference.create_key("alice", "", ("read",), 1, 20)
    assert made is not None
    assert Reference(path, Fernet.generate_key().decode()).find_key(made.key) is None


def test_survives_reopening(path: Path, reference: Reference) -> None:
    reference.set_switch("spot", "disabled")
    reference.close()
    assert Reference(path, STORAGE_KEY).facts().switches == {"spot": "disabled"}


def test_refuses_what_it_cannot_use(path: Path) -> None:
    with pytest.raises(ReferenceUnusable):
        Reference(path, "not a key")
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(ReferenceUnusable, match="format 9"):
        Reference(path, STORAGE_KEY)


@pytest.mark.parametrize("format_", [1, 2])
def test_a_file_without_checksums_is_adopted(path: Path, format_: int) -> None:
    """With every row; its assets were active. Format 1 had no listen keys."""
    rows: dict[str, list[tuple[object, ...]]] = {
        "assets": [("USDT", 6, "picture", 1, "0x0")],
        "markets": [(1, SPOT, "DFUSDT", b"terms", 1), (2, SPOT, "BTCUSDT", b"", 0)],
        "api_keys": [("key", "alice", "bot", "read,trade", 5, Fernet(STORAGE_KEY.encode()).encrypt(b"secret"))],
        "switches": [("spot", "disabled")],
        "listen_keys": [("alice", "listen", 2_000)],
    }
    if format_ == 1:
        del rows["listen_keys"]
    columns = {table.name: table.columns[:5] if table is ASSETS else table.columns for table in TABLES}
    with closing(sqlite3.connect(path)) as db:
        for name, stored in rows.items():
            db.execute(f"CREATE TABLE {name} ({', '.join(columns[name])})")
            db.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns[name]))})", stored)
        db.execute(f"PRAGMA user_version = {format_}")
        db.commit()
    for _ in range(2):
        with closing(Reference(path, STORAGE_KEY)) as adopted:
            facts, key = adopted.facts(), adopted.find_key("key")
            assert facts.assets == {"USDT": Asset("USDT", 6, "picture", 1, "0x0")}
            assert [market.symbol for market in facts.markets] == ["DFUSDT"] and facts.switches == {"spot": "disabled"}
            assert adopted.find_market(SPOT, "BTCUSDT") == MarketRow(2, SPOT, "BTCUSDT", b"", False)
            assert key is not None and (key.account, key.permissions, key.secret) == (
                "alice",
                ("read", "trade"),
                b"secret",
            )
            listen_key = adopted.find_listen_key("alice", 1_000)
            assert listen_key == (ListenKey("listen", 2_000) if format_ > 1 else None)


def test_a_row_of_another_table() -> None:
    """Whole, but of another kind: as if somebody had moved it."""
    one, other = Table("one", ("name", "value")), Table("other", ("name", "value"))
    with closing(sqlite3.connect(":memory:")) as db:
        for table in (one, other):
            db.execute(f"CREATE TABLE {table.name} (name TEXT PRIMARY KEY, value TEXT, checksum INTEGER)")
        sheet = Sheet(db, (one, other))
        sheet.make()
        sheet.insert(one, ("spot", "enabled"))
        assert sheet.finish() == sheet.state()
        assert sheet.rows(one) == sheet.find(one, "name = 'spot'", ()) == [("spot", "enabled")]
        db.execute("INSERT INTO other SELECT * FROM one")
        with pytest.raises(SealsBroken, match="row 'spot'"):
            sheet.find(other, "name = 'spot'", ())


@pytest.mark.parametrize("old", [Asset("USDT", 6), Asset("usdt", 8)])
def test_reserved_symbols(reference: Reference, old: Asset) -> None:
    """Whoever reserves one may repeat it; nobody else gets it in another case."""
    assert reference.reserve_asset(old) and reference.reserve_asset(old)
    assert reference.facts().assets == {}
    assert not reference.reserve_asset(old._replace(symbol=old.symbol.swapcase()))
    assert reference.put_asset(old) and not reference.put_asset(old)
    assert not reference.reserve_asset(old)
    assert reference.facts().assets == {old.symbol: old}


@pytest.mark.parametrize("retry_s", [0.0, 60.0])
def test_a_file_that_cannot_be_used_leaves_nothing_behind(path: Path, retry_s: float) -> None:
    """Neither open, where another is put in its place, nor in memory, however often it is asked for."""
    made = Reference(path, STORAGE_KEY)
    made.set_switch("spot", "enabled")
    made.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE switches SET value = 'disabled'")
    gc.disable()  # a connection that only the collector closes is open for long
    try:
        reference = Reference(path, STORAGE_KEY, patient=True, retry_s=retry_s)
        depths = set()
        for _ in range(4):
            with pytest.raises(ReferenceUnusable, match="switches") as refused:
                reference.facts()
            depths.add(len(refused.traceback))
            assert [link for link in links(Path("/proc/self/fd")) if str(path) in link] == []
        assert max(depths) < 20
    finally:
        gc.enable()
    path.unlink()
    shutil.copy(_whole(path.with_name("other.sqlite")), path)
    if not retry_s:
        assert reference.facts().switches == {"spot": "disabled"}
    reference.close()


def _whole(path: Path) -> Path:
    made = Reference(path, STORAGE_KEY)
    for value in ("enabled", "disabled"):
        made.set_switch("spot", value)
    made.close()
    return path


def links(folder: Path) -> list[str]:
    """What descriptors stand for; none where there is no /proc."""
    found = []
    for entry in folder.iterdir() if folder.exists() else ():
        with suppress(OSError):  # of the folder itself
            found.append(os.readlink(entry))
    return found
