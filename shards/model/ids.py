"""Order and trade numbers, and the UUIDs under which they may be shown.

A number has 52 bits: market << 40 | sequence within the market. Its UUID, of version 8, consists of those bits and a
keyed tag, so that converting between them needs no lookup table and a forged UUID is recognized.
"""

import hmac
import re
from hashlib import blake2b

from shards.limits import SEQUENCE_BITS

ORDER = b"order"
TRADE = b"trade"

_SEQUENCE_MASK = (1 << SEQUENCE_BITS) - 1
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
# 128 bits: 48 number (high), 4 version, 4 number (low) + 8 tag, 2 variant, 62 tag
_TAG_BITS = 70
_TAG_MASK = (1 << _TAG_BITS) - 1


def make_number(market: int, sequence: int) -> int:
    """Return the number of a market's ``sequence``-th order or trade."""
    return market << SEQUENCE_BITS | sequence


def market_of(number: int) -> int:
    """Return the market number within an order or trade number; 0 or unknown if the number was never issued."""
    return number >> SEQUENCE_BITS


def sequence_of(number: int) -> int:
    """Return the sequence within the market."""
    return number & _SEQUENCE_MASK


def _tag(number: int, key: bytes, kind: bytes) -> int:
    digest = blake2b(number.to_bytes(8, "big"), digest_size=9, key=key, person=kind).digest()
    return int.from_bytes(digest, "big") & _TAG_MASK


def to_uuid(number: int, key: bytes, kind: bytes = ORDER) -> str:
    """Return a number's UUID as text. ``key`` has at most 64 bytes; ``kind`` keeps order and trade ids apart."""
    tag = _tag(number, key, kind)
    value = (number >> 4) << 80 | 8 << 76 | (number & 15) << 72 | (tag >> 62) << 64 | 2 << 62 | tag & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_uuid(text: str) -> bool:
    """Whether ``text`` is a hyphenated UUID of any version, in any case."""
    return _UUID.fullmatch(text) is not None


def from_uuid(text: str, key: bytes, kind: bytes = ORDER) -> int | None:
    """Return the number of a UUID made by :func:`to_uuid` with the same key and kind; None for any other."""
    if not is_uuid(text):
        return None
    value = int(text.replace("-", ""), 16)
    number = (value >> 80) << 4 | value >> 72 & 15
    made = to_uuid(number, key, kind)
    return number if hmac.compare_digest(made, text.lower()) else None
