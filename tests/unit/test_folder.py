"""A data folder is used only as it was made."""

import json
from pathlib import Path

import pytest

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
