"""The current request, read once from the WSGI environment: body, query, path. Content-Type is never consulted.

Views and their helpers get it from :func:`request_context`: a single context lookup, where Flask's ``request`` proxy
does one for each attribute.
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

NAME_SHOWN_MAX: Final = 64  # characters of an unknown name that are echoed to its sender


class RequestContext:
    """The request being handled."""

    __slots__ = ("body", "environ", "order_count", "path", "query", "started", "used_weight")

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.started = time.perf_counter()
        self.path: str = "/" + environ.get("PATH_INFO", "").lstrip("/")  # normalized as in routing: //fapi is /fapi
        self.query = environ.get("QUERY_STRING", "").encode("latin-1")  # as received, without the question mark
        self.body = b""  # as received, once receive_body has read it
        self.used_weight = 0  # of the futures API's rate limits; order_count: new orders counted
        self.order_count: int | None = None

    def header(self, name: str) -> str | None:
        """A header by its key in the environ, ``HTTP_…``."""
        value: str | None = self.environ.get(name)
        return value

    def receive_body(self) -> None:
        """Read the request's body, once, before anything else looks at it; raises 413, 400."""
        length = get_content_length(self.environ)
        if length is not None and length > BODY_BYTES_MAX:
            raise Problem(413, "body too large")
        if not length and (length == 0 or "HTTP_TRANSFER_ENCODING" not in self.environ):
            return
        try:
            body: bytes = self.environ["wsgi.input"].read(BODY_BYTES_MAX + 1)
        except (OSError, ParseException) as fault:  # malformed chunks, or the client disconnected in the middle of one
            raise invalid("body") from fault
        if len(body) > BODY_BYTES_MAX:
            raise Problem(413, "body too large")
        if length is not None and len(body) < length:
            raise invalid("body")  # the client disconnected in the middle of the body
        self.body = body


_REQUEST_CONTEXT: Final[ContextVar[RequestContext]] = ContextVar("request_context")

request_context: Final = _REQUEST_CONTEXT.get
"""The request that is being handled."""


def begin(environ: dict[str, Any]) -> RequestContext:
    """Start handling a request."""
    begun = RequestContext(environ)
    _REQUEST_CONTEXT.set(begun)
    return begun


def json_body() -> dict[str, object]:
    """The body as a single JSON object; raises ``invalid body``."""
    fields = parse_object(request_context().body)
    if fields is None:
        raise invalid("body")
    return fields


class QueryParameters:
    """Query parameters. Names are case-sensitive; a duplicate name is an error only when that parameter is read."""

    def __init__(self, text: bytes) -> None:
        self._values: dict[str, list[str | None]] = {}  # None: a JSON value that is not text
        self._add_pairs(text)

    def _add_pairs(self, text: bytes) -> None:
        plain = b"%" not in text and b"+" not in text
        for pair in text.decode("latin-1").split("&"):
            name, _, value = pair.partition("=")
            if not plain:
                name, value = unquote_plus(name), unquote_plus(value)
            self._values.setdefault(name, []).append(value)

    def add_body(self, body: bytes) -> None:
        """Add the parameters of a body, a JSON object or a form by its first byte. Raises ``invalid body``."""
        if not is_json(body):
            self._add_pairs(body.strip())
            return
        fields = parse_object(body)
        if fields is None:
            raise invalid("body")
        for name, value in fields.items():
            self._values.setdefault(name, []).append(value if isinstance(value, str) else None)

    def refuse_others(self, *names: str) -> None:
        """Raises ``unknown parameter <name>`` for the first name that is not one of these."""
        for name, values in self._values.items():
            if name not in names and (name or any(values)):  # an empty pair between two ampersands is ignored
                raise Problem(400, f"unknown parameter {name[:NAME_SHOWN_MAX]}")

    def refuse_unlike(self, fits: Callable[[str], bool], *names: str) -> None:
        """Raises ``invalid <name>`` for the first of these that was sent as a text for which ``fits`` is false."""
        for name in names:
            if any(value and not fits(value) for value in self._values.get(name, ())):
                raise invalid(name)

    def get(self, name: str) -> str | None:
        """The parameter, or None; raises ``invalid <name>`` if it was sent twice or is not text."""
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
    """The parameters of the request's query."""
    return QueryParameters(request_context().query)
