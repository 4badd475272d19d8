"""What came with the request, read once from the WSGI environment: body, query, path. Content-Type is never consulted.

Views and what they call ask for it by :func:`request_context`: one look, where each name of Flask's ``request`` is
many.
"""

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import unquote_plus

from werkzeug.wsgi import get_content_length

from web.http.errors import Problem, invalid
from web.http.parse import parse_object, read_long
from web.http.signing import is_json
from web.server.gunicorn_parts import ParseException
from web.server.limits import BODY_BYTES_MAX

NAME_SHOWN_MAX: Final = 64  # characters of a name nobody knows, told back to its sender


class RequestContext:
    """The request that is being handled."""

    __slots__ = ("body", "environ", "order_count", "path", "query", "started", "used_weight")

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.started = time.perf_counter()
        self.path: str = "/" + environ.get("PATH_INFO", "").lstrip("/")  # as routes are found: //fapi is /fapi
        self.query = environ.get("QUERY_STRING", "").encode("latin-1")  # as received, without the question mark
        self.body = b""  # as received, once receive_body has read it
        self.used_weight = 0  # of the futures API's limits; and new orders that were counted
        self.order_count: int | None = None

    def header(self, name: str) -> str | None:
        """A header by its key in the environ, ``HTTP_…``."""
        value: str | None = self.environ.get(name)
        return value

    def receive_body(self) -> None:
        """Read the request's body, once, before anything else is done with it; raises 413, 400."""
        length = get_content_length(self.environ)
        if length is not None and length > BODY_BYTES_MAX:
            raise Problem(413, "body too large")
        if not length and (length == 0 or "HTTP_TRANSFER_ENCODING" not in self.environ):
            return
        try:
            body: bytes = self.environ["wsgi.input"].read(BODY_BYTES_MAX + 1)
        except (OSError, ParseException) as fault:  # malformed chunks, or the caller went away in the middle of one
            raise invalid("body") from fault
        if len(body) > BODY_BYTES_MAX:
            raise Problem(413, "body too large")
        if length is not None and len(body) < length:
            raise invalid("body")  # the caller went away in the middle of it
        self.body = body


_REQUEST_CONTEXT: Final[ContextVar[RequestContext]] = ContextVar("request_context")

request_context: Final = _REQUEST_CONTEXT.get
"""The request that is being handled."""


def begin(environ: dict[str, Any]) -> RequestContext:
    """A request comes in."""
    begun = RequestContext(environ)
    _REQUEST_CONTEXT.set(begun)
    return begun


def json_body() -> dict[str, object]:
    """The body's one JSON object; raises ``invalid body``."""
    fields = parse_object(request_context().body)
    if fields is None:
        raise invalid("body")
    return fields


class QueryParameters:
    """The parameters of the query. Names are exact; a name sent twice is malformed, but only when it is asked for."""

    def __init__(self, text: bytes) -> None:
        self._values: dict[str, list[str | None]] = {}  # None: of a body, and no text
        self._add_pairs(text)

    def _add_pairs(self, text: bytes) -> None:
        plain = b"%" not in text and b"+" not in text
        for pair in text.decode("latin-1").split("&"):
            name, _, value = pair.partition("=")
            if not plain:
                name, value = unquote_plus(name), unquote_plus(value)
            self._values.setdefault(name, []).append(value)

    def add_body(self, body: bytes) -> None:
        """Read a body as more of the query: a JSON object or a form; its first byte tells. Raises ``invalid body``."""
        if not is_json(body):
            self._add_pairs(body.strip())
            return
        fields = parse_object(body)
        if fields is None:
            raise invalid("body")
        for name, value in fields.items():
            self._values.setdefault(name, []).append(value if isinstance(value, str) else None)

    def refuse_others(self, *names: str) -> None:
        """Raises ``unknown parameter <name>`` for the first that is none of these."""
        for name, values in self._values.items():
            if name not in names and (name or any(values)):  # nothing at all between two ampersands is nothing
                raise Problem(400, f"unknown parameter {name[:NAME_SHOWN_MAX]}")

    def refuse_unlike(self, fits: Callable[[str], bool], *names: str) -> None:
        """Raises ``invalid <name>`` for the first of these that was sent as a text which does not fit."""
        for name in names:
            if any(value and not fits(value) for value in self._values.get(name, ())):
                raise invalid(name)

    def get(self, name: str) -> str | None:
        """The parameter, or None; raises ``invalid <name>`` when it was sent twice or is no text."""
        values = self._values.get(name)
        if values is None:
            return None
        if len(values) > 1 or values[0] is None:
            raise invalid(name)
        return values[0]

    def get_long(self, name: str, default: int) -> int:
        """A whole number; raises ``invalid <name>``."""
        text = self.get(name)
        if text is None:
            return default
        number = read_long(text)
        if number is None:
            raise invalid(name)
        return number

    def get_limit(self, default: int, limit_max: int) -> int:
        """``limit``, clamped to 1…``limit_max``; raises ``invalid limit``."""
        return min(max(self.get_long("limit", default), 1), limit_max)


def query_parameters() -> QueryParameters:
    """The request's parameters."""
    return QueryParameters(request_context().query)
