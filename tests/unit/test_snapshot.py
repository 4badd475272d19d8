"""Snapshot files: whole or refused."""

import random
from pathlib import Path

import pytest

from storage.journal import Position
from storage.snapshot import (
    Snapshot,
    SnapshotDamaged,
    keep_newest,
    list_snapshots,
    read_snapshot,
    remove_unfinished,
    state_hash,
    write_snapshot,
)
from tests.model.seeds import read_count, read_seed

SNAPSHOT = Snapshot(Position(123, 456789), b'{"state":"' + b"s" * 3_000 + b'"}', b'{"0":[]}' * 200)


def only(folder: Path) -> Path:
    (path,) = list_snapshots(folder)
    return path


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    write_snapshot(tmp_path, SNAPSHOT)
    assert read_snapshot(only(tmp_path)) == SNAPSHOT
    assert only(tmp_path).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("part", [b"", b"\n", b"\n\n{}\n", bytes(range(256))])
def test_any_bytes_survive(tmp_path: Path, part: bytes) -> None:
    for snapshot in (SNAPSHOT._replace(state=part), SNAPSHOT._replace(underway=part)):
        write_snapshot(tmp_path, snapshot)
        assert read_snapshot(only(tmp_path)) == snapshot


def test_a_torn_file_is_refused_wherever_it_was_cut(tmp_path: Path) -> None:
    chance = random.Random(read_seed())
    write_snapshot(tmp_path, SNAPSHOT)
    path = only(tmp_path)
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    places = {0, 1, header - 1, header, header + 1, len(whole) - 1}
    places |= {chance.randrange(len(whole)) for _ in range(read_count("SHARDEX_TEST_CUTS", 200))}
    for place in places:
        for tail in (b"", bytes(len(whole) - place)):
            path.write_bytes(whole[:place] + tail)
            with pytest.raises(SnapshotDamaged, match=path.name):
                read_snapshot(path)


def test_a_flipped_bit_in_the_parts_is_noticed(tmp_path: Path) -> None:
    chance = random.Random(read_seed())
    write_snapshot(tmp_path, SNAPSHOT)
    path = only(tmp_path)
    whole = path.read_bytes()
    for _ in range(read_count("SHARDEX_TEST_CUTS", 200)):
        place = chance.randrange(whole.index(b"\n") + 1, len(whole))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << chance.randrange(8)]) + whole[place + 1 :])
        with pytest.raises(SnapshotDamaged):
            read_snapshot(path)


def test_bytes_added_at_the_end_are_noticed(tmp_path: Path) -> None:
    write_snapshot(tmp_path, SNAPSHOT)
    with only(tmp_path).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(SnapshotDamaged):
        read_snapshot(only(tmp_path))


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    write_snapshot(tmp_path, SNAPSHOT)
    path = only(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 9', 1))
    with pytest.raises(SnapshotDamaged, match="format 9"):
        read_snapshot(path)


def test_a_snapshot_that_is_gone_is_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_snapshot(tmp_path / "snapshot-000000000000001.json")


def test_snapshots_are_listed_oldest_first_and_only_the_newest_kept(tmp_path: Path) -> None:
    for sequence in (900, 12, 100_000_000_000_000, 7):
        write_snapshot(tmp_path, SNAPSHOT._replace(position=Position(sequence, 1)))
    sequences = [read_snapshot(path).position.sequence for path in list_snapshots(tmp_path)]
    assert sequences == [7, 12, 900, 100_000_000_000_000]
    keep_newest(tmp_path, 2)
    assert [read_snapshot(path).position.sequence for path in list_snapshots(tmp_path)] == sequences[2:]
    keep_newest(tmp_path, 5)
    assert len(list_snapshots(tmp_path)) == 2


def test_what_an_interrupted_snapshot_left_is_no_snapshot_and_goes(tmp_path: Path) -> None:
    write_snapshot(tmp_path, SNAPSHOT)
    (tmp_path / ".snapshot-000000000000999.json.4711").write_bytes(b"half")
    assert len(list_snapshots(tmp_path)) == 1
    remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [only(tmp_path).name]


def test_the_state_hash_tells_states_apart() -> None:
    assert state_hash(b"a") == state_hash(b"a") != state_hash(b"b")
    assert len(state_hash(b"")) == 32
