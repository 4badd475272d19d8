"""The data folder as both services open it."""

import logging
import os
from pathlib import Path
from typing import Final, NamedTuple

from shards.folder import Folder, Secrets
from shards.settings import default_shard_count
from storage.folder import FolderError


class Opened(NamedTuple):
    """The data folder and the keys that it holds."""

    folder: Folder
    secrets: Secrets


_log: Final = logging.getLogger("web.folder")
_good: Final[dict[Path, Opened]] = {}  # each as this process last found it good


def open_folder(path: Path, shard_count: int | None) -> Folder:
    """The data folder; whoever comes first, web or engine, makes it with the same facts. Raises FolderError."""
    if shard_count is None and not os.path.exists(path / "shardex.json"):  # nor if it may not be looked at
        shard_count = default_shard_count()
    return Folder.open(path, shard_count)


def reopen_folder(path: Path, shard_count: int | None) -> Opened:
    """The data folder with its keys; if either is bad now, as they were when they were last good.

    So a bad file fails a start and never a reload: gunicorn's workers inherit what their master has read before.
    """
    try:
        folder = Folder.open(path) if path in _good else open_folder(path, shard_count)  # made anew by a start alone
        _good[path] = Opened(folder, folder.secrets())
    except FolderError as fault:
        if path not in _good:
            raise
        _log.error("%s. The previously read version stays in use", fault)
    return _good[path]
