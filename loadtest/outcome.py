"""What a caller may conclude from an answer, on spot and on futures.

* decided: 2xx and 4xx (but for 408). It is so, for ever.
* not executed: busy, no room, and restarting on anything but a cancel.
* unknown: everything else, a lost connection among it. Settled once the deadline has passed; found by client id.
"""

from enum import Enum
from typing import Any, Final

from loadtest.http import NO_CONNECTION

_RESTARTING: Final = ("ENGINE_RESTARTING", "-1001")


class Outcome(Enum):
    """What a caller knows."""

    DECIDED = 1
    NOT_EXECUTED = 2
    UNKNOWN = 3


def outcome_of(is_cancel: bool, status: int, error: str) -> Outcome:
    """What an answer says; ``status`` is 0 or less where there was none, or none that can be understood."""
    if error == NO_CONNECTION:
        return Outcome.NOT_EXECUTED
    if status <= 0 or status in (408, 504) or (is_cancel and error in _RESTARTING):
        return Outcome.UNKNOWN
    return Outcome.NOT_EXECUTED if status == 503 else Outcome.DECIDED


def error_of(body: Any) -> str:
    """The word or code of a refusal; "" if it is none."""
    if not isinstance(body, dict):
        return ""
    code = body.get("code", 0)
    return str(code) if isinstance(code, int) and code < 0 else str(body.get("error", ""))
