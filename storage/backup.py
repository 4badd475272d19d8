"""Backups as files: a folder like a data folder, with a manifest of every file's size and SHA-256.

Written under a temporary name and renamed atomically, the manifest last, so a folder with the final name is complete. A
backup is never used in place: it is restored into another folder, and each byte is compared with the manifest while
copying.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from storage.files import sync_directory, write_whole
from storage.folder import MANIFEST
from storage.journal import StorageUnavailable

FORMAT: Final = 1
COPY_BYTES: Final = 4 * 2**20  # written and synced at a time: bounds the delay of a journal's sync on the same disk
SPARE_BYTES: Final = 64 * 2**20  # kept free next to a backup: the exchange may write to the same disk


class BackupError(Exception):
    """A backup could not be made or restored; the text says why. Nothing was changed, and no partial copy is left."""


class FileFacts(msgspec.Struct, frozen=True):
    """The expected size and hash of a file."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """The description of a backup. Times are Unix milliseconds."""

    format: int
    began_ms: int
    moment_ms: int  # the time at which its content was current
    shards: int
    records: list[int]  # the newest record of each shard
    files: dict[str, FileFacts]


class _Sealed(msgspec.Struct, frozen=True):
    manifest: msgspec.Raw
    sha256: str  # of the manifest's bytes


def is_backup(path: Path) -> bool:
    """Whether a folder is a backup, intact or damaged."""
    return (path / MANIFEST).exists()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest as the last file: a folder without it is not a backup."""
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    sealed = _Sealed(msgspec.Raw(content), hashlib.sha256(content).hexdigest())
    write_whole(folder / MANIFEST, msgspec.json.encode(sealed))


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest. Raises BackupError if it is missing or damaged."""
    path = folder / MANIFEST
    try:
        sealed = msgspec.json.decode(path.read_bytes(), type=_Sealed)
        if hashlib.sha256(bytes(sealed.manifest)).hexdigest() != sealed.sha256:
            raise BackupError(f"{path} is damaged: it does not match its checksum")
        manifest = msgspec.json.decode(sealed.manifest, type=Manifest)
    except FileNotFoundError as error:
        raise BackupError(f"{folder} is not a backup: it has no {MANIFEST}") from error
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupError(f"{path} is damaged: {error}") from error
    if manifest.format != FORMAT:
        raise BackupError(f"{path} has format {manifest.format}; this program reads format {FORMAT}")
    if any(PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts for name in manifest.files):
        raise BackupError(f"{path} names files outside of the backup")
    return manifest


def restore(backup: Path, target: Path) -> Manifest:
    """Restore a backup to ``target``, which must not exist or be empty. Raises BackupError."""
    manifest = read_manifest(backup)
    with make_folder(target) as aside:
        check_room(aside, sum(facts.bytes for facts in manifest.files.values()))
        for name, facts in manifest.files.items():
            (aside / name).parent.mkdir(mode=0o700, exist_ok=True)
            try:
                copied = copy_file(backup / name, aside / name)
            except FileNotFoundError as error:
                raise BackupError(f"{backup} is damaged: {name} is missing") from error
            if copied != facts:
                raise BackupError(f"{backup} is damaged: {name} is not as it was written")
    return manifest


@contextmanager
def make_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that is atomically and durably renamed to ``target`` on success, else removed.

    Leftovers of a killed process are removed first. Raises BackupError, also for disk errors within the context.
    """
    target = target.absolute()
    if os.path.lexists(target) and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(f"{target} already exists: name a new folder, or move that one away first")
    if not target.parent.is_dir():
        raise BackupError(f"there is no folder {target.parent}")
    try:
        with _aside(target) as aside:
            yield aside
            for folder, _, _ in os.walk(aside):
                sync_directory(Path(folder))
            os.rename(aside, target)
        sync_directory(target.parent)
    except (OSError, sqlite3.Error, StorageUnavailable) as error:
        raise BackupError(f"{target} was not made: {error}") from error


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """Yield an empty folder next to ``target``, locked by this process; it is removed unless it was renamed."""
    aside = target.with_name(f".{target.name}.unfinished")
    aside.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(aside, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BackupError(f"{target} is being made by another process") from None
    try:
        for old in aside.iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        os.close(descriptor)


def check_room(folder: Path, needed_bytes: int) -> None:
    """Raise OSError unless ``needed_bytes`` fit onto the disk of ``folder``, with some to spare for others."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + SPARE_BYTES:
        text = f"{os.strerror(errno.ENOSPC)}: {needed_bytes:,} bytes and {SPARE_BYTES:,} to spare, {free:,} are free"
        raise OSError(errno.ENOSPC, text)


def copy_file(source: Path, target: Path, size: int | None = None) -> FileFacts:
    """Copy a file, or its first ``size`` bytes, durably; return the facts of what was written."""
    digest, count = hashlib.sha256(), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with source.open("rb") as reader, open(descriptor, "wb", buffering=0) as writer:
        while piece := reader.read(COPY_BYTES if size is None else min(COPY_BYTES, size - count)):
            _write(writer.fileno(), piece)
            os.fsync(writer.fileno())
            digest.update(piece)
            count += len(piece)
    return FileFacts(count, digest.hexdigest())


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def file_facts(path: Path) -> FileFacts:
    """Return the facts of an existing file."""
    with path.open("rb") as file:
        return FileFacts(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
