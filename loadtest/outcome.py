"""What a client may conclude from a response, on spot and on futures.

* decided: 2xx and 4xx (except 408). Final.
* not executed: busy, no room, and restarting for anything but a cancel.
* unknown: everything else, including a lost connection. Final once the deadline has passed; query by client id.
"""

from enum import Enum
from typing import Any, Final

from loadtest.http import NO_CONNECTION

_RESTARTING: Final = ("ENGINE_RESTARTING", "-1001")


class Outcome(Enum):
    """What a client knows."""

    DECIDED = 1
    NOT_EXECUTED = 2
    UNKNOWN = 3


def outcome_of(is_cancel: bool, status: int, error: str) -> Outcome:
    """The outcome of a response; ``status`` is 0 or less if there was none, or it was unintelligible."""
    if error == NO_CONNECTION:
        return Outcome.NOT_EXECUTED
    if status <= 0 or status in (408, 504) or (is_cancel and error in _RESTARTING):
        return Outcome.UNKNOWN
    return Outcome.NOT_EXECUTED if status == 503 else Outcome.DECIDED


def error_of(body: Any) -> str:
    """The error text or code of a rejection; "" otherwise."""
    if not isinstance(body, dict):
        return ""
    code = body.get("code", 0)
    return str(code) if isinstance(code, int) and code < 0 else str(body.get("error", ""))
