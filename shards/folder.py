"""The data folder of an exchange, and its keys: generated at first start, or given in the environment."""

import os
import secrets
from pathlib import Path
from typing import Final, NamedTuple, Self

from cryptography.fernet import Fernet

from shards.keys import SECRET_BYTES_MIN, find_admin_weakness, find_malformed_key, find_weakness
from storage.folder import DataFolder, FolderError

_VARIABLES: Final = {
    "jwt": "SHARDEX_JWT_SECRET",
    "admin_key": "SHARDEX_ADMIN_KEY",
    "storage_key": "SHARDEX_STORAGE_KEY",
    "id_key": "SHARDEX_ID_KEY",
}


class Secrets(NamedTuple):
    """The keys of one exchange, generated at first start (file mode 0600) or taken from the environment."""

    jwt: str  # signs bearer tokens
    admin_key: str  # X-API-Key of the operator; "" disables the operator API
    storage_key: str  # Fernet key under which API secrets are stored
    id_key: str  # hex; tags the spot API's ids. Changing it invalidates all ids given out


class Folder(DataFolder):
    """The data folder of an exchange."""

    @classmethod
    def open(cls, path: Path, shard_count: int | None = None) -> Self:
        """Open the folder; at first start create it with ``shard_count`` shards. None: the folder's existing count.

        Raises FolderError as :meth:`open_with`.
        """
        return cls.open_with(_make_secrets, path, shard_count)

    def secrets(self) -> Secrets:
        """Return the keys created with the folder; the environment (SHARDEX_JWT_SECRET, …) takes precedence.

        Raises FolderError for weak keys, and for a file that is missing, damaged, unreadable or accessible to others.
        Both the engine and the web side call this, so neither starts with a weak key.
        """
        given = {name: os.environ.get(variable) for name, variable in _VARIABLES.items()}
        stored = self.read_secrets(_VARIABLES) if None in given.values() else {}
        found = Secrets(**{name: stored[name] if value is None else value for name, value in given.items()})
        weakness = find_weakness(found.jwt, _read_jwt_algorithm())
        if weakness is not None:
            raise FolderError(f"SHARDEX_JWT_SECRET {weakness}")
        if found.admin_key and (weakness := find_admin_weakness(found.admin_key)):
            raise FolderError(f"SHARDEX_ADMIN_KEY {weakness}")
        fault = find_malformed_key(found.storage_key, found.id_key)
        if fault is not None:
            raise FolderError(fault)
        return found


def _make_secrets() -> dict[str, str]:
    return {
        "jwt": secrets.token_hex(32),
        "admin_key": secrets.token_hex(24),
        "storage_key": Fernet.generate_key().decode(),
        "id_key": secrets.token_hex(32),
    }


def _read_jwt_algorithm() -> str:
    """Read the algorithm from the environment like the HTTP side does; raises FolderError."""
    algorithm = os.environ.get("SHARDEX_JWT_ALG") or "HS256"
    if algorithm not in SECRET_BYTES_MIN:
        raise FolderError(f"SHARDEX_JWT_ALG={algorithm!r}: give one of {', '.join(SECRET_BYTES_MIN)}")
    return algorithm
