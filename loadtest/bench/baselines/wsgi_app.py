"""A trivial WSGI application without any framework."""

from collections.abc import Callable, Iterable
from typing import Any


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """An empty response."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "2")])
    return [b"ok"]
