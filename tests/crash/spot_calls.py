"""Calls of the spot API, and the errors they may get at any time."""

import json
from collections.abc import Iterable
from typing import Any, Final

from loadtest.answers import PLACED_AND_REJECTED
from loadtest.signing import bearer
from tests.crash.calls import Call, Caller, Request

NOT_PLACED: Final = ("INSUFFICIENT_BALANCE",)
SIGNED_S: Final = 5.0  # validity of a signed request
_EXPECTED: Final = {
    "place": {(400, word) for word in (*NOT_PLACED, *PLACED_AND_REJECTED)},
    "cancel": {(404, "ORDER_NOT_FOUND")},
    "cancel_by_client_id": {(404, "ORDER_NOT_FOUND")},
}
_UNAVAILABLE: Final = {(503, "ENGINE_BUSY"), (503, "ENGINE_RESTARTING"), (503, "STORAGE_FULL"), (504, "ENGINE_TIMEOUT")}


def is_as_documented(call: Call) -> bool:
    """Whether this response is permitted at any time."""
    answer = call.status, call.error
    if call.status in (0, 200) or answer in _UNAVAILABLE or answer in _EXPECTED.get(call.what, ()):
        return True
    if call.status == 401 and call.seconds > SIGNED_S:
        return True  # the process to serve it recovered too late for its signature
    needs_archive = call.what in ("get", "orders", "trades", "cancel")  # a cancel of an order that is no longer open
    return needs_archive and answer == (500, "DB_ERROR")  # while the archive is down


class SpotCaller(Caller):
    """With the token, or as signed before."""

    def call(
        self,
        what: str,
        method: str,
        path: str,
        shards: Iterable[int],
        name: str = "",
        sent: dict[str, Any] | None = None,
        signed: tuple[dict[str, str], str] | None = None,
    ) -> Call:
        """Make a call and record it."""
        headers, query = signed or (bearer(self.account), "")
        body = encode(sent) if sent else b""
        if body:
            headers = {**headers, "Content-Type": "application/json"}
        request = Request(method, f"{path}?{query}" if query else path, headers, body)
        return self.send(what, request, shards, name, sent)


def encode(sent: dict[str, Any]) -> bytes:
    """A body; always the same bytes, as its signature requires."""
    return json.dumps(sent).encode()
