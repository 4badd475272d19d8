"""A caller of the futures API: signs, and sends exactly the bytes it was given."""

import hmac
import http.client
import json
import time
from collections.abc import Callable, Mapping
from email.message import Message
from hashlib import sha256
from typing import Any, Final, NamedTuple

Json = Any
Send = Callable[[str, str, Mapping[str, str], bytes], "Answer"]

ANSWER_S: Final = 15.0


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Json:
        return json.loads(self.body)

    def ok(self) -> Json:
        """The body of a 200."""
        assert self.status == 200, f"{self.status} {self.body!r}"
        assert self.headers["Content-Type"] == "application/json"
        assert self.headers["X-MBX-USED-WEIGHT-1M"].isdigit()
        return self.json

    def brief(self) -> str:
        """Status and code, and what every answer must have: "400 -1102"."""
        assert self.headers["X-MBX-USED-WEIGHT-1M"].isdigit()
        assert self.headers["Content-Type"] == "application/json", self
        if self.status == 200:
            return "200"
        told = self.json
        assert list(told) == ["code", "msg"], told
        assert type(told["code"]) is int and told["code"] < 0 and type(told["msg"]) is str and told["msg"]
        assert (self.headers["Retry-After"] is not None) == (self.status in (418, 429, 503)), self
        assert self.status not in (418, 429, 503) or int(self.headers["Retry-After"]) >= 1
        assert (self.headers["Allow"] is not None) == (self.status == 405), self
        return f"{self.status} {told['code']}"


class Caller:
    """Somebody with an API key."""

    def __init__(self, send: Send, key: str, secret: str) -> None:
        self._send = send
        self.key = key
        self.secret = secret

    def sign(self, payload: str | bytes) -> str:
        content = payload.encode() if isinstance(payload, str) else payload
        return hmac.new(self.secret.encode(), content, sha256).hexdigest()

    def send(
        self, method: str, path: str, query: str = "", body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """With the key, as it stands; ``path`` after ``/fapi``."""
        target = f"/fapi{path}?{query}" if query else f"/fapi{path}"
        return self._send(method, target, {"X-MBX-APIKEY": self.key, **(headers or {})}, body)

    def call(self, method: str, path: str, query: str = "") -> Answer:
        """Signed, all in the query: what most clients do."""
        signed = f"{query}&timestamp={now_ms()}" if query else f"timestamp={now_ms()}"
        return self.send(method, path, f"{signed}&signature={self.sign(signed)}")


def now_ms() -> int:
    return int(time.time() * 1_000)


def sender(port: int) -> Send:
    """To a real exchange, each call on a connection of its own: any worker may take it."""

    def send(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
        try:
            connection.request(method, target, body or None, {"Connection": "close", **headers})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    return send
