"""Calls of real callers, each noted with what its caller was told."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import requests
from urllib3.exceptions import NewConnectionError

from loadtest.outcome import Outcome, error_of, outcome_of
from shards.limits import DEADLINE_BULK_MS, DEADLINE_MS
from tests.crash.floor import Account

HUNG_S: Final = DEADLINE_BULK_MS / 1_000 + 12  # no answer after so long: nobody will ever answer
SETTLED_S: Final = DEADLINE_MS / 1_000 + 0.5  # after so long an order that nobody confirmed is placed or never will be
READABLE_S: Final = 15.0  # after the last kill everything can be read again
PAUSE_S: Final = 0.05  # after a call that came to nothing: whoever starts again needs the processor, too
NO_CONNECTION: Final = "no connection"  # nobody listens
CUT_OFF: Final = "cut off"  # an answer that ended too soon: only after a kill
QUESTIONS: Final = ("get", "balances", "orders", "trades", "account", "positions")


class Call(NamedTuple):
    """One call and what came of it."""

    what: str  # place, cancel, cancel_by_client_id, cancel_all, …, or one of QUESTIONS
    account: Account
    shards: frozenset[int]  # that must be there for it
    name: str  # client id of a new order, id of an order to cancel
    sent: dict[str, Any]
    started: float
    seconds: float
    status: int  # 0: no answer; -1: an answer that must not be
    body: Any

    @property
    def error(self) -> str:
        """The refusal's word, on futures its code; "" if there is none."""
        return error_of(self.body)

    @property
    def needs_history(self) -> bool:
        """Whether it may take the archive: a question, or a cancel, of what is not open any more."""
        return self.is_question or self.what in ("cancel", "cancel_by_client_id", "cancel_batch")

    @property
    def may_be_unheard(self) -> bool:
        """Told that the archive was not heard within the second that a cancel waits for it: a machine may be busy."""
        return self.needs_history and not self.is_question and self.status in (408, 504)

    @property
    def is_question(self) -> bool:
        """Whether it asks only."""
        return self.what in QUESTIONS

    @property
    def outcome(self) -> Outcome:
        """What the caller may conclude."""
        if self.error == NO_CONNECTION:
            return Outcome.NOT_EXECUTED
        return outcome_of(self.what.startswith("cancel"), self.status, self.error)

    @property
    def ended(self) -> float:
        """When the answer was there."""
        return self.started + self.seconds

    def __str__(self) -> str:
        return f"{self.what} {self.name} of {self.account.id}: {self.status or 'no answer'} {self.error}"


def wait_settled(calls: Iterable[Call]) -> None:
    """Until what came of every one of these calls is so for ever."""
    unknown = [call.started for call in calls if call.outcome is Outcome.UNKNOWN and not call.is_question]
    if unknown:
        time.sleep(max(0.0, max(unknown) + SETTLED_S - time.monotonic()))


Note = Callable[[Call], None]


class Request(NamedTuple):
    """What goes over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


class Caller:
    """One thread's connection, and the account it acts for."""

    def __init__(self, url: str, account: Account, note: Note) -> None:
        self.account = account
        self._url = url
        self._note = note
        self._session = requests.Session()
        self._session.trust_env = False

    def send(
        self, what: str, request: Request, shards: Iterable[int], name: str = "", sent: dict[str, Any] | None = None
    ) -> Call:
        """Make a call and note it."""
        started = time.monotonic()
        status, answer = self._exchange(request)
        seconds = time.monotonic() - started
        made = Call(what, self.account, frozenset(shards), name, sent or {}, started, seconds, status, answer)
        self._note(made)
        return made

    def insist(self, make: Callable[[], Call], *decided: int) -> Call:
        """Ask until the status is 200 or one of ``decided``."""
        end = time.monotonic() + READABLE_S
        while True:
            call = make()
            if call.status in (200, *decided):
                return call
            assert time.monotonic() < end, f"no answer for {READABLE_S} s: {call}"
            time.sleep(PAUSE_S)

    def _exchange(self, request: Request) -> tuple[int, Any]:
        method, target, headers, body = request
        try:
            response = self._session.request(method, self._url + target, data=body, headers=headers, timeout=HUNG_S)
        except requests.exceptions.Timeout:
            return -1, {"error": f"hung for {HUNG_S} s"}
        except requests.exceptions.ChunkedEncodingError:
            return 0, {"error": CUT_OFF}
        except requests.exceptions.ConnectionError as error:
            refused = isinstance(getattr(error.args[0], "reason", None), NewConnectionError)
            return 0, {"error": NO_CONNECTION} if refused else None
        try:
            return response.status_code, response.json() if response.content else None
        except requests.exceptions.JSONDecodeError:
            return -1, {"error": f"{response.status_code}, and the body is no JSON: {response.content[:200]!r}"}

    def close(self) -> None:
        """Drop the connection."""
        self._session.close()
