"""Lists as parameters, in every notation that clients use.

A JSON list as text, escaped or not, with or without spaces; an actual list in a JSON body; a single bare number; the
parameter repeated with one id each. Raises FuturesProblem -1102 for anything else.
"""

import re
from collections.abc import Sequence
from typing import Final

from web.futures.call.errors import mandatory
from web.futures.call.parameters import Parameters
from web.futures.limits import CLIENT_ID_LENGTH_MAX
from web.http.parse import Malformed, Number, parse_json, read_long

_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)


def read_json_list(parameters: Parameters, name: str) -> list[object] | None:
    """A JSON list with at least one item; None if it was not sent."""
    value = parameters.value(name)
    if value is None:
        return None
    if isinstance(value, str) and not isinstance(value, Number):
        value = _parse(value, name)
    if not isinstance(value, list) or not value:
        raise mandatory(name)
    return value


def read_order_ids(parameters: Parameters, name: str) -> list[int | None] | None:
    """Order ids in request order; None for one that cannot exist. None instead of a list if it was not sent."""
    items = _read_items(parameters, name)
    return None if items is None else [_order_id(item, name) for item in items]


def read_client_ids(parameters: Parameters, name: str) -> list[str] | None:
    """Client ids in request order; None if it was not sent."""
    items = _read_items(parameters, name)
    return None if items is None else [_client_id(item, name) for item in items]


def _read_items(parameters: Parameters, name: str) -> Sequence[object] | None:
    values = parameters.all(name)
    if len(values) > 1:
        return values  # one id each
    if values and isinstance(values[0], str) and _DIGITS.fullmatch(values[0]):
        return [Number(values[0])]
    return read_json_list(parameters, name)


def _order_id(item: object, name: str) -> int | None:
    """A number, quoted or not; None for a quoted text that is not a number: it cannot identify an order."""
    number = read_long(item)
    if number is not None:
        return number
    if not isinstance(item, str) or isinstance(item, Number) or _DIGITS.fullmatch(item):
        raise mandatory(name)  # a fraction, more than 2^63−1, or not an id at all
    return None


def _client_id(item: object, name: str) -> str:
    """A text; the quotes are optional if it consists of digits."""
    if not isinstance(item, str) or (isinstance(item, Number) and not _DIGITS.fullmatch(item)):
        raise mandatory(name)
    if not 1 <= len(item) <= CLIENT_ID_LENGTH_MAX:
        raise mandatory(name)
    return str(item)


def _parse(text: str, name: str) -> object:
    try:
        return parse_json(text.encode())
    except Malformed:
        raise mandatory(name) from None
