"""What keeps a key of the exchange from being used, as it is said to who set it."""

import binascii
import os
from typing import Final

from cryptography.fernet import Fernet

ID_KEY_BYTES_MAX: Final = 64  # of BLAKE2b
_STORAGE: Final = "SHARDEX_STORAGE_KEY"
_ID: Final = "SHARDEX_ID_KEY"


def find_malformed_key(storage_key: str, id_key: str) -> str | None:
    """The first that is malformed, by its setting's name or that of the folder's file; None if both are good."""
    if not _is_fernet(storage_key):
        return f"{_source(_STORAGE)} is not a Fernet key: make one with `openssl rand -base64 32 | tr +/ -_`"
    if not _is_hex(id_key):
        return f"{_source(_ID)} is not 1 to {ID_KEY_BYTES_MAX} bytes in hex: make one with `openssl rand -hex 32`"
    return None


def _source(variable: str) -> str:
    name = variable.removeprefix("SHARDEX_").lower()
    return variable if variable in os.environ else f"{name} in the data folder's secrets.json"


def _is_fernet(text: str) -> bool:
    try:
        Fernet(text)
    except (ValueError, binascii.Error):
        return False
    return True


def _is_hex(text: str) -> bool:
    try:
        return 1 <= len(bytes.fromhex(text)) <= ID_KEY_BYTES_MAX
    except ValueError:
        return False
