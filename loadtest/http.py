"""HTTP clients: single calls on connections of their own, and sessions that keep one."""

import http.client
import json
from collections.abc import Mapping
from email.message import Message
from typing import Any, Final, NamedTuple

import requests
from urllib3.exceptions import NewConnectionError

ANSWER_S: Final = 30.0
NO_CONNECTION: Final = "no connection"  # nothing listens
CUT_OFF: Final = "cut off"  # a truncated response


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)

    def ok(self) -> Any:
        """The decoded body of a 200; fails for any other status."""
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


class Response(NamedTuple):
    """The response to a call of a session."""

    status: int  # 0: no response; -1: a malformed one
    body: Any
    retry_s: str = ""  # of the Retry-After header

    @property
    def wait_s(self) -> float:
        """Seconds to wait according to the response."""
        return float(self.retry_s) if self.retry_s.isdigit() else 0.0


class Session:
    """A connection that is kept while it lasts."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes, patience_s: float) -> Response:
        """A call; a failure is reported as an error in the body."""
        try:
            answer = self._session.request(method, self._url + target, data=body, headers=headers, timeout=patience_s)
        except requests.exceptions.Timeout:
            return Response(-1, {"error": f"hung for {patience_s} s"})
        except requests.exceptions.ChunkedEncodingError:
            return Response(0, {"error": CUT_OFF})
        except requests.exceptions.ConnectionError as fault:
            refused = isinstance(getattr(fault.args[0], "reason", None), NewConnectionError)
            return Response(0, {"error": NO_CONNECTION} if refused else None)
        try:
            content = answer.json() if answer.content else None
        except requests.exceptions.JSONDecodeError:
            return Response(-1, {"error": f"{answer.status_code}, and the body is no JSON: {answer.content[:200]!r}"})
        return Response(answer.status_code, content, answer.headers.get("Retry-After", ""))
