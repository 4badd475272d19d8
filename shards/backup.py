"""A copy of a data folder at one moment, taken from a running exchange or at rest; ``shardex verify`` accepts it.

In this order, because each part must know no more than the next, and each sender must hold what its receiver lacks:

1. Snapshots: the existing ones. What they no longer hold was on their receivers' disks before.
2. History: all rows are checkpointed into the DuckDB file, which then stays unchanged until it has been copied.
3. Journals and reference data: all at one moment (:mod:`storage.moment`).

Before each part is read, the mark next to it is read: what had been acknowledged by then must be present and intact.

So the history has at most the events of the journals, and those it lacks are still sent: the archive stores each once,
by its number. Meanwhile nothing that is being copied is discarded (:mod:`storage.keeping`), and nobody waits.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Final, NamedTuple

import duckdb

from shards.archive.mark import HistoryLost, check_end, check_there
from shards.clock import now_ms
from shards.folder import Folder
from shards.ipc.client import Client
from shards.limits import ARCHIVE_MEMORY
from shards.model.queries import CheckpointHistory
from shards.model.replies import ArchiveStatus
from shards.process import LockTaken, lock_file
from shards.runtime.recovery import check_reaches
from storage.archive import read_positions
from storage.backup import (
    FORMAT,
    BackupError,
    FileFacts,
    Manifest,
    check_room,
    copy_file,
    file_facts,
    make_folder,
    write_manifest,
)
from storage.files import sync_file
from storage.journal import START, Journal, JournalDamaged
from storage.keeping import StillDiscarding, keep
from storage.mark import Marked, MarkWriter, mark_path, read_mark
from storage.moment import NoMoment, find_moment
from storage.reference_file import ReferenceUnusable, check_whole, connect, guarded
from storage.snapshot import SnapshotDamaged, list_snapshots, read_snapshot

DISCARD_S: Final = 10.0  # enough for a pending trim or checkpoint to finish
MOMENT_S: Final = 20.0  # a few tries are enough, each of a fraction of a millisecond
ARCHIVE_S: Final = 60.0  # for the archive to start and checkpoint
RETRY_S: Final = 0.1
DUCKDB_HEAD_BYTES: Final = 3 * 4_096  # the headers of a DuckDB file: changed by checkpoints and nothing else

_Facts = dict[str, FileFacts]

_REFUSALS: Final = (
    JournalDamaged,
    SnapshotDamaged,
    ReferenceUnusable,
    HistoryLost,
    StillDiscarding,
    NoMoment,
)


def back_up(folder: Folder, target: Path, client: Client) -> Manifest:
    """Copy ``folder`` to ``target``, with everything acknowledged before the call. Raises BackupError."""
    began_ms = now_ms()
    try:
        with make_folder(target) as aside, ExitStack() as held:
            held.callback(os.close, lock_file(folder.run / "backup.lock"))
            check_room(aside, sum(path.stat().st_size for path in _sources(folder)))
            for part in (folder.run, *map(folder.shard, range(folder.shard_count))):
                held.enter_context(keep(part, DISCARD_S))
            return _copy(folder, aside, client, began_ms)
    except LockTaken as error:
        raise BackupError(f"another backup of {folder.path} is under way") from error
    except _REFUSALS as error:
        raise BackupError(f"{target} was not made: {error}") from error


def _sources(folder: Folder) -> Iterator[Path]:
    for pattern in ("*.json", "reference.sqlite", "history.duckdb*", "shard-*/journal.sqlite", "shard-*/snapshot-*"):
        yield from folder.path.glob(pattern)


def _copy(folder: Folder, aside: Path, client: Client, began_ms: int) -> Manifest:
    snapshots = [list_snapshots(folder.shard(shard)) for shard in range(folder.shard_count)]
    confirmed = read_mark(mark_path(folder.history))
    check_there(folder.history, confirmed)
    with _history_at_rest(folder, client) as history, ExitStack() as opened:
        journals = [
            opened.enter_context(closing(Journal(folder.shard(shard) / "journal.sqlite", read_only=True)))
            for shard in range(folder.shard_count)
        ]
        for journal in journals:
            journal.check_end()
        acknowledged = read_mark(mark_path(folder.reference))
        with find_moment(journals, folder.reference, MOMENT_S) as moment:
            moment_ms = now_ms()
            _copy_reference(folder.reference, moment.reference, acknowledged, aside)
        for shard, journal in enumerate(journals):
            _copy_shard(folder.shard(shard), journal, snapshots[shard], aside / f"shard-{shard}", moment.ends[shard])
        facts = {path.name: copy_file(path, aside / path.name) for path in folder.path.glob("*.json")}
        facts |= _copy_history(history, aside)
        if confirmed is not None:
            _check_history(folder.history, confirmed, aside)
    manifest = Manifest(FORMAT, began_ms, moment_ms, folder.shard_count, moment.ends, _complete(facts, aside))
    write_manifest(aside, manifest)
    return manifest


class _History(NamedTuple):
    """The files of the history to be copied."""

    sizes: dict[Path, int]
    head: bytes


@contextmanager
def _history_at_rest(folder: Folder, client: Client) -> Iterator[_History]:
    """Keep the returned part of the history's files unchanged while the context lasts.

    Either the archive has checkpointed into the DuckDB file, or it is down and cannot start meanwhile.
    """
    until = time.monotonic() + ARCHIVE_S
    while True:
        try:
            descriptor = lock_file(folder.run / "archive.lock")
        except LockTaken:
            reply = client.ask_archive(CheckpointHistory(), round(ARCHIVE_S * 1_000))
            if isinstance(reply, ArchiveStatus):
                yield _look_at(folder.history)
                return
        else:
            try:
                yield _look_at(*folder.path.glob(f"{folder.history.name}*"))
            finally:
                os.close(descriptor)
            return
        if time.monotonic() >= until:
            raise BackupError(f"the archive cannot get its file ready: {reply}")
        time.sleep(RETRY_S)


def _look_at(*history: Path) -> _History:
    return _History({path: path.stat().st_size for path in history}, b"".join(map(_read_head, history)))


def _read_head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(DUCKDB_HEAD_BYTES)


def _copy_history(history: _History, aside: Path) -> _Facts:
    try:
        copied = {path.name: copy_file(path, aside / path.name, size) for path, size in history.sizes.items()}
        same = b"".join(map(_read_head, history.sizes)) == history.head
    except FileNotFoundError:
        same = False
    if not same:  # changed by another program, or by an archive unaware of the backup
        raise BackupError("the history was in use while it was copied: try again")
    return copied


def _check_history(history: Path, confirmed: Marked, aside: Path) -> None:
    """Check that the copy holds all rows that had been confirmed."""
    try:
        check_end(history, read_positions(aside / history.name, ARCHIVE_MEMORY), confirmed)
    except duckdb.Error as fault:
        raise BackupError(f"{history} cannot be read: {fault}") from fault


def _copy_reference(reference: Path, moment: Connection, acknowledged: Marked | None, aside: Path) -> None:
    with guarded(reference):
        reached = check_whole(moment, acknowledged)
    target = aside / reference.name
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(connect(target)) as copy:
        moment.backup(copy)
    with closing(MarkWriter(mark_path(target))) as mark:
        mark.put(reached)


def _copy_shard(source: Path, journal: Journal, snapshots: list[Path], target: Path, end: int) -> None:
    """Copy the shard's snapshots, and its journal from the oldest of them to the moment."""
    target.mkdir(mode=0o700)
    after = START
    for number, path in enumerate(snapshots):
        position = read_snapshot(path).position
        check_reaches(journal, source, position)
        after = after if number else position
        copy_file(path, target / path.name)
    journal.copy(target / "journal.sqlite", after, end)


def _complete(known: _Facts, aside: Path) -> _Facts:
    """Return the facts of all files in the copy, synced; ``known`` are those of files already read and synced."""
    files = {path.relative_to(aside).as_posix(): path for path in sorted(aside.rglob("*")) if path.is_file()}
    for path in (path for name, path in files.items() if name not in known):
        sync_file(path)
    return {name: known.get(name) or file_facts(path) for name, path in files.items()}
