"""A data folder is used only as it was made."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shards.folder import Folder
from shards.process import LockTaken, lock_file
from storage.folder import FolderError


@pytest.mark.parametrize(
    ("format_", "told"),
    [
        (1, "has format 1, which this version does not read; it reads format 2; commit dfb320d is the last that does"),
        (3, "has format 3, of a newer version"),
        (0, "has format 0, which no version has written"),
        (True, "has format True, which no version has written"),
        ("2", "has format '2', which no version has written"),
    ],
)
def test_another_format_is_refused(tmp_path: Path, format_: object, told: str) -> None:
    """Its journals would be replayed to something else."""
    facts = Folder.open(tmp_path, 2).path / "shardex.json"
    fields = json.loads(facts.read_text()) | {"format": format_}
    del fields["checksum"]
    facts.write_text(json.dumps(fields))
    with pytest.raises(FolderError, match=told):
        Folder.open(tmp_path)


def test_what_was_made_is_kept(tmp_path: Path) -> None:
    first = Folder.open(tmp_path, 3)
    assert Folder.open(tmp_path).shard_count == 3
    assert Folder.open(tmp_path).secrets() == first.secrets()


def test_nobody_else_may_look_into_it(tmp_path: Path) -> None:
    """Whatever the caller's mask is."""
    before = os.umask(0)
    try:
        folder = Folder.open(tmp_path / "data", 2)
        folder.secrets()
    finally:
        os.umask(before)
    paths = [folder.path, *folder.path.rglob("*")]
    names = {path.name for path in paths}
    assert {"shardex.json", "secrets.json", "reference.sqlite", "journal.sqlite", "run", "shard-1"} <= names
    assert [path for path in paths if path.stat().st_mode & 0o077] == []


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    """Two engines on one folder would both write its journals."""
    descriptor = lock_file(tmp_path / "lock")
    with pytest.raises(LockTaken):
        lock_file(tmp_path / "lock")
    os.close(descriptor)
    os.close(lock_file(tmp_path / "lock"))


def test_a_short_secret_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder.open(tmp_path, 1)
    monkeypatch.setenv("SHARDEX_JWT_SECRET", "0f1e2d3c4b5a69780f1e2d3c4b5a697")
    with pytest.raises(FolderError, match="shorter than 32 bytes"):
        folder.secrets()


def test_a_weak_operator_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder.open(tmp_path, 1)
    for key, said in (("0f1e2d3c", "shorter than 32 bytes"), ("a" * 48, "a sample"), ("example" * 9, "a sample")):
        monkeypatch.setenv("SHARDEX_ADMIN_KEY", key)
        with pytest.raises(FolderError, match=f"SHARDEX_ADMIN_KEY .*{said}"):
            folder.secrets()
    monkeypatch.setenv("SHARDEX_ADMIN_KEY", "")
    assert folder.secrets().admin_key == ""


def test_the_first_start_decides(tmp_path: Path) -> None:
    """Both halves make the folder at their first start, whoever comes first."""
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: Folder.open(tmp_path / "data", 2).secrets(), range(8)))
    assert len(set(opened)) == 1


@pytest.mark.parametrize("name", ["shardex.json", "secrets.json"])
def test_a_turned_byte_is_refused(tmp_path: Path, name: str) -> None:
    """Any of them; what is not refused says the very same."""
    folder = Folder.open(tmp_path, 2)
    right = folder.shard_count, folder.secrets()
    whole = (tmp_path / name).read_bytes()
    for place in range(len(whole)):
        for bit in (0, 2, 5):
            turned = bytearray(whole)
            turned[place] ^= 1 << bit
            (tmp_path / name).write_bytes(turned)
            try:
                again = Folder.open(tmp_path)
                assert (again.shard_count, again.secrets()) == right, f"byte {place}"
            except FolderError as refused:
                assert name in str(refused) or "has format" in str(refused)
                assert not any(secret in str(refused) for secret in right[1])


@pytest.mark.parametrize("how", ["missing", "empty"])
@pytest.mark.parametrize("name", ["reference.sqlite", "shard-1/journal.sqlite"])
def test_a_lost_part_is_not_made_again(tmp_path: Path, name: str, how: str) -> None:
    part = Folder.open(tmp_path, 2).path / name
    part.unlink()
    if how == "empty":
        part.touch()
    with pytest.raises(FolderError, match=name):
        Folder.open(tmp_path)
    assert not part.exists() or part.stat().st_size == 0


def test_open_secrets_are_refused(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path, 1)
    for mode in (0o640, 0o604, 0o610, 0o666):
        (tmp_path / "secrets.json").chmod(mode)
        with pytest.raises(FolderError, match="chmod 600"):
            folder.secrets()
    (tmp_path / "secrets.json").chmod(0o600)
    assert folder.secrets()


def test_lost_secrets_are_refused_or_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All four from the environment need no file; one alone does not help."""
    folder = Folder.open(tmp_path, 1)
    right = folder.secrets()
    (tmp_path / "secrets.json").unlink()
    names = ("SHARDEX_JWT_SECRET", "SHARDEX_ADMIN_KEY", "SHARDEX_STORAGE_KEY", "SHARDEX_ID_KEY")
    for name, value in zip(names, right, strict=True):
        with pytest.raises(FolderError, match=r"secrets\.json is missing"):
            Folder.open(tmp_path).secrets()
        monkeypatch.setenv(name, value)
    assert Folder.open(tmp_path).secrets() == right
    assert not (tmp_path / "secrets.json").exists()


def test_changed_on_purpose(tmp_path: Path) -> None:
    """Whoever changes a secret by hand takes the checksum out; then it is in force, and sealed again."""
    folder = Folder.open(tmp_path, 1)
    path = tmp_path / "secrets.json"
    fields = json.loads(path.read_text()) | {"admin_key": "0f1e2d3c4b5a6978" * 3}
    path.write_text(json.dumps(fields))
    with pytest.raises(FolderError, match="remove its checksum"):
        folder.secrets()
    del fields["checksum"]
    path.write_text(json.dumps(fields))
    assert folder.secrets().admin_key == fields["admin_key"]
    assert "checksum" in json.loads(path.read_text())
