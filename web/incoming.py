"""What came with the request, read from the WSGI environment: body, query, path. Content-Type is never consulted."""

from typing import Final
from urllib.parse import unquote_plus

from flask import g, request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from web.errors import Problem, invalid
from web.parse import parse_object, read_long

BODY_BYTES_MAX: Final = 65_536


def receive_body() -> None:
    """Read the request's body, once, before anything else is done with it."""
    length = request.content_length
    if length is not None and length > BODY_BYTES_MAX:
        raise Problem(413, "body too large")
    try:
        body: bytes = request.environ["wsgi.input"].read(BODY_BYTES_MAX + 1) if _has_body(length) else b""
    except (OSError, ParseException) as fault:  # malformed chunks, or the caller went away in the middle of one
        raise invalid("body") from fault
    if len(body) > BODY_BYTES_MAX:
        raise Problem(413, "body too large")
    if length is not None and len(body) < length:
        raise invalid("body")  # the caller went away in the middle of it
    g.body = body


def _has_body(length: int | None) -> bool:
    return bool(length) or (length is None and "HTTP_TRANSFER_ENCODING" in request.environ)


def raw_body() -> bytes:
    """The body as received."""
    body: bytes = g.body
    return body


def raw_query() -> bytes:
    """The query as received, without the question mark."""
    query: str = request.environ.get("QUERY_STRING", "")
    return query.encode("latin-1")


def json_body() -> dict[str, object]:
    """The body's one JSON object; raises ``invalid body``."""
    fields = parse_object(raw_body())
    if fields is None:
        raise invalid("body")
    return fields


class Query:
    """The parameters of the query. Names are exact; a name sent twice is malformed, but only when it is asked for."""

    def __init__(self, text: bytes) -> None:
        self._values: dict[str, list[str]] = {}
        for pair in text.decode("latin-1").split("&"):
            name, _, value = pair.partition("=")
            self._values.setdefault(unquote_plus(name), []).append(unquote_plus(value))

    def get(self, name: str) -> str | None:
        """The parameter, or None; raises ``invalid <name>`` when it was sent twice."""
        values = self._values.get(name)
        if values is None:
            return None
        if len(values) > 1:
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


def query() -> Query:
    """The request's parameters."""
    return Query(raw_query())
