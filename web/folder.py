"""The data folder as both halves open it."""

import os
from pathlib import Path

from shards.settings import default_shard_count
from storage.folder import Folder


def open_folder(path: Path, shard_count: int | None) -> Folder:
    """The data folder; whoever comes first, web or engine, makes it with the same facts. Raises FolderError."""
    if shard_count is None and not os.path.exists(path / "shardex.json"):  # nor if it may not be looked at
        shard_count = default_shard_count()
    return Folder.open(path, shard_count)
