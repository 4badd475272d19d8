"""Errors that a call may get at any time; any other is a finding."""

from collections.abc import Iterator, Mapping, Set
from typing import Final, NamedTuple

from loadtest.outcome import error_of
from loadtest.record import Call

BUSY: Final = ("ENGINE_BUSY", "-1008")
PLACED_AND_REJECTED: Final = ("POST_ONLY_REJECT", "SELF_TRADE")  # spot: rejected, but in the history
UNKNOWN_ORDER: Final = ("ORDER_NOT_FOUND", "-2011")
Answers = Mapping[str, Set[tuple[int, str]]]
UNAVAILABLE: Final[Answers] = {
    "spot": {(503, "ENGINE_BUSY"), (503, "ENGINE_RESTARTING"), (503, "STORAGE_FULL"), (504, "ENGINE_TIMEOUT")},
    "futures": {(503, "-1008"), (503, "-1001"), (503, "-1000"), (408, "-1007")},
}


class Refusals(NamedTuple):
    """What the calls of a load may be refused with."""

    unavailable: Answers  # any call, by product: status and error
    answers: Answers  # by call
    elements: Mapping[str, Set[str]]  # the errors of single orders in a batch, by call


_NOT_PLACED: Final = {"-2019", "-2021", "-2027", "-4016", "-4024", "-4045", "-5021", "-5022"}
USERS: Final = Refusals(
    {**UNAVAILABLE, "futures": UNAVAILABLE["futures"] | {(429, "-1003"), (429, "-1015"), (418, "-1003")}},
    {
        "spot place": {(400, word) for word in ("INSUFFICIENT_BALANCE", *PLACED_AND_REJECTED)},
        "spot cancel": {(404, "ORDER_NOT_FOUND"), (500, "DB_ERROR")},  # the archive is unavailable
        "spot cancel_by_client_id": {(404, "ORDER_NOT_FOUND")},
        "futures place": {(400, code) for code in _NOT_PLACED},
        "futures cancel": {(400, "-2011")},
    },
    {
        "futures place_batch": {*_NOT_PLACED, "-1001", "-1008", "-1000", "-1007"},
        "futures cancel_batch": {"-2011", "-2033", "-1001", "-1007", "-1008"},  # the archive did not answer
    },
)


def find_undocumented(call: Call, refusals: Refusals, may_lose: bool) -> Iterator[str]:
    """Findings about a single response. ``may_lose``: a connection may have ended without one."""
    answer = call.status, call.error
    if call.fault:
        yield f"{call}: {call.fault}"
    elif call.status == 0:
        if not (may_lose or call.interrupted):
            yield f"{call}: and nothing was killed"
    elif call.status == 200:
        if (allowed := refusals.elements.get(call.what)) is not None:
            yield from (f"{call}: the element {each}" for each in call.body if error_of(each) not in {"", *allowed})
    elif answer not in refusals.unavailable[call.product] | refusals.answers.get(call.what, set()):
        yield f"{call}: not an answer to expect"
