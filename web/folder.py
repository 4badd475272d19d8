"""Opening of the data folder, common to both services."""

import logging
import os
from pathlib import Path
from typing import Final, NamedTuple

from shards.folder import Folder, Secrets
from shards.settings import default_shard_count
from storage.folder import FolderError


class Opened(NamedTuple):
    """The data folder and its keys."""

    folder: Folder
    secrets: Secrets


_log: Final = logging.getLogger("web.folder")
_good: Final[dict[Path, Opened]] = {}  # as last opened successfully by this process


def open_folder(path: Path, shard_count: int | None) -> Folder:
    """The data folder; the first service to start, web or engine, creates it identically. Raises FolderError."""
    if shard_count is None and not os.path.exists(path / "shardex.json"):  # also if the folder may not be accessed
        shard_count = default_shard_count()
    return Folder.open(path, shard_count)


def reopen_folder(path: Path, shard_count: int | None) -> Opened:
    """The data folder with its keys; if either is invalid now, the last valid state.

    So an invalid file fails a start, never a reload: gunicorn's workers inherit what their master has read before.
    """
    try:
        folder = Folder.open(path) if path in _good else open_folder(path, shard_count)  # created only by a start
        _good[path] = Opened(folder, folder.secrets())
    except FolderError as fault:
        if path not in _good:
            raise
        _log.error("%s. The previously read version stays in use", fault)
    return _good[path]
