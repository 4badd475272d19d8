"""The data folder: where everything of one exchange lies, and what was fixed when it was made."""

import fcntl
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.fernet import Fernet

from storage.files import describe_fault, write_whole
from storage.formats import describe_format
from storage.keys import find_malformed_key
from storage.parts import (
    ADVICE,
    FACT_NAMES,
    FACTS,
    HISTORY,
    REFERENCE,
    SECRET_NAMES,
    SECRETS,
    find_missing,
    is_used,
    make_parts,
    seal_facts,
    shard_folders,
    take_over,
)
from storage.sealed import SealBroken, Unsealed, seal, unseal

FORMAT = 2  # raised whenever an input comes to something else than before: its journals must not be replayed
MANIFEST = "backup.json"  # of a backup, which is not to be worked on
SOCKET_PATH_BYTES_MAX = 103  # what macOS's and Linux's sockaddr_un both hold, less the final zero
# The secret is at least as long as the digest: a shorter one is the weakest part
SECRET_BYTES_MIN: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
ADMIN_KEY_BYTES_MIN: Final = 32
_SAMPLES: Final = ("change", "secret", "example", "sample", "password")
_SECRET_VARIABLES: Final = {
    "jwt": "SHARDEX_JWT_SECRET",
    "admin_key": "SHARDEX_ADMIN_KEY",
    "storage_key": "SHARDEX_STORAGE_KEY",
    "id_key": "SHARDEX_ID_KEY",
}
_log: Final = logging.getLogger(__name__)


class FolderError(Exception):
    """The data folder cannot be used as asked; the text says why and what to do."""


class Secrets(NamedTuple):
    """Keys of one exchange. Made at first start (file mode 0600) or taken from the environment."""

    jwt: str  # signs bearer tokens
    admin_key: str  # X-API-Key of the operator; "" switches the operator API off
    storage_key: str  # Fernet key under which API secrets are stored
    id_key: str  # hex; tags spot ids. Changing it makes every id given out unknown


class Folder:
    """Paths and fixed facts of a data folder. Directories 0700, files 0600."""

    def __init__(self, path: Path, shard_count: int) -> None:
        self.path = path
        self.shard_count = shard_count

    @classmethod
    def open(cls, path: Path, shard_count: int | None = None) -> "Folder":
        """Open the folder, making it with ``shard_count`` shards at first; a missing count takes what it has.

        Raises FolderError for another number of shards, another format, a backup, a path too long for sockets, and for
        what cannot be read or written, is damaged or missing.
        """
        try:
            return cls._open(path, shard_count)
        except OSError as error:
            raise FolderError(describe_fault(error, path)) from error

    @classmethod
    def _open(cls, path: Path, shard_count: int | None) -> "Folder":
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.path.exists(path / MANIFEST):
            raise FolderError(f"{path} is a backup: restore it with `shardex --data NEW restore {path}`")
        facts = _read_facts(path)
        if facts is None and shard_count is None and not is_used(path):
            raise FolderError(f"{path} is not a data folder yet: start the engine first (python -m shards)")
        if facts is None or not facts.sealed:
            facts = _complete(path, shard_count)
        return cls._of(path, facts.fields, shard_count)

    @classmethod
    def _of(cls, path: Path, facts: dict[str, Any], shard_count: int | None) -> "Folder":
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
        """Sockets, locks and other things that mean nothing after a restart."""
        return self.path / "run"

    def shard(self, index: int) -> Path:
        """Where shard ``index`` keeps journal and snapshots."""
        return shard_folders(self.path, index + 1)[index]

    def socket(self, name: str) -> str:
        """The socket path of "shard-<index>" or "archive": the shorter of absolute and relative."""
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
        """Where the demo's credentials stand."""
        return self.path / "demo.json"

    def secrets(self) -> Secrets:
        """The exchange's keys, made with the folder; the environment (SHARDEX_JWT_SECRET, …) wins.

        Raises FolderError for weak ones, and for a file that is missing, damaged, unreadable or open to others. Both
        halves come by here: neither starts with one.
        """
        given = {name: os.environ.get(variable) for name, variable in _SECRET_VARIABLES.items()}
        stored = _read_secrets(self.path / SECRETS) if None in given.values() else {}
        found = Secrets(**{name: stored[name] if value is None else value for name, value in given.items()})
        weakness = find_weakness(found.jwt, _read_jwt_algorithm())
        if weakness is not None:
            raise FolderError(f"SHARDEX_JWT_SECRET {weakness}")
        if found.admin_key and (weakness := _find_weakness(found.admin_key, ADMIN_KEY_BYTES_MIN, "an operator's key")):
            raise FolderError(f"SHARDEX_ADMIN_KEY {weakness}")
        fault = find_malformed_key(found.storage_key, found.id_key)
        if fault is not None:
            raise FolderError(fault)
        return found


def _read_facts(path: Path) -> Unsealed | None:
    """What was fixed when the folder was made; None if it is not made yet. Raises FolderError."""
    try:
        facts = unseal(path / FACTS, FACT_NAMES)
    except FileNotFoundError:
        return None
    except SealBroken as broken:
        _check_format(path, broken.fields)  # what else another format's file holds is not known here
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


def _complete(path: Path, shard_count: int | None) -> Unsealed:
    """Make the folder's parts, or see that an earlier version's are all there; then seal it. Raises FolderError."""
    (path / "run").mkdir(mode=0o700, exist_ok=True)
    with _locked(path / "run" / "folder.lock"):
        facts = _read_facts(path)  # another may have been first
        if facts is None:
            if is_used(path):
                raise FolderError(f"{path / FACTS} is missing, but the folder has been used: {ADVICE}")
            made = {"format": FORMAT, "shards": shard_count}
            make_parts(path, int(str(shard_count)), _make_secrets())
            seal_facts(path, made)
        elif not facts.sealed:
            missing = take_over(path, facts.fields, _make_secrets())
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


def _make_secrets() -> dict[str, str]:
    return {
        "jwt": secrets.token_hex(32),
        "admin_key": secrets.token_hex(24),
        "storage_key": Fernet.generate_key().decode(),
        "id_key": secrets.token_hex(32),
    }


def _read_secrets(path: Path) -> dict[str, str]:
    """What stands in the file. Raises FolderError; the text quotes nothing of it."""
    try:
        stored = unseal(path, SECRET_NAMES)
        mode = path.stat().st_mode
    except FileNotFoundError as fault:
        names = ", ".join(_SECRET_VARIABLES.values())
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


def find_weakness(secret: str, algorithm: str) -> str | None:
    """What keeps ``secret`` from signing tokens, as it is said after its name; None for a good one."""
    return _find_weakness(secret, SECRET_BYTES_MIN[algorithm], algorithm)


def _find_weakness(secret: str, least: int, purpose: str) -> str | None:
    if len(secret.encode()) < least:
        return f"is shorter than {least} bytes, which {purpose} needs: make one with `openssl rand -hex {least}`"
    if any(sample in secret.lower() for sample in _SAMPLES) or len(set(secret)) < 8:
        return f"looks like a sample: make one with `openssl rand -hex {least}`"
    return None


def _read_jwt_algorithm() -> str:
    """From the environment, as the HTTP side reads it; raises FolderError."""
    algorithm = os.environ.get("SHARDEX_JWT_ALG") or "HS256"
    if algorithm not in SECRET_BYTES_MIN:
        raise FolderError(f"SHARDEX_JWT_ALG={algorithm!r}: give one of {', '.join(SECRET_BYTES_MIN)}")
    return algorithm
