"""A data folder is used only as it was made."""

import json
import os
from pathlib import Path

import pytest

from shards.process import LockTaken, lock_file
from storage.folder import Folder, FolderError


def test_another_format_is_refused(tmp_path: Path) -> None:
    """Its journals would be replayed to something else."""
    facts = Folder.open(tmp_path, 2).path / "shardex.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"format": 1}))
    with pytest.raises(FolderError, match="has format 1"):
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
