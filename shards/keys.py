"""Checks of the exchange's keys, with messages for the operator who sets them."""

import binascii
import os
from typing import Final

from cryptography.fernet import Fernet

ID_KEY_BYTES_MAX: Final = 64  # limit of BLAKE2b
# The secret must be at least as long as the digest: a shorter one is the weakest part
SECRET_BYTES_MIN: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
ADMIN_KEY_BYTES_MIN: Final = 32
_SAMPLES: Final = ("change", "secret", "example", "sample", "password")
_STORAGE: Final = "SHARDEX_STORAGE_KEY"
_ID: Final = "SHARDEX_ID_KEY"


def find_malformed_key(storage_key: str, id_key: str) -> str | None:
    """Describe the first malformed key, by its setting's name or that of the folder's file; None if both are valid."""
    if not _is_fernet(storage_key):
        return f"{_source(_STORAGE)} is not a Fernet key: make one with `openssl rand -base64 32 | tr +/ -_`"
    if not _is_hex(id_key):
        return f"{_source(_ID)} is not 1 to {ID_KEY_BYTES_MAX} bytes in hex: make one with `openssl rand -hex 32`"
    return None


def find_weakness(secret: str, algorithm: str) -> str | None:
    """Describe, as text to follow its name, why ``secret`` must not sign tokens; None if it is strong."""
    return _find_weakness(secret, SECRET_BYTES_MIN[algorithm], algorithm)


def find_admin_weakness(key: str) -> str | None:
    """Describe, as text to follow its name, why ``key`` must not be the operator's; None if it is strong."""
    return _find_weakness(key, ADMIN_KEY_BYTES_MIN, "an operator's key")


def _find_weakness(secret: str, least: int, purpose: str) -> str | None:
    if len(secret.encode()) < least:
        return f"is shorter than {least} bytes, which {purpose} needs: make one with `openssl rand -hex {least}`"
    if any(sample in secret.lower() for sample in _SAMPLES) or len(set(secret)) < 8:
        return f"looks like a sample: make one with `openssl rand -hex {least}`"
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
