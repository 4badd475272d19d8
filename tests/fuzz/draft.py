"""A request before it is signed: its parts as they may be bent, and the bytes they come to."""

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import quote

from loadtest.signing import now_ms, signature
from tests.http.openapi_document import Operation

Json = Any
Pairs = list[tuple[str, Json]]
"""Names and values in their order; a name may stand there twice."""


class Raw(str):
    """Stands in a JSON body as it is, without quotes."""

    __slots__ = ()


class Place(Enum):
    """Where the parameters of a futures call stand."""

    QUERY = "query"
    FORM = "form"
    JSON = "json"


@dataclass(frozen=True)
class Credentials:
    """All that one account may show."""

    account: str
    jwt: str
    key: str
    secret: str
    admin_key: str


@dataclass
class Draft:
    """A request of one operation. Mutations change it in place."""

    operation: Operation
    segments: list[str]  # of the path, not yet escaped
    query: Pairs
    body: Pairs | None  # the members of a JSON object; None: no body
    place: Place = Place.QUERY
    method: str = ""
    junk: bytes | None = None  # the body, whatever else there is
    clock_ms: int = 0  # added to the time it is signed at
    headers: list[tuple[str, str]] = field(default_factory=list)

    def lists(self) -> list[Pairs]:
        """Whatever holds parameters."""
        return [pairs for pairs in (self.query, self.body) if pairs]


@dataclass
class Signed:
    """A request as it is sent: every part is bytes, and may still be bent."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[str, bytes]]
    body: bytes
    chunked: bool = False

    @property
    def target(self) -> bytes:
        """Path and query."""
        path = self.path.encode()
        return path + b"?" + self.query if self.query else path

    def head(self, length: int | None) -> bytes:
        """The first line and the headers; ``length`` of the body, None for chunks."""
        framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
        lines = [self.method.encode() + b" " + self.target + b" HTTP/1.1", b"Host: x", framing]
        lines += [name.encode() + b": " + value for name, value in self.headers]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def bytes(self) -> bytes:
        """The request."""
        if not self.chunked:
            return self.head(len(self.body)) + self.body
        middle = len(self.body) // 2
        pieces = [piece for piece in (self.body[:middle], self.body[middle:]) if piece]
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        return self.head(None) + chunks + b"0\r\n\r\n"


def as_text(value: Json) -> str:
    """As it stands in a query or a form."""
    return value if isinstance(value, str) else as_json(value)


def as_json(value: Json) -> str:
    """As it stands in a JSON body."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, dict):
        return as_object(list(value.items()))
    if isinstance(value, list):
        return "[" + ",".join(map(as_json, value)) + "]"
    return json.dumps(value)


def as_object(pairs: Pairs) -> str:
    """A JSON object, also one with a name twice."""
    return "{" + ",".join(f"{json.dumps(name)}:{as_json(value)}" for name, value in pairs) + "}"


def as_form(pairs: Pairs) -> bytes:
    """A query or a form."""
    return "&".join(f"{_escape(name)}={_escape(as_text(value))}" for name, value in pairs).encode()


def _escape(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def sign(draft: Draft, who: Credentials, by_key: bool) -> Signed:
    """The request with the credentials its operation asks for; ``by_key``: where both do, with the key."""
    query, body = _fill(draft)
    headers = [(name, value.encode("utf-8", "surrogatepass")) for name, value in draft.headers]
    schemes = draft.operation.schemes
    signed = Signed(draft.method or draft.operation.method, _path(draft), query, headers, body)
    if "adminKey" in schemes:
        headers.append(("X-API-Key", who.admin_key.encode()))
    elif "bearer" in schemes and not ("signature" in schemes and by_key):
        headers.append(("Authorization", f"Bearer {who.jwt}".encode()))
    elif "apiKey" in schemes:
        headers.append(("X-MBX-APIKEY", who.key.encode()))
        if "signature" in schemes:
            _add_signature(signed, draft, who.secret)
    return signed


def _fill(draft: Draft) -> tuple[bytes, bytes]:
    """Query and body."""
    if draft.junk is not None:
        return as_form(draft.query), draft.junk
    if draft.body is not None:
        return as_form(draft.query), as_object(draft.body).encode("utf-8", "surrogatepass")
    if draft.place is Place.FORM:
        return b"", as_form(draft.query)
    if draft.place is Place.JSON:
        return b"", as_object(draft.query).encode("utf-8", "surrogatepass")
    return as_form(draft.query), b""


def _path(draft: Draft) -> str:
    return "/" + "/".join(map(_escape, draft.segments))


def _add_signature(signed: Signed, draft: Draft, secret: str) -> None:
    time_ms = now_ms() + draft.clock_ms
    signed.query += b"&timestamp=%d" % time_ms if signed.query else b"timestamp=%d" % time_ms
    signed.query += b"&signature=" + signature(secret, signed.query + signed.body).encode()
