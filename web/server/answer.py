"""The application's response to a request, independent of the parser used, and its bytes on the wire."""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, Final

from web.server.gunicorn_parts import NoMoreData, ParseException

_log: Final = logging.getLogger("gunicorn.error")

_FAULT: Final = "500 Internal Server Error"
Headers = list[tuple[str, str]]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]  # as defined by WSGI


class Answer:
    """A WSGI response: what start_response received, and the body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self) -> None:
        self.status = ""
        self.headers: Headers = []
        self.body = b""

    def start(self, status: str, headers: Headers, exc_info: object = None) -> Callable[[bytes], None]:
        """WSGI's start_response."""
        if self.status and exc_info is None:
            raise AssertionError("start_response was called twice")
        self.status, self.headers = status, headers
        return self._write

    def _write(self, chunk: bytes) -> None:
        self.body += chunk

    def _take(self, chunks: Iterable[bytes]) -> None:
        try:
            self.body += b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def ask(self, application: Application, environ: dict[str, Any]) -> None:
        """Run ``application``; 500 if it fails.

        Raises NoMoreData or ParseException if the request body cannot be read to its end: the connection's problem, not
        the application's.
        """
        try:
            self._take(application(environ, self.start))
        except (NoMoreData, ParseException):
            raise
        except Exception:
            _log.exception("Error handling request")
            self.status, self.headers, self.body = _FAULT, [], b""

    def as_bytes(self, method: str, keep_alive: bool) -> bytes:
        """The response as it is sent."""
        lines = [_first_lines(self.status, keep_alive, int(time.time()))]
        stated = False
        for name, value in self.headers:
            stated = stated or name.lower() == "content-length"
            lines.append(f"{name}: {value}\r\n")
        bodiless = self.status.startswith(("204", "304"))
        if not stated and not bodiless:
            lines.append(f"Content-Length: {len(self.body)}\r\n")
        lines.append("\r\n")
        head = "".join(lines).encode("latin-1")
        return head if method == "HEAD" or bodiless else head + self.body


@lru_cache(maxsize=64)
def _first_lines(status: str, keep_alive: bool, second: int) -> str:
    date = format_datetime(datetime.fromtimestamp(second, UTC), usegmt=True)
    connection = "keep-alive" if keep_alive else "close"
    return f"HTTP/1.1 {status}\r\nServer: gunicorn\r\nDate: {date}\r\nConnection: {connection}\r\n"
