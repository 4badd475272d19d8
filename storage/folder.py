"""The data folder: where everything of one exchange lies, and what was fixed when it was made."""

import json
import os
import secrets
from errno import EACCES
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.fernet import Fernet

from storage.files import create_once
from storage.formats import describe_format
from storage.keys import find_malformed_key

FORMAT = 2  # raised whenever an input comes to something else than before: its journals must not be replayed
MANIFEST = "backup.json"  # of a backup, which is not to be worked on
SOCKET_PATH_BYTES_MAX = 103  # what macOS's and Linux's sockaddr_un both hold, less the final zero
# The secret is at least as long as the digest: a shorter one is the weakest part
SECRET_BYTES_MIN: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
_SAMPLES: Final = ("change", "secret", "example", "sample", "password")


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
        what cannot be read or written.
        """
        try:
            return cls._open(path, shard_count)
        except OSError as error:
            raise FolderError(f"{error.filename or path} cannot be used ({error.strerror})") from error

    @classmethod
    def _open(cls, path: Path, shard_count: int | None) -> "Folder":
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts_path = path / "shardex.json"
        if os.path.exists(path / MANIFEST):
            raise FolderError(f"{path} is a backup: make a data folder of it with `shardex --data NEW restore {path}`")
        if shard_count is None and not os.path.exists(facts_path):
            raise FolderError(f"{path} is no data folder yet: start the engine first (python -m shards)")
        made = json.dumps({"format": FORMAT, "shards": shard_count}).encode() + b"\n"
        facts = _read_object(facts_path, create_once(facts_path, made), "format", "shards")
        if facts["format"] != FORMAT:
            raise FolderError(f"{path} {describe_format(facts['format'], FORMAT)}")
        if type(facts["shards"]) is not int or facts["shards"] < 1:
            raise FolderError(
                f"{facts_path} is damaged, {facts['shards']!r} is no number of shards: put a copy of it back"
            )
        if shard_count not in (None, facts["shards"]):
            raise FolderError(
                f"{path} was made with {facts['shards']} shards and cannot be started with {shard_count}:"
                f" set SHARDEX_SHARDS={facts['shards']}, or start on a new data folder"
            )
        folder = cls(path, facts["shards"])
        longest = folder.socket("archive")
        if len(os.fsencode(longest)) > SOCKET_PATH_BYTES_MAX:
            raise FolderError(f"the path {longest} is longer than a socket's name may be: use a shorter SHARDEX_DATA")
        for part in (folder.run, *(folder.shard(index) for index in range(folder.shard_count))):
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
        return self.path / f"shard-{index}"

    def socket(self, name: str) -> str:
        """The socket path of "shard-<index>" or "archive": the shorter of absolute and relative."""
        path = str(self.run / f"{name}.sock")
        return min(os.path.abspath(path), os.path.relpath(path), key=len)

    @property
    def history(self) -> Path:
        """The DuckDB file."""
        return self.path / "history.duckdb"

    @property
    def reference(self) -> Path:
        """The SQLite file of assets, markets, API keys and switches."""
        return self.path / "reference.sqlite"

    @property
    def demo(self) -> Path:
        """Where the demo's credentials stand."""
        return self.path / "demo.json"

    def secrets(self) -> Secrets:
        """The exchange's keys, made at first use; the environment (SHARDEX_JWT_SECRET, …) wins.

        Raises FolderError for weak or malformed ones. Both halves come by here: neither starts with one.
        """
        made = Secrets(
            jwt=secrets.token_hex(32),
            admin_key=secrets.token_hex(24),
            storage_key=Fernet.generate_key().decode(),
            id_key=secrets.token_hex(32),
        )
        path = self.path / "secrets.json"
        stored = _read_object(path, create_once(path, json.dumps(made._asdict()).encode() + b"\n"), *Secrets._fields)
        found = Secrets(
            jwt=os.environ.get("SHARDEX_JWT_SECRET", stored["jwt"]),
            admin_key=os.environ.get("SHARDEX_ADMIN_KEY", stored["admin_key"]),
            storage_key=os.environ.get("SHARDEX_STORAGE_KEY", stored["storage_key"]),
            id_key=os.environ.get("SHARDEX_ID_KEY", stored["id_key"]),
        )
        weakness = find_weakness(found.jwt, _read_jwt_algorithm())
        if weakness is not None:
            raise FolderError(f"SHARDEX_JWT_SECRET {weakness}")
        fault = find_malformed_key(found.storage_key, found.id_key)
        if fault is not None:
            raise FolderError(fault)
        return found


def _read_object(path: Path, content: bytes, *names: str) -> dict[str, Any]:
    """The JSON object of ``path`` with at least these names; raises FolderError, which quotes nothing of it."""
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found.keys() >= set(names):
        raise FolderError(f"{path} is damaged, it is no JSON object of {', '.join(names)}: put a copy of it back")
    return found


def find_weakness(secret: str, algorithm: str) -> str | None:
    """What keeps ``secret`` from signing tokens, as it is said after its name; None for a good one."""
    least = SECRET_BYTES_MIN[algorithm]
    if len(secret.encode()) < least:
        return f"is shorter than {least} bytes, which {algorithm} needs: make one with `openssl rand -hex {least}`"
    if any(sample in secret.lower() for sample in _SAMPLES) or len(set(secret)) < 8:
        return f"looks like a sample: make one with `openssl rand -hex {least}`"
    return None


def _read_jwt_algorithm() -> str:
    """From the environment, as the HTTP side reads it; raises FolderError."""
    algorithm = os.environ.get("SHARDEX_JWT_ALG") or "HS256"
    if algorithm not in SECRET_BYTES_MIN:
        raise FolderError(f"SHARDEX_JWT_ALG={algorithm!r}: give one of {', '.join(SECRET_BYTES_MIN)}")
    return algorithm
