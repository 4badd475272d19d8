"""Values → responses."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec
from flask import Response
from werkzeug.http import HTTP_STATUS_CODES

from web.server.hub import give_turn
from web.server.werkzeug_parts import ReadyResponse, append_header

T = TypeVar("T")

_PIECE_COUNT: Final = 1_000  # values rendered before other requests get a turn: about 10 ms

_STATUSES: Final = {code: f"{code} {phrase.upper()}" for code, phrase in HTTP_STATUS_CODES.items()}
_STATUSES[200] = "200 OK"
_encode: Final = msgspec.json.Encoder().encode


class Json(ReadyResponse):
    """A value as JSON."""

    def __init__(self, value: object, status: int = 200) -> None:
        super().__init__(_encode(value), _STATUSES[status], status)


def answer(value: object) -> Response:
    """200 with ``value`` as JSON; fields in the order of the struct."""
    return Json(value)


def add_header(response: Response, name: str, value: int) -> None:
    """Add a header that the response does not have yet."""
    append_header(response, name, str(value))


def render_each(render: Callable[[T], object], values: Sequence[T]) -> list[msgspec.Raw]:
    """Render elements as JSON, in pieces, so that 100,000 of them do not block a worker's other requests."""
    rendered: list[msgspec.Raw] = []
    for start in range(0, len(values), _PIECE_COUNT):
        if start:
            give_turn()
        rendered += [msgspec.Raw(_encode(render(value))) for value in values[start : start + _PIECE_COUNT]]
    return rendered
