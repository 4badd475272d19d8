"""Request signatures: hex(HMAC-SHA256(secret, payload)).

The payload is the query exactly as received, without its ``signature`` pair, followed directly by the body exactly as
received. Some clients sign before they escape, so the percent-decoded payload is tried too, with ``+`` as it is and
with ``+`` as a space.
"""

import hmac
import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

_SIGNATURE: Final = re.compile(rb"[0-9a-fA-F]{64}")
_PAIR: Final = re.compile(rb"(?:^|(?<=&))signature=([^&]*)")
_PAIR_ANY_CASE: Final = re.compile(_PAIR.pattern, re.IGNORECASE)
_AND: Final = ord("&")
_NO_SECRET: Final = b"0" * 64  # used to verify an unknown key, so that it takes the same time

Digest = Callable[[bytes, bytes, str], bytes]


def split_signature(text: bytes, any_case: bool = False) -> tuple[bytes, list[bytes]]:
    """``text`` (a query or a form) without its signature pairs, and their values. ``any_case``: also ``Signature``."""
    folded = text.lower() if any_case else text
    first = folded.find(b"signature=")
    if first < 0:
        return text, []
    if (not first or text[first - 1] == _AND) and folded.find(b"signature=", first + 1) < 0:  # the usual case
        signed, more, after = text[first:].partition(b"&")
        unsigned = text[:first] + after if more else text[: max(first - 1, 0)]
        return unsigned, [signed[len(b"signature=") :]]
    found = list((_PAIR_ANY_CASE if any_case else _PAIR).finditer(text))
    unsigned = text
    for pair in reversed(found):
        start, end = pair.span()
        unsigned = unsigned[: start - 1] + unsigned[end:] if start else unsigned[end + 1 :]
    return unsigned, [pair[1] for pair in found]


def is_signature(text: bytes) -> bool:
    """Whether ``text`` has the form of a signature: 64 hex digits, in either case."""
    return _SIGNATURE.fullmatch(text) is not None


def is_json(body: bytes) -> bool:
    """Whether a body is JSON, signed as it is, rather than a form. Decided by its first byte, not by Content-Type."""
    return body.lstrip()[:1] == b"{"


def verify(secret: bytes | None, query: bytes, body: bytes, signature: bytes, digest: Digest = hmac.digest) -> bool:
    """Whether ``signature`` was made with ``secret`` over query and body (both without it). False without a secret.

    ``digest``: makes the HMAC of a key and a payload, with the algorithm named.
    """
    if not is_signature(signature):
        return False
    given = signature.lower()
    matched = False
    for payload in payloads(query, body):
        made = digest(secret or _NO_SECRET, payload, "sha256").hex().encode()
        matched = hmac.compare_digest(made, given)
        if matched:
            break
    return matched and secret is not None


def payloads(query: bytes, body: bytes) -> Iterator[bytes]:
    """Candidate payloads in the order tried: as received, decoded, decoded with ``+`` as a space."""
    yield query + body
    form = b"" if is_json(body) else body  # JSON is never percent-decoded
    if b"%" not in query + form and b"+" not in query + form:
        return
    for plus_is_space in (False, True):
        decoded = _decode_pairs(query, plus_is_space)
        decoded_form = _decode_pairs(form, plus_is_space)
        if decoded is not None and decoded_form is not None:
            yield decoded + (decoded_form if form else body)


def _decode_pairs(text: bytes, plus_is_space: bool) -> bytes | None:
    """``text`` percent-decoded, or None if decoding would split a value into several pairs."""
    decoded = _decode(text, plus_is_space)
    pairs = [tuple(_decode(part, plus_is_space) for part in pair) for pair in _split(text)]
    return decoded if pairs == _split(decoded) else None


def _split(text: bytes) -> list[tuple[bytes, ...]]:
    return [tuple(pair.split(b"=", 1)) for pair in text.split(b"&")]


def _decode(text: bytes, plus_is_space: bool) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" ") if plus_is_space else text)
