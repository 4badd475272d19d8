"""The data folder: the files of one exchange, and the facts fixed when it was created."""

import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from errno import EACCES
from pathlib import Path
from typing import Any, Final, Self

from storage.files import describe_fault, write_whole
from storage.formats import describe_format
from storage.parts import (
    ADVICE,
    FACT_NAMES,
    FACTS,
    HISTORY,
    REFERENCE,
    SECRETS,
    find_missing,
    is_used,
    make_parts,
    seal_facts,
    shard_folders,
    take_over,
)
from storage.sealed import SealBroken, Unsealed, seal, unseal

FORMAT = 2  # raised whenever an input gives another result than before: older journals must not be replayed
MANIFEST = "backup.json"  # of a backup, which must not be used in place
SOCKET_PATH_BYTES_MAX = 103  # fits sockaddr_un of macOS and Linux, less the terminating zero
_log: Final = logging.getLogger(__name__)


class FolderError(Exception):
    """The data folder cannot be used as requested; the text says why and what to do."""


MakeSecrets = Callable[[], Mapping[str, str]]
"""Makes the secrets of a new folder, by name. This package does not know their purpose."""


class DataFolder:
    """Paths and fixed facts of a data folder. Directories 0700, files 0600."""

    def __init__(self, path: Path, shard_count: int) -> None:
        self.path = path
        self.shard_count = shard_count

    @classmethod
    def open_with(cls, make_secrets: MakeSecrets, path: Path, shard_count: int | None = None) -> Self:
        """Open the folder; at first start create it with ``shard_count`` shards. None: the folder's existing count.

        Raises FolderError for another number of shards, another format, a backup, a path too long for sockets, and for
        anything that cannot be read or written, is damaged or missing.
        """
        try:
            return cls._open(make_secrets, path, shard_count)
        except OSError as error:
            raise FolderError(describe_fault(error, path)) from error

    @classmethod
    def _open(cls, make_secrets: MakeSecrets, path: Path, shard_count: int | None) -> Self:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.path.exists(path / MANIFEST):
            raise FolderError(f"{path} is a backup: restore it with `shardex --data NEW restore {path}`")
        facts = _read_facts(path)
        if facts is None and shard_count is None and not is_used(path):
            raise FolderError(f"{path} is not a data folder yet: start the engine first (python -m shards)")
        if facts is None or not facts.sealed:
            facts = _complete(path, shard_count, make_secrets)
        return cls._of(path, facts.fields, shard_count)

    @classmethod
    def _of(cls, path: Path, facts: dict[str, Any], shard_count: int | None) -> Self:
        if shard_count not in (None, facts["shards"]):
            raise FolderError(
                f"{path} was made with {facts['shards']} shards and cannot be started with {shard_count}:"
                f" set SHARDEX_SHARDS={facts['shards']}, or start on a new data folder"
            )
        folder = cls(path, facts["shards"])
        longest = folder.socket("archive")
        if len(os.fsencode(longest)) > SOCKET_PATH_BYTES_MAX:
            raise FolderError(f"the path {longest} is longer than a socket's name may be: use a shorter SHARDEX_DATA")
        missing = find_missing(path, folder.shard_count)
        if missing:
            raise FolderError(f"{missing[0]} is missing or empty: {ADVICE}")
        for part in (folder.run, *shard_folders(path, folder.shard_count)):
            part.mkdir(mode=0o700, exist_ok=True)
            if not os.access(part, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(EACCES, os.strerror(EACCES), str(part))
        return folder

    @property
    def run(self) -> Path:
        """Sockets, locks and other files that are meaningless after a restart."""
        return self.path / "run"

    def shard(self, index: int) -> Path:
        """Return the folder of shard ``index``, with its journal and snapshots."""
        return shard_folders(self.path, index + 1)[index]

    def socket(self, name: str) -> str:
        """Return the socket path of "shard-<index>" or "archive": the shorter of absolute and relative."""
        path = str(self.run / f"{name}.sock")
        return min(os.path.abspath(path), os.path.relpath(path), key=len)

    @property
    def history(self) -> Path:
        """The DuckDB file."""
        return self.path / HISTORY

    @property
    def reference(self) -> Path:
        """The SQLite file of assets, markets, API keys and switches."""
        return self.path / REFERENCE

    @property
    def demo(self) -> Path:
        """The file with the demo's credentials."""
        return self.path / "demo.json"

    def read_secrets(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the folder's secrets; ``variables``: their names, each with the setting that can replace it.

        Raises FolderError for a file that is missing, damaged, unreadable or accessible to others.
        """
        return _read_secrets(self.path / SECRETS, variables)


def _read_facts(path: Path) -> Unsealed | None:
    """Return the facts fixed when the folder was created; None if it was not yet. Raises FolderError."""
    try:
        facts = unseal(path / FACTS, FACT_NAMES)
    except FileNotFoundError:
        return None
    except SealBroken as broken:
        _check_format(path, broken.fields)  # the other fields of another format's file are not known here
        raise FolderError(f"{broken}: {ADVICE}") from broken
    _check_format(path, facts.fields)
    shards = facts.fields["shards"]
    if type(shards) is not int or shards < 1:
        raise FolderError(f"{path / FACTS} is damaged, {shards!r} is not a number of shards: {ADVICE}")
    return facts


def _check_format(path: Path, facts: dict[str, Any]) -> None:
    found = facts.get("format", FORMAT)
    if found != FORMAT:
        raise FolderError(f"{path} {describe_format(found, FORMAT)}")


def _complete(path: Path, shard_count: int | None, make_secrets: MakeSecrets) -> Unsealed:
    """Create the folder's parts, or check that an earlier version's are complete; seal it. Raises FolderError."""
    (path / "run").mkdir(mode=0o700, exist_ok=True)
    with _locked(path / "run" / "folder.lock"):
        facts = _read_facts(path)  # another process may have been first
        if facts is None:
            if is_used(path):
                raise FolderError(f"{path / FACTS} is missing, but the folder has been used: {ADVICE}")
            made = {"format": FORMAT, "shards": shard_count}
            make_parts(path, int(str(shard_count)), make_secrets())
            seal_facts(path, made)
        elif not facts.sealed:
            missing = take_over(path, facts.fields, make_secrets())
            if missing:
                raise FolderError(f"{missing[0]} is missing or empty, but the folder has been used: {ADVICE}")
        facts = _read_facts(path)
        assert facts is not None
        return facts


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read_secrets(path: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets in the file. Raises FolderError; its text quotes none of them."""
    try:
        stored = unseal(path, tuple(variables))
        mode = path.stat().st_mode
    except FileNotFoundError as fault:
        names = ", ".join(variables.values())
        raise FolderError(f"{path} is missing: {ADVICE}, or set {names} to their previous values") from fault
    except SealBroken as broken:
        text = f"{broken}: {ADVICE}; if you changed it yourself, remove its checksum"
        raise FolderError(text) from None
    except OSError as error:
        raise FolderError(describe_fault(error, path)) from error
    if mode & 0o077:
        raise FolderError(f"{path} is accessible to others than its owner: chmod 600 it")
    if not stored.sealed:
        _seal_secrets(path, stored.fields)
    return stored.fields


def _seal_secrets(path: Path, fields: dict[str, str]) -> None:
    try:
        write_whole(path, seal(fields))
    except OSError as error:
        raise FolderError(describe_fault(error, path)) from error
    _log.warning("%s had no checksum: it is accepted as it is and has one from now on", path)
