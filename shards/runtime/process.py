"""One shard as a process: recover, serve, stop."""

import errno
import os
import sys
import time
from typing import NoReturn

from shards.folder import Folder
from shards.ipc.errors import LinkBroken
from shards.limits import STORAGE_LOOK_MS
from shards.process import EXIT_DAMAGED, LockTaken, Wakeup, enter, freeze_heap, lock_file, log
from shards.runtime.loop import Shard
from shards.runtime.reconcile import reconcile
from shards.runtime.recovery import recover
from shards.runtime.snapshots import Snapshots
from shards.settings import Settings
from shards.vitals import State, Vitals, vitals_path
from storage.files import describe_fault
from storage.folder import FolderError
from storage.journal import JournalDamaged, StorageFull, StorageUnavailable
from storage.snapshot import SnapshotDamaged, remove_unfinished

_LOCK_PATIENCE_S = 10  # a killed predecessor has ended by then


def run_shard(settings: Settings, index: int) -> None:
    """Run shard ``index`` until SIGTERM. Exits with EXIT_DAMAGED if its data cannot be trusted."""
    enter(f"shardex shard {index}")
    try:
        folder = Folder.open(settings.data)
    except FolderError as error:
        _give_up(error)
    try:
        lock_file(folder.run / f"shard-{index}.lock", _LOCK_PATIENCE_S)
        vitals = Vitals(vitals_path(folder, f"shard-{index}"))
    except (LockTaken, OSError) as error:
        log.error("this shard cannot start yet: %s", error)
        sys.exit(1)
    try:
        shard = _start_patiently(folder, settings, index, vitals)
    except (JournalDamaged, SnapshotDamaged) as damage:
        _give_up(damage)

    def stop() -> None:
        shard.stopping = True

    Wakeup(shard.mailbox.watch, stop)
    log.info("recovered to record %d", shard.engine.sequence)
    try:
        shard.run()
    except (JournalDamaged, LinkBroken) as damage:
        _give_up(damage)
    log.info("stopped at record %d", shard.engine.sequence)


def _start_patiently(folder: Folder, settings: Settings, index: int, vitals: Vitals) -> Shard:
    """Recover the shard, retrying until its files can be opened. Raises JournalDamaged or SnapshotDamaged."""
    is_logged = False
    while True:
        try:
            return _start(folder, settings, index, vitals)
        except StorageUnavailable as error:
            if not is_logged:
                is_logged = True
                log.warning("this shard cannot start yet and keeps trying: %s", error)
            is_full = isinstance(error, StorageFull) or os.statvfs(folder.path).f_bavail == 0
            vitals.state = State.FULL if is_full else State.RECOVERING
            vitals.beat()
            time.sleep(STORAGE_LOOK_MS / 1_000)


def _start(folder: Folder, settings: Settings, index: int, vitals: Vitals) -> Shard:
    """Recover the shard. Raises StorageUnavailable for transient failures and for files without read permission."""
    try:
        return _recover(folder, settings, index, vitals)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull(str(error)) from error
        if error.filename is None:
            raise
        raise StorageUnavailable(describe_fault(error, folder.path)) from error


def _recover(folder: Folder, settings: Settings, index: int, vitals: Vitals) -> Shard:
    own = folder.shard(index)
    remove_unfinished(own)
    engine, journal, snapshot_sequence = recover(own, index, folder.shard_count, vitals.progress)
    try:
        reconcile(folder.reference, engine, journal)
        vitals.state = State.RECOVERING  # until its links are connected
        freeze_heap()
        snapshots = Snapshots(own, settings.snapshot_records, snapshot_sequence)
        return Shard(folder, engine, journal, snapshots, settings.queue_depth, vitals=vitals)
    except BaseException:
        journal.close()
        raise


def _give_up(damage: Exception) -> NoReturn:
    log.error("this shard does not start: %s", damage)
    sys.exit(EXIT_DAMAGED)
