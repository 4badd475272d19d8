"""Queries after the load, each retried until it is answered."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlencode

from loadtest.accounts import Account
from loadtest.http import Session
from loadtest.outcome import error_of
from loadtest.signing import bearer, sign_futures

ANSWER_S: Final = 15.0
READABLE_S: Final = 180.0  # a rate limit resets within a minute, a first ban ends after two
PAUSE_S: Final = 0.1
LIMITED: Final = (418, 429)  # with a Retry-After header
ABSENT: Final = ((404, "ORDER_NOT_FOUND"), (400, "-2013"))


class Unanswered(Exception):
    """A query got no response, or an unexpected one; the text says which and how."""


class Reader:
    """The queries of one account."""

    def __init__(self, url: str, account: Account, patience_s: float = READABLE_S) -> None:
        """Each query is retried for ``patience_s``."""
        self._patience_s = patience_s
        self.account = account.account
        self._account = account
        self._session = Session(url)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def spot(self, path: str, method: str = "GET", **query: Any) -> Any:
        """The response to a spot call; None for an order that does not exist. ``path`` after ``/api/v1/spot``."""
        text = f"?{urlencode(query)}" if query else ""
        return self._insist(method, lambda: (f"/api/v1/spot{path}{text}", bearer(self._account)))

    def futures(self, path: str, method: str = "GET", **sent: Any) -> Any:
        """The response to a futures call; None for an order that does not exist. ``path`` after ``/fapi``."""

        def make() -> tuple[str, dict[str, str]]:
            headers, query = sign_futures(self._account, sent)
            return f"/fapi{path}?{query}", headers

        return self._insist(method, make)

    def _insist(self, method: str, make: Callable[[], tuple[str, dict[str, str]]]) -> Any:
        """Raises Unanswered."""
        end = time.monotonic() + self._patience_s
        while True:
            target, headers = make()
            answer = self._session.ask(method, target, headers, b"", ANSWER_S)
            error = error_of(answer.body)
            if answer.status == 200:
                return answer.body
            if (answer.status, error) in ABSENT:
                return None
            if time.monotonic() > end or not _is_passing(answer.status):
                raise Unanswered(f"{method} {target.partition('?')[0]} answers {answer.status} {error}")
            time.sleep(max(PAUSE_S, answer.wait_s) if answer.status in LIMITED else PAUSE_S)


def _is_passing(status: int) -> bool:
    return status <= 0 or status in (408, *LIMITED) or status >= 500
