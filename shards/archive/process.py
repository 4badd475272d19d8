"""The archive as a process: open the DuckDB file, serve, stop."""

import errno
import os
import sys
from typing import NoReturn

import duckdb

from shards.archive.loop import Archivist
from shards.archive.mark import HistoryLost
from shards.archive.service import History
from shards.archive.sql_answers import SqlBounds
from shards.folder import Folder
from shards.ipc.errors import LinkBroken
from shards.process import EXIT_DAMAGED, LockTaken, Wakeup, enter, lock_file, log
from shards.settings import Settings
from shards.vitals import ARCHIVE_NAME, Vitals, vitals_path
from storage.archive import ArchiveTooNew
from storage.files import describe_fault
from storage.folder import FolderError
from storage.parts import ADVICE

_LOCK_PATIENCE_S = 10
_NO_ROOM = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT))  # opening a file writes to it
_IN_THE_WAY = ("Could not set lock on file", "Permission denied")


def run_archive(settings: Settings) -> None:
    """Run the archive until SIGTERM. Exits with EXIT_DAMAGED if it has lost data."""
    enter("shardex archive")
    try:
        folder = Folder.open(settings.data)
        id_key = bytes.fromhex(folder.secrets().id_key)
    except FolderError as error:
        _give_up(error)
    try:
        lock_file(folder.run / "archive.lock", _LOCK_PATIENCE_S)
        vitals = Vitals(vitals_path(folder, ARCHIVE_NAME))
    except (LockTaken, OSError) as error:
        log.error("the archive cannot start yet: %s", error)
        sys.exit(1)
    os.umask(0o077)
    history = _open_history(folder, id_key, 1_000 * settings.sql_s)
    archivist = Archivist(folder, history, settings.queue_depth, vitals)

    def stop() -> None:
        archivist.stopping = True

    Wakeup(archivist.mailbox.watch, stop)
    try:
        archivist.run()
    except LinkBroken as damage:
        log.error("the archive cannot continue: %s: %s; %s", folder.history, damage, ADVICE)
        os._exit(EXIT_DAMAGED)  # pending queries do not matter: this process must not continue
    log.info("stopped")


def _open_history(folder: Folder, id_key: bytes, sql_ms: int) -> History:
    try:
        return History(folder.history, id_key, SqlBounds(sql_ms=sql_ms))
    except (ArchiveTooNew, HistoryLost) as damage:
        _give_up(damage)
    except duckdb.Error as error:
        if _leaves_whole(error):
            log.error("the archive cannot start yet: %s: %s", folder.history, error)
            sys.exit(1)
        _give_up(Exception(f"{folder.history} is damaged: {error}"))
    except OSError as error:
        log.error("the archive cannot start yet: %s", describe_fault(error, folder.history))
        sys.exit(1)


def _leaves_whole(error: duckdb.Error) -> bool:
    """Whether the file is intact and can be opened once the obstacle is gone."""
    text = str(error)
    if any(words in text for words in _NO_ROOM):  # DuckDB reports this with several error classes
        return True
    return isinstance(error, duckdb.IOException) and any(words in text for words in _IN_THE_WAY)


def _give_up(damage: Exception) -> NoReturn:
    log.error("the archive does not start: %s", damage)
    sys.exit(EXIT_DAMAGED)
