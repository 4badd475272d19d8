"""A caller of the futures API: signs, and sends exactly the bytes it was given."""

from collections.abc import Callable, Mapping
from typing import Any

from loadtest import http
from loadtest.signing import add_signature, now_ms, signature, stamp

__all__ = ["Answer", "Caller", "Json", "now_ms", "sender"]

Json = Any
Send = Callable[[str, str, Mapping[str, str], bytes], "Answer"]


class Answer(http.Answer):
    """What came back from futures."""

    def ok(self) -> Json:
        """The body of a 200."""
        told = super().ok()
        assert self.headers["X-MBX-USED-WEIGHT-1M"].isdigit()
        return told

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
        return signature(self.secret, payload)

    def signed(self, query: str, body: str = "") -> str:
        """The query with the signature over it and the body behind it."""
        return f"{query}&signature={self.sign(query + body)}"

    def send(
        self, method: str, path: str, query: str = "", body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """With the key, as it stands; ``path`` after ``/fapi``."""
        target = f"/fapi{path}?{query}" if query else f"/fapi{path}"
        return self._send(method, target, {"X-MBX-APIKEY": self.key, **(headers or {})}, body)

    def call(self, method: str, path: str, query: str = "") -> Answer:
        """Signed, all in the query: what most clients do."""
        return self.send(method, path, add_signature(self.secret, stamp(query)))


def sender(port: int) -> Send:
    """To a real exchange."""
    return lambda method, target, headers, body: Answer(*http.ask(port, method, target, headers, body))
