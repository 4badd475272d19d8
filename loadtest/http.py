"""One HTTP caller: single calls on connections of their own, and sessions that keep one."""

import http.client
import json
from collections.abc import Mapping
from email.message import Message
from typing import Any, Final, NamedTuple

import requests
from urllib3.exceptions import NewConnectionError

ANSWER_S: Final = 30.0
NO_CONNECTION: Final = "no connection"  # nobody listens
CUT_OFF: Final = "cut off"  # an answer that ended too soon


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    def ok(self) -> Any:
        """The body of a 200."""
        assert self.status == 200, f"{self.status} {self.body!r}"
        assert self.headers["Content-Type"] == "application/json"
        return self.json


def ask(
    port: int, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Answer:
    """A call to this machine on a connection of its own: any worker may take it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request(method, target, body or None, {"Connection": "close", **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


class Told(NamedTuple):
    """What a session was told."""

    status: int  # 0: no answer; -1: one that must not be
    body: Any
    retry_s: str = ""  # as it was said

    @property
    def wait_s(self) -> float:
        """How long to wait by the answer."""
        return float(self.retry_s) if self.retry_s.isdigit() else 0.0


class Session:
    """A connection that is kept as long as it lasts."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        """Drop the connection."""
        self._session.close()

    def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes, patience_s: float) -> Told:
        """A call; what went wrong with it is in the body, as an error."""
        try:
            answer = self._session.request(method, self._url + target, data=body, headers=headers, timeout=patience_s)
        except requests.exceptions.Timeout:
            return Told(-1, {"error": f"hung for {patience_s} s"})
        except requests.exceptions.ChunkedEncodingError:
            return Told(0, {"error": CUT_OFF})
        except requests.exceptions.ConnectionError as fault:
            refused = isinstance(getattr(fault.args[0], "reason", None), NewConnectionError)
            return Told(0, {"error": NO_CONNECTION} if refused else None)
        try:
            told = answer.json() if answer.content else None
        except requests.exceptions.JSONDecodeError:
            return Told(-1, {"error": f"{answer.status_code}, and the body is no JSON: {answer.content[:200]!r}"})
        return Told(answer.status_code, told, answer.headers.get("Retry-After", ""))
