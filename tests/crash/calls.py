"""Calls of real clients, each recorded with its response."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from loadtest import record
from loadtest.http import Session
from loadtest.outcome import Outcome, error_of, outcome_of
from shards.limits import DEADLINE_BULK_MS
from tests.crash.floor import Account

HUNG_S: Final = DEADLINE_BULK_MS / 1_000 + 12  # no response after so long: the call hangs
READABLE_S: Final = 15.0  # after the last kill everything can be read again
PAUSE_S: Final = 0.05  # after a call that failed: the restarting process needs the processor, too
QUESTIONS: Final = ("get", "balances", "orders", "trades", "account", "positions")


class Call(NamedTuple):
    """One call and its outcome."""

    what: str  # place, cancel, cancel_by_client_id, cancel_all, …, or one of QUESTIONS
    account: Account
    shards: frozenset[int]  # needed to execute it
    name: str  # client id of a new order, id of an order to cancel
    sent: dict[str, Any]
    started: float
    seconds: float
    status: int  # 0: no response; -1: a malformed one
    body: Any

    @property
    def error(self) -> str:
        """The error text, on futures the code; "" if there is none."""
        return error_of(self.body)

    @property
    def needs_history(self) -> bool:
        """Whether it may need the archive: a query, or a cancel of an order that is no longer open."""
        return self.is_query or self.what in ("cancel", "cancel_by_client_id", "cancel_batch")

    @property
    def may_be_unheard(self) -> bool:
        """Whether the archive did not answer within the second that a cancel waits, as on a busy machine."""
        return self.needs_history and not self.is_query and self.status in (408, 504)

    @property
    def is_query(self) -> bool:
        """Whether it only reads."""
        return self.what in QUESTIONS

    @property
    def outcome(self) -> Outcome:
        """What the client may conclude."""
        return outcome_of(self.what.startswith("cancel"), self.status, self.error)

    @property
    def ended(self) -> float:
        """When the response had arrived."""
        return self.started + self.seconds

    def as_record(self, product: str) -> record.Call:
        """The call in the load test's format, for its auditor."""
        sent = self.sent or {"symbol" if self.what == "cancel_all" else "id": self.name}
        wall = time.time() - time.monotonic()
        told = self.seconds, self.status, self.body
        return record.Call(self.account.account, f"{product} {self.what}", sent, self.started + wall, *told)

    def __str__(self) -> str:
        return f"{self.what} {self.name} of {self.account.account}: {self.status or 'no answer'} {self.error}"


Note = Callable[[Call], None]


class Request(NamedTuple):
    """The request as sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


class Caller:
    """One thread's connection, and the account it acts for."""

    def __init__(self, url: str, account: Account, note: Note) -> None:
        self.account = account
        self._note = note
        self._session = Session(url)

    def send(
        self, what: str, request: Request, shards: Iterable[int], name: str = "", sent: dict[str, Any] | None = None
    ) -> Call:
        """Make a call and record it."""
        started = time.monotonic()
        told = self._session.ask(*request, HUNG_S)
        seconds = time.monotonic() - started
        made = Call(what, self.account, frozenset(shards), name, sent or {}, started, seconds, told.status, told.body)
        self._note(made)
        return made

    def close(self) -> None:
        self._session.close()
