"""Calls of real clients, each recorded with its response."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from loadtest import record
from loadtest.http import Session
from loadtest.signing import bearer, sign_futures
from shards.limits import DEADLINE_BULK_MS
from tests.crash.floor import Account

HUNG_S: Final = DEADLINE_BULK_MS / 1_000 + 12  # no response after so long: the call hangs
READABLE_S: Final = 15.0  # after the last kill everything can be read again
PAUSE_S: Final = 0.05  # after a call that failed: the restarting process needs the processor, too
QUERIES: Final = ("get", "balances", "orders", "trades", "account", "positions")
_EPOCH_S: Final = time.time() - time.monotonic()


def now() -> float:
    """Unix s; unlike the time of day it never jumps, so calls and faults can be compared."""
    return _EPOCH_S + time.monotonic()


class Call(record.Call, kw_only=True):
    """A call as the load test records it, and whom it concerns."""

    owner: Account
    shards: frozenset[int]  # needed to execute it

    @property
    def needs_history(self) -> bool:
        """Whether it may need the archive: a query, or a cancel of an order that is no longer open."""
        return self.is_query or self.verb in ("cancel", "cancel_by_client_id", "cancel_batch")

    @property
    def may_be_unheard(self) -> bool:
        """Whether the archive did not answer within the second that a cancel waits, as on a busy machine."""
        return self.needs_history and not self.is_query and self.status in (408, 504)

    @property
    def is_query(self) -> bool:
        """Whether it only reads."""
        return self.verb in QUERIES


Note = Callable[[Call], None]
Signed = tuple[dict[str, str], str]
"""Headers and query of a request; sent again, they make it a repeat."""


class Caller:
    """One thread's connection, and the account it acts for."""

    def __init__(self, url: str, account: Account, note: Note) -> None:
        self.account = account
        self._note = note
        self._session = Session(url)

    def close(self) -> None:
        self._session.close()

    def _send(
        self,
        what: str,
        method: str,
        target: str,
        headers: Mapping[str, str],
        shards: Iterable[int],
        sent: dict[str, Any],
        body: bytes = b"",
    ) -> Call:
        """Make a call and record it; ``what``: product and verb."""
        started = now()
        answer = self._session.ask(method, target, headers, body, HUNG_S)
        call = Call(
            self.account.account,
            what,
            sent,
            started,
            now() - started,
            answer.status,
            answer.body,
            owner=self.account,
            shards=frozenset(shards),
        )
        self._note(call)
        return call


class SpotCaller(Caller):
    """With the token, or as signed before."""

    def call(
        self,
        verb: str,
        method: str,
        path: str,
        shards: Iterable[int],
        body: bytes = b"",
        signed: Signed | None = None,
        /,
        **sent: Any,
    ) -> Call:
        """Make a call; ``sent`` is for the record."""
        headers, query = signed or (bearer(self.account), "")
        if body:
            headers = {**headers, "Content-Type": "application/json"}
        return self._send(f"spot {verb}", method, f"{path}?{query}" if query else path, headers, shards, sent, body)


class FuturesCaller(Caller):
    """Signed, with all parameters in the query."""

    def call(self, verb: str, method: str, path: str, shards: Iterable[int], /, **sent: Any) -> Call:
        """Make a call; ``path`` after ``/fapi``."""
        return self.call_signed(verb, method, path, shards, sign_futures(self.account, sent), sent)

    def call_signed(
        self, verb: str, method: str, path: str, shards: Iterable[int], signed: Signed, sent: dict[str, Any]
    ) -> Call:
        """Make a call that may be repeated as it was signed."""
        headers, query = signed
        return self._send(f"futures {verb}", method, f"/fapi{path}?{query}", headers, shards, sent)


def encode(sent: Mapping[str, Any]) -> bytes:
    """A body; always the same bytes, as its signature requires."""
    return json.dumps(sent).encode()
