"""What is taken from Werkzeug beyond its public face, each with its reason; nothing else here knows of it.

None of it is promised to stay. ``tests/unit/server/test_foreign_parts.py`` says with which version it was checked, and
what another one has changed.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from flask import Request, Response
from werkzeug.datastructures import Headers
from werkzeug.routing import BaseConverter

_PARTS: Final = ("scheme", "server", "root_path", "path", "query_string", "headers", "remote_addr")


class MinimalRequest(Request):
    """A request whose parts are taken from its environ when they are asked for: few views ask.

    Werkzeug's constructor sets all of them, and nothing else.
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
    """What Werkzeug's constructor would make of a JSON body and a status, without looking at them from all sides."""

    def __init__(self, body: bytes, status: str, code: int) -> None:
        self._status, self._status_code = status, code
        self.headers = Headers()
        self.headers._list += (("Content-Type", "application/json"), ("Content-Length", str(len(body))))
        self.response = [body]
        self.direct_passthrough = False
        self._on_close = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The answer as a WSGI application."""
        start_response(self._status, self.headers.to_wsgi_list())
        return self.response if environ["REQUEST_METHOD"] != "HEAD" else ()  # type: ignore[return-value]


def append_header(response: Response, name: str, value: str) -> None:
    """Add a header that the answer does not have, of a value that is ours: it is not looked through for line breaks."""
    response.headers._list.append((name, value))


class RestConverter(BaseConverter):
    """The rest of a path: slashes anywhere, also first, last and doubled.

    How Werkzeug's matcher takes a converter: over the parts of a path, tried after those of one part (``weight``).
    """

    part_isolating = False
    regex = "(?s:.*)"
    weight = 200
