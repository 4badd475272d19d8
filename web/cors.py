"""CORS: which origins' pages a browser may let call this exchange and read its responses.

A wrapper around the application, installed only if origins are configured. Cookies are not used, so credentials are not
mentioned; an API key, a token and a signature are headers and parameters that the page must have itself.
"""

import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final
from wsgiref.types import StartResponse

from werkzeug.routing import Map

from web.monitoring.metrics import count_request

ALLOWED_HEADERS: Final = "Authorization, Content-Type, X-MBX-APIKEY"  # not X-API-Key: operators need no page
EXPOSED_HEADERS: Final = "Retry-After, X-MBX-ORDER-COUNT-1M, X-MBX-USED-WEIGHT-1M"
MAX_AGE_S: Final = 600  # browsers cache a preflight so long; also the delay until a removed origin is locked out

Headers = list[tuple[str, str]]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

_VARY: Final = ("Vary", "Origin")


class Cors:
    """WSGI middleware that adds CORS headers to another application's responses."""

    def __init__(self, application: Application, routes: Map, origins: Collection[str]) -> None:
        """``origins`` as browsers write them: "https://app.example.com"."""
        self._application = application
        self._routes = routes.bind("")
        self._origins = frozenset(origins)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request: preflights here, all others by the application."""
        origin = environ.get("HTTP_ORIGIN", "")
        if origin not in self._origins:
            return self._application(environ, _adding(start_response, _VARY))
        if environ["REQUEST_METHOD"] == "OPTIONS":
            methods = self._methods_of(environ["PATH_INFO"])
            if methods:
                start_response("204 No Content", [*_preflight(origin, methods), _VARY])
                return ()
        allowed = ("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", EXPOSED_HEADERS)
        return self._application(environ, _adding(start_response, *allowed, _VARY))

    def _methods_of(self, path: str) -> list[str]:
        """The methods of a known path; none for an unknown one."""
        started = time.perf_counter()
        path = "/" + path.lstrip("/")  # normalized as in routing
        methods = sorted(self._routes.allowed_methods(path))
        if methods:
            rule, _ = self._routes.match(path, methods[0], return_rule=True)
            count_request("OPTIONS", rule.rule, 204, started)
        return methods


def _preflight(origin: str, methods: list[str]) -> Headers:
    return [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Methods", ", ".join(methods)),
        ("Access-Control-Allow-Headers", ALLOWED_HEADERS),
        ("Access-Control-Max-Age", str(MAX_AGE_S)),
    ]


def _adding(start_response: StartResponse, *added: tuple[str, str]) -> StartResponse:
    def start(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
        return start_response(status, [*headers, *added], exc_info)

    return start
