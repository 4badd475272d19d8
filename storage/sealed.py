"""Small files of one JSON object with a checksum."""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

CHECKSUM: Final = "checksum"


class SealBroken(Exception):
    """The file was changed; the text names it. ``fields``: what could be read of it anyway."""

    def __init__(self, text: str, fields: dict[str, Any]) -> None:
        super().__init__(text)
        self.fields = fields


class Unsealed(NamedTuple):
    """The content of such a file."""

    fields: dict[str, Any]
    sealed: bool  # False: written by an earlier version without checksums, or removed by a person


def seal(fields: Mapping[str, object]) -> bytes:
    """Return the file's content: the fields and a checksum over them."""
    return json.dumps({**fields, CHECKSUM: _checksum(fields)}, indent=2).encode() + b"\n"


def unseal(path: Path, names: Collection[str]) -> Unsealed:
    """Return the fields of ``path``, which must be those of ``names``. Raises SealBroken, FileNotFoundError."""
    try:
        fields = json.loads(path.read_bytes())
        stated = fields.pop(CHECKSUM, None)
    except (ValueError, AttributeError, TypeError, RecursionError) as fault:
        raise SealBroken(f"{path} is damaged: it is not a JSON object", {}) from fault
    if set(fields) != set(names):  # also detects a changed name, even of the checksum itself
        raise SealBroken(f"{path} is damaged: it does not hold {', '.join(names)}", fields)
    if stated is not None and stated != _checksum(fields):
        raise SealBroken(f"{path} is damaged: it does not match its checksum", fields)
    return Unsealed(fields, stated is not None)


def _checksum(fields: Mapping[str, object]) -> str:
    content = json.dumps(fields, sort_keys=True).encode()
    return hashlib.blake2b(content, digest_size=16).hexdigest()
