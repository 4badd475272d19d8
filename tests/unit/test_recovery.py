"""Recovery comes to the very state that was, or refuses what is damaged or does not fit together."""

import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from shards.engine.engine import MAILBOX
from shards.engine.state import dump_state, dump_underway
from shards.model.codec import encode
from shards.model.commands import AddMarket, Command, Deposit, Place
from shards.model.markets import Market, Product
from shards.model.orders import Kind, NewOrder, Side, TimeInForce
from shards.runtime.recovery import apply_record, engine_at, recover
from storage.journal import Journal, JournalDamaged, Position, Record
from storage.snapshot import Snapshot, SnapshotDamaged, list_snapshots, write_snapshot
from tests.model.seeds import read_count, read_seed

MARKET = Market(1, Product.SPOT, "MUSDT", "M", "USDT", 8, 6, 1, 2, 1, 3, 1, 0, 0)
RECORDS = 40
State = tuple[bytes, bytes, Position, int]
"""State, messages under way, end of the journal, record of the snapshot."""


def commands() -> list[Command]:
    """A market, money, and orders that trade."""
    made: list[Command] = [AddMarket(MARKET)]
    made += [Deposit(account, asset, 10**12, asset) for account in ("alice", "bob") for asset in ("M", "USDT")]
    for number in range(RECORDS - len(made)):
        account, side = (("alice", Side.BUY), ("bob", Side.SELL))[number % 3 == 0]
        made.append(Place(NewOrder(1, account, side, Kind.LIMIT, TimeInForce.GTC, 100, 10 + number, 0, f"c{number}")))
    return made


def write(folder: Path, snapshot_at: int, usdt: bytes = b'"USDT"') -> State:
    """A shard's folder with a snapshot after so many records, which writes that asset so."""
    folder.mkdir()
    (engine, _), journal = engine_at(None, 0, 1), Journal(folder / "journal.sqlite")
    for sequence, command in enumerate(commands(), 1):
        record = Record(sequence, 1_000 + sequence, MAILBOX, 0, encode(command))
        journal.append([record])
        apply_record(engine, record)
        if sequence == snapshot_at:
            state = dump_state(engine).replace(b'"USDT"', usdt)
            write_snapshot(folder, Snapshot(journal.last, state, dump_underway(engine)))
    end = journal.last
    journal.close()
    return dump_state(engine), dump_underway(engine), end, snapshot_at


def read(folder: Path) -> State:
    """As a shard that starts."""
    engine, journal, sequence = recover(folder, 0, 1)
    journal.close()
    return dump_state(engine), dump_underway(engine), journal.last, sequence


@pytest.mark.parametrize("snapshot_at", [RECORDS - 10, RECORDS], ids=["with records after it", "with none after it"])
def test_a_damaged_snapshot_is_refused_or_harmless(tmp_path: Path, snapshot_at: int) -> None:
    """Cut at any place, or one bit turned: most often in its first line, which says what belongs to it."""
    rnd = random.Random(read_seed())
    right = write(tmp_path / "whole", snapshot_at)
    assert read(tmp_path / "whole") == right
    (path,) = list_snapshots(tmp_path / "whole")
    whole = path.read_bytes()
    refused = 0
    for number in range(read_count("SHARDEX_TEST_CUTS", 200)):
        copy = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", copy)
        place = rnd.randrange(whole.index(b"\n") if number % 2 else len(whole))
        mutated = whole[:place] if number % 4 == 3 else bytearray(whole)
        if isinstance(mutated, bytearray):
            mutated[place] ^= 1 << rnd.randrange(8)
        (copy / path.name).write_bytes(mutated)
        try:
            assert read(copy) == right, f"byte {place}"
        except (SnapshotDamaged, JournalDamaged) as damage:
            refused += 1
            assert "snapshot" in str(damage) or "record" in str(damage)
        shutil.rmtree(copy)
    assert refused
    assert open_in(tmp_path) == [], "who is refused tries again, in the same process"


def open_in(folder: Path) -> list[str]:
    """What this process has open there."""
    held = [os.readlink(each) for each in Path("/proc/self/fd").glob("*") if os.path.islink(each)]
    return [path for path in held if path.startswith(str(folder))]


def test_a_snapshot_that_does_not_load_to_itself_is_refused(tmp_path: Path) -> None:
    """Its hash is right: it was written so, by a program that dumps what it does not load."""
    write(tmp_path / "shard", 3, usdt=b'"US\\u0044T"')
    with pytest.raises(SnapshotDamaged, match="does not load to its own state"):
        read(tmp_path / "shard")


def test_a_journal_that_ends_before_its_snapshot_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "shard", 3)
    with sqlite3.connect(tmp_path / "shard" / "journal.sqlite") as db:
        db.execute("DELETE FROM journal WHERE sequence > 1")
    db.close()
    with pytest.raises(JournalDamaged, match="ends at record 1, before its snapshot at 3"):
        read(tmp_path / "shard")
