"""A plain request: bytes → WSGI environ.

Nearly all requests are plain: HTTP/1.1, complete in the buffer, no duplicate headers, a body of a stated length. They
are parsed by the parser that gunicorn uses (``gunicorn_h1c``), without gunicorn's overhead around it. Whatever is not
plain, and whatever the parser rejects, is not judged here: gunicorn's own handling gets the same bytes and decides, so
that a request has one meaning, whichever code parses it.
"""

import io
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from web.server.gunicorn_parts import RFC9112_TARGET_INVALID, unquote_to_wsgi_str
from web.server.limits import BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADER_NAME_COUNT_MAX

try:
    import gunicorn_h1c
except ImportError:  # installing it needs a C compiler: without it all requests take the slower path
    gunicorn_h1c = None

_CONTENT_LENGTH: Final = "CONTENT_LENGTH"
_UNUSUAL: Final = ("HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_UPGRADE")
_KEEP_ALIVE: Final = {"keep-alive": True, "close": False}


class NeedsFallback(Exception):
    """Not a plain request: left to gunicorn."""


class ParsedRequest(NamedTuple):
    """A request, and how much of the buffer it took."""

    environ: dict[str, Any]
    size: int  # bytes
    keep_alive: bool


class FastRequestParser:
    """Parses plain requests of one listener's clients."""

    def __init__(self, base: Mapping[str, Any], cfg: Any) -> None:
        """``base`` is the common part of all environs; ``cfg`` is gunicorn's settings, with the limits."""
        self._base = dict(base)
        self._limits = {
            "limit_request_line": cfg.limit_request_line,
            "limit_request_fields": cfg.limit_request_fields,
            "limit_request_field_size": cfg.limit_request_field_size,
        }
        self._keys: dict[bytes, str] = {b"Content-Type": "CONTENT_TYPE", b"Content-Length": _CONTENT_LENGTH}

    def read(self, data: bytes, address: tuple[str, int]) -> ParsedRequest | int:
        """The request at the front of ``data``, or how many bytes are needed to try again. Raises NeedsFallback."""
        if gunicorn_h1c is None:
            raise NeedsFallback
        try:
            head = gunicorn_h1c.parse_request(data, **self._limits)
        except gunicorn_h1c.IncompleteError:
            if len(data) > HEAD_BYTES_MAX:
                raise NeedsFallback from None  # this parser does not bound an unterminated line
            return len(data) + 1
        except gunicorn_h1c.ParseError as fault:
            raise NeedsFallback from fault
        start: int = head["consumed"]
        if not _is_strict(data[:start], head):
            raise NeedsFallback
        environ = self._environ(head, address)
        body_bytes = self._body_bytes(environ)
        if len(data) < start + body_bytes:
            return start + body_bytes
        environ["wsgi.input"] = io.BytesIO(data[start : start + body_bytes] if body_bytes else b"")
        connection = environ.get("HTTP_CONNECTION")
        keep_alive = connection is None or _KEEP_ALIVE.get(connection.lower())
        if keep_alive is None:
            raise NeedsFallback
        return ParsedRequest(environ, start + body_bytes, keep_alive)

    def _environ(self, head: dict[str, Any], address: tuple[str, int]) -> dict[str, Any]:
        target: str = head["path"].decode("latin-1")
        if target[:1] != "/" or target[:2] == "//" or "#" in target:
            raise NeedsFallback
        if RFC9112_TARGET_INVALID.search(target):
            raise NeedsFallback
        path, _, query = target.partition("?")
        environ = self._base.copy()
        environ["REQUEST_METHOD"] = method = head["method"].decode("latin-1")
        if method == "CONNECT":
            raise NeedsFallback  # what follows is not a request
        environ["RAW_URI"] = target
        environ["PATH_INFO"] = unquote_to_wsgi_str(path) if "%" in path else path
        environ["QUERY_STRING"] = query
        environ["REMOTE_ADDR"] = address[0]
        environ["REMOTE_PORT"] = str(address[1])
        keys = self._keys
        for name, value in head["headers"]:
            key = keys.get(name) or self._key(name)
            if key in environ:
                raise NeedsFallback  # duplicate header
            environ[key] = value.decode("latin-1")
        return environ

    def _key(self, name: bytes) -> str:
        """A header's environ key; raises NeedsFallback for headers that change how a request is framed."""
        upper = name.decode("latin-1").upper()
        if "_" in upper:
            raise NeedsFallback
        bare = upper.replace("-", "_")
        key = bare if bare in ("CONTENT_TYPE", _CONTENT_LENGTH) else f"HTTP_{bare}"
        if key in _UNUSUAL:
            raise NeedsFallback
        if len(self._keys) < HEADER_NAME_COUNT_MAX:
            self._keys[name] = key
        return key

    @staticmethod
    def _body_bytes(environ: dict[str, Any]) -> int:
        """Length of the body; raises NeedsFallback if it is invalid or exceeds what views read."""
        text = environ.get(_CONTENT_LENGTH)
        if text is None:
            return 0
        if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) > BODY_BYTES_MAX:
            raise NeedsFallback
        return int(text)


def _is_strict(head: bytes, parsed: Mapping[str, Any]) -> bool:
    """Strict syntax of a request head, where the fast parser is more lenient than gunicorn's other one."""
    request_line = b"%b %b HTTP/1.1\r\n" % (parsed["method"], parsed["path"])
    return (
        head.startswith(request_line)
        and b"\r\n " not in head  # a folded line
        and b"\r\n\t" not in head
        and head.count(b"\n") == head.count(b"\r\n")
    )
