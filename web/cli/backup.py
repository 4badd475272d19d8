"""The operator's commands for durability: snapshots, backups, restoring."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from shards.backup import back_up
from shards.folder import Folder
from shards.ipc.client import Client
from shards.model.queries import TakeSnapshot
from shards.model.replies import CountReply, Rejected
from shards.settings import load_settings
from storage.backup import BackupError, Manifest, is_backup, restore
from web.cli.access import is_running, open_client, open_folder

SNAPSHOT_MS: Final = 120_000  # for one snapshot: it takes seconds with millions of orders
STOPPED: Final = 130  # exit status of a command stopped by a signal


@click.command(name="snapshot")
@click.pass_obj
def snapshot_command(data: Path | None) -> None:
    """Have every shard of the running exchange take a snapshot, and wait until they are on disk."""
    folder = open_folder(data)
    with open_client(folder) as client:
        if not is_running(client):
            raise click.ClickException(f"no engine runs on {folder.path}: start it first")
        taken = [_take_snapshot(client, shard) for shard in range(folder.shard_count)]
    if not all(taken):
        raise click.exceptions.Exit(1)


def _take_snapshot(client: Client, shard: int) -> bool:
    reply = client.call(shard, TakeSnapshot(), SNAPSHOT_MS)
    if isinstance(reply, CountReply):
        click.echo(f"shard {shard}: snapshot at record {reply.count}")
        return True
    reason = reply.reason.value if isinstance(reply, Rejected) else "no answer"
    click.echo(f"shard {shard}: no snapshot ({reason}); the engine's log may say more", err=True)
    return False


@click.command(name="backup")
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def backup_command(data: Path | None, target: Path) -> None:
    """Copy the exchange to DIR as of one moment, beside the running exchange or at rest.

    DIR must not be there yet, or be empty. It holds the exchange's secrets: keep it as you keep the data folder.
    """
    folder = open_folder(data)
    with _ending_well(), open_client(folder) as client:
        manifest = back_up(folder, target, client)
    click.echo(f"{target}: {describe(manifest)}")


@click.command(name="restore")
@click.argument("backup", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def restore_command(data: Path | None, backup: Path) -> None:
    """Make the data folder from the backup in DIR. The data folder must not be there yet, or be empty."""
    target = data or load_settings().data
    with _ending_well():
        manifest = restore(backup, target)
    click.echo(f"{target}: {describe(manifest)}")


@contextmanager
def folder_to_verify(data: Path | None) -> Iterator[Folder]:
    """The data folder; for a backup, a copy restored beside it, because verifying needs a writable history."""
    path = data or load_settings().data
    if not is_backup(path):
        yield open_folder(data)
        return
    copy = path.absolute().with_name(f".{path.name}.verified-{os.getpid()}")
    with _ending_well():
        try:
            yield Folder(copy, restore(path, copy).shards)
        finally:
            shutil.rmtree(copy, ignore_errors=True)


def describe(manifest: Manifest) -> str:
    """A backup in one line."""
    moment = datetime.fromtimestamp(manifest.moment_ms / 1_000, UTC).isoformat(" ", "milliseconds")
    size = sum(facts.bytes for facts in manifest.files.values())
    records = ", ".join(f"shard {shard} to record {record}" for shard, record in enumerate(manifest.records))
    return f"as of {moment}, {records}; {len(manifest.files)} files, {size:,} bytes"


@contextmanager
def _ending_well() -> Iterator[None]:
    """Clean up when stopped by a signal; report errors in one line."""

    def stop(*_: object) -> None:
        raise SystemExit(STOPPED)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
