"""Values → answers."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec
from flask import Response
from werkzeug.datastructures import Headers
from werkzeug.http import HTTP_STATUS_CODES

from web.server.hub import give_turn

T = TypeVar("T")

_PIECE_COUNT: Final = 1_000  # values rendered before others get their turn: about 10 ms

_STATUSES: Final = {code: f"{code} {phrase.upper()}" for code, phrase in HTTP_STATUS_CODES.items()}
_STATUSES[200] = "200 OK"
_encode: Final = msgspec.json.Encoder().encode


class Json(Response):
    """A value as JSON: what Flask's own class would make of it, without looking at it from all sides."""

    def __init__(self, value: object, status: int = 200) -> None:
        body = _encode(value)
        self._status, self._status_code = _STATUSES[status], status
        self.headers = Headers()
        self.headers._list += (("Content-Type", "application/json"), ("Content-Length", str(len(body))))
        self.response = [body]
        self.direct_passthrough = False
        self._on_close = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The answer as a WSGI application."""
        start_response(self._status, self.headers.to_wsgi_list())
        return self.response if environ["REQUEST_METHOD"] != "HEAD" else ()  # type: ignore[return-value]


def answer(value: object) -> Response:
    """200 with ``value`` as JSON; fields in the order of the dict or struct."""
    return Json(value)


def add_header(response: Response, name: str, value: int) -> None:
    """Add a header that the answer does not have yet."""
    response.headers._list.append((name, str(value)))


def render_each(render: Callable[[T], object], values: Sequence[T]) -> list[msgspec.Raw]:
    """The elements of an answer, as JSON; in pieces, so that 100,000 do not keep a worker's other callers waiting."""
    rendered: list[msgspec.Raw] = []
    for start in range(0, len(values), _PIECE_COUNT):
        if start:
            give_turn()
        rendered += [msgspec.Raw(_encode(render(value))) for value in values[start : start + _PIECE_COUNT]]
    return rendered
