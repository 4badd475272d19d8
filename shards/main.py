"""One shard as a process: recover, serve, stop."""

import sys
from typing import NoReturn

from shards.loop import Shard
from shards.mailbox import LinkBroken
from shards.process import EXIT_DAMAGED, Wakeup, lock_file, log, set_up_logging, settle
from shards.recovery import recover
from shards.settings import Settings
from shards.snapshots import Snapshots
from storage.folder import Folder
from storage.journal import JournalDamaged, StorageUnavailable
from storage.snapshot import SnapshotDamaged, remove_unfinished

_LOCK_PATIENCE_S = 10  # a predecessor that was killed has ended by then


def run_shard(settings: Settings, index: int) -> None:
    """Run shard ``index`` until SIGTERM. Exits with EXIT_DAMAGED if its data cannot be trusted."""
    set_up_logging()
    folder = Folder.open(settings.data)
    lock_file(folder.run / f"shard-{index}.lock", _LOCK_PATIENCE_S)
    own = folder.shard(index)
    remove_unfinished(own)
    try:
        engine, journal, snapshot_sequence = recover(own, index, folder.shard_count)
    except (JournalDamaged, SnapshotDamaged) as damage:
        _give_up(damage)
    except StorageUnavailable as error:
        log.error("this shard cannot start yet: %s", error)
        sys.exit(1)
    settle()
    snapshots = Snapshots(own, settings.snapshot_records, snapshot_sequence)
    shard = Shard(folder, engine, journal, snapshots, settings.queue_depth)

    def stop() -> None:
        shard.stopping = True

    Wakeup(shard.mailbox.selector, stop)
    log.info("recovered to record %d", engine.sequence)
    try:
        shard.run()
    except (JournalDamaged, LinkBroken) as damage:
        _give_up(damage)
    log.info("stopped at record %d", engine.sequence)


def _give_up(damage: Exception) -> NoReturn:
    log.error("this shard does not start: %s", damage)
    sys.exit(EXIT_DAMAGED)
