"""Werkzeug internals in use beyond its public API, each with its reason; no other module depends on them.

They may change without notice. ``tests/unit/server/test_foreign_parts.py`` records the version they were checked with,
and detects what another version changes.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from flask import Request, Response
from werkzeug.datastructures import Headers
from werkzeug.routing import BaseConverter

_PARTS: Final = ("scheme", "server", "root_path", "path", "query_string", "headers", "remote_addr")


class MinimalRequest(Request):
    """A request whose attributes are computed from its environ on demand: few views need them.

    Werkzeug's constructor only sets them all.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.shallow = False
        self.method = environ["REQUEST_METHOD"].upper()

    def __getattr__(self, name: str) -> Any:
        if name not in _PARTS:
            raise AttributeError(name)
        super().__init__(self.environ)
        return getattr(self, name)


class ReadyResponse(Response):
    """A JSON body and a status as Werkzeug's constructor would build them, without its checks and conversions."""

    def __init__(self, body: bytes, status: str, code: int) -> None:
        self._status, self._status_code = status, code
        self.headers = Headers()
        self.headers._list += (("Content-Type", "application/json"), ("Content-Length", str(len(body))))
        self.response = [body]
        self.direct_passthrough = False
        self._on_close = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The response as a WSGI application."""
        start_response(self._status, self.headers.to_wsgi_list())
        return self.response if environ["REQUEST_METHOD"] != "HEAD" else ()  # type: ignore[return-value]


def append_header(response: Response, name: str, value: str) -> None:
    """Add a header that the response does not have. The value is trusted: it is not checked for line breaks."""
    response.headers._list.append((name, value))


class RestConverter(BaseConverter):
    """The rest of a path: slashes anywhere, also first, last and doubled.

    The attributes are what Werkzeug's matcher needs to match across path parts, after single-part rules (``weight``).
    """

    part_isolating = False
    regex = "(?s:.*)"
    weight = 200
