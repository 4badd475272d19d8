"""Strict parsing of a request's bytes and texts. Numbers stay text: nothing passes through a float."""

import json
import re
from typing import Final

from shards.model.decimals import Decimal, parse_decimal

DEPTH_MAX: Final = 8  # nesting of a JSON body
LONG_MAX: Final = 2**63 - 1

_ACCOUNT = re.compile(r"[A-Za-z0-9._:@-]{1,64}", re.ASCII)
_CLIENT_ID = re.compile(r"[.A-Za-z0-9:/_-]{1,36}", re.ASCII)
_LONG = re.compile(r"[0-9]{1,19}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)
# A JSON string (terminated or not), or a bracket. Possessive: an unterminated string is scanned only once
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class Number(str):
    """A JSON number, as written."""

    __slots__ = ()


class Malformed(ValueError):
    """Not acceptable JSON."""


class NameTwice(Malformed):
    """A duplicate name in one object."""


def parse_object(body: bytes) -> dict[str, object] | None:
    """Parse ``body`` as a single JSON object; None if it is anything else."""
    try:
        value = parse_json(body)
    except Malformed:
        return None
    return value if isinstance(value, dict) else None


def parse_json(body: bytes) -> object:
    """Parse ``body`` as a single JSON value. Numbers become :class:`Number`.

    UTF-8, depth ≤ 8, no duplicate names, no NaN or Infinity, no lone surrogates; raises Malformed, NameTwice.
    """
    try:
        text = body.decode()
        if _depth(text) > DEPTH_MAX:
            raise Malformed("too deep")
        value: object = json.loads(
            text, parse_float=Number, parse_int=Number, parse_constant=_refuse_constant, object_pairs_hook=_unique
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded as UTF-8
    except Malformed:
        raise
    except ValueError as fault:
        raise Malformed from fault
    return value


def _depth(text: str) -> int:
    """Nesting depth of brackets. Python's own parser is recursive, so this is checked first."""
    depth = deepest = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        first = text[match.start()]
        if first in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NameTwice
    return members


def _refuse_constant(name: str) -> object:
    raise Malformed(name)


def read_text(value: object) -> str | None:
    """A JSON string; None for anything else."""
    return value if isinstance(value, str) and not isinstance(value, Number) else None


def read_decimal(value: object) -> Decimal | None:
    """DECIMAL: text or a JSON number; None for anything else."""
    return parse_decimal(value) if isinstance(value, str) else None


def read_long(value: object) -> int | None:
    """LONG: 1 to 19 digits, at most 2^63−1, quoted or not; None for anything else."""
    if not isinstance(value, str) or not _LONG.fullmatch(value):
        return None
    number = int(value)
    return number if number <= LONG_MAX else None


def is_account(text: str) -> bool:
    """Whether ``text`` is a valid account id."""
    return _ACCOUNT.fullmatch(text) is not None


def is_client_id(text: str) -> bool:
    """Whether ``text`` is a valid client order id or payment reference."""
    return _CLIENT_ID.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether ``text`` is a valid name of an asset or a market."""
    return _NAME.fullmatch(text) is not None
