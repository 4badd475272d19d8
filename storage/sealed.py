"""Small files of one JSON object that say themselves whether they are whole."""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

CHECKSUM: Final = "checksum"


class SealBroken(Exception):
    """The file is not as it was written; the text names it. ``fields``: what could be read of it all the same."""

    def __init__(self, text: str, fields: dict[str, Any]) -> None:
        super().__init__(text)
        self.fields = fields


class Unsealed(NamedTuple):
    """What such a file holds."""

    fields: dict[str, Any]
    sealed: bool  # False: of an earlier version, which wrote no checksum; or of a person, who took it out


def seal(fields: Mapping[str, object]) -> bytes:
    """The file's content: the fields and a checksum over them."""
    return json.dumps({**fields, CHECKSUM: _checksum(fields)}, indent=2).encode() + b"\n"


def unseal(path: Path, names: Collection[str]) -> Unsealed:
    """The fields of ``path``, which are those of ``names``. Raises SealBroken, FileNotFoundError."""
    try:
        fields = json.loads(path.read_bytes())
        stated = fields.pop(CHECKSUM, None)
    except (ValueError, AttributeError, TypeError, RecursionError) as fault:
        raise SealBroken(f"{path} is damaged: it is not a JSON object", {}) from fault
    if set(fields) != set(names):  # also a changed name, of the checksum itself too
        raise SealBroken(f"{path} is damaged: it does not hold {', '.join(names)}", fields)
    if stated is not None and stated != _checksum(fields):
        raise SealBroken(f"{path} is damaged: it does not match its checksum", fields)
    return Unsealed(fields, stated is not None)


def _checksum(fields: Mapping[str, object]) -> str:
    content = json.dumps(fields, sort_keys=True).encode()
    return hashlib.blake2b(content, digest_size=16).hexdigest()
