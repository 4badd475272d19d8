"""Signed calls of the futures API, and the errors they may get at any time."""

from collections.abc import Iterable
from typing import Any, Final

from loadtest.outcome import error_of
from loadtest.signing import sign_futures
from tests.crash.calls import Call, Caller, Request

RESTARTING, BUSY, NO_ROOM, TIMEOUT = "-1001", "-1008", "-1000", "-1007"
UNKNOWN_ORDER: Final = "-2011"
NO_SUCH_ORDER: Final = "-2013"
_UNAVAILABLE: Final = {(503, RESTARTING), (503, BUSY), (503, NO_ROOM), (408, TIMEOUT)}
PRICELESS: Final = "-1106"  # a price for a kind that takes none
_NOT_PLACED: Final = (
    "-2010",  # the parent is not open
    "-2019",  # margin
    "-2021",  # the trigger would fire at once
    "-2022",  # nothing to reduce
    "-4045",  # too many triggers on this market, or for this parent
    "-4118",  # reduce-only, and would lose more than is available
    "-5021",  # FOK
    "-5022",  # GTX
)
_NOT_CANCELED: Final = (UNKNOWN_ORDER, "-2030", "-2031", "-2032")
_REFUSED: Final = {
    "place": _NOT_PLACED,
    "modify": (PRICELESS, "-2010", NO_SUCH_ORDER, "-2019", "-2021", "-4118", "-4137", "-5022", "-5025", "-5027"),
    "cancel": _NOT_CANCELED,
    "cancel_by_client_id": _NOT_CANCELED,
    "cancel_algo": (UNKNOWN_ORDER,),
}
_ELEMENTS: Final = {
    "place_batch": (*_NOT_PLACED, RESTARTING, BUSY, NO_ROOM, TIMEOUT),
    "cancel_batch": (UNKNOWN_ORDER, RESTARTING, BUSY, TIMEOUT),  # the archive did not answer
}


def is_as_documented(call: Call) -> bool:
    """Whether this response is permitted at any time."""
    if call.status == 200 and call.what in _ELEMENTS:
        return all(error_of(each) in ("", *_ELEMENTS[call.what]) for each in call.body)
    if call.status in (0, 200) or (call.status, call.error) in _UNAVAILABLE:
        return True
    return call.status == 400 and call.error in _REFUSED.get(call.what, ())


class FuturesCaller(Caller):
    """Signed, with all parameters in the query."""

    def call(
        self, what: str, method: str, path: str, shards: Iterable[int], name: str = "", /, **sent: Any
    ) -> tuple[Call, Request]:
        """Make a call and record it; ``path`` after ``/fapi``. The request may be repeated unchanged."""
        headers, query = sign_futures(self.account, sent)
        request = Request(method, f"/fapi{path}?{query}", headers)
        return self.send(what, request, shards, name, sent), request
