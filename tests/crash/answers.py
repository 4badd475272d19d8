"""The errors that a trader's call may get at any time."""

from typing import Final

from loadtest.answers import PLACED_AND_REJECTED, UNAVAILABLE, UNKNOWN_ORDER, Refusals

SIGNED_S: Final = 5.0  # validity of a signed request on spot
NO_SUCH_ORDER: Final = "-2013"
_NO_HISTORY: Final = (500, "DB_ERROR")  # while the archive is down
_NOT_PLACED: Final = {
    "-2010",  # the parent is not open
    "-2019",  # margin
    "-2021",  # the trigger would fire at once
    "-2022",  # nothing to reduce
    "-4045",  # too many triggers on this market, or for this parent
    "-4118",  # reduce-only, and would lose more than is available
    "-5021",  # FOK
    "-5022",  # GTX
}
_NOT_MODIFIED: Final = {
    "-1106",  # a price for a kind that takes none
    "-2010",
    NO_SUCH_ORDER,
    "-2019",
    "-2021",
    "-4118",
    "-4137",
    "-5022",
    "-5025",
    "-5027",
}
_NOT_CANCELED: Final = {*UNKNOWN_ORDER, "-2030", "-2031", "-2032"}
_LATE: Final = {"-1001", "-1007", "-1008"}  # elements of a batch of which the archive or a shard is not there
TRADERS: Final = Refusals(
    UNAVAILABLE,
    {
        "spot place": {(400, word) for word in ("INSUFFICIENT_BALANCE", *PLACED_AND_REJECTED)},
        "spot cancel": {(404, "ORDER_NOT_FOUND"), _NO_HISTORY},  # of an order that is no longer open
        "spot cancel_by_client_id": {(404, "ORDER_NOT_FOUND")},
        "spot get": {_NO_HISTORY},
        "spot orders": {_NO_HISTORY},
        "spot trades": {_NO_HISTORY},
        "futures place": {(400, code) for code in _NOT_PLACED},
        "futures modify": {(400, code) for code in _NOT_MODIFIED},
        "futures cancel": {(400, code) for code in _NOT_CANCELED},
        "futures cancel_by_client_id": {(400, code) for code in _NOT_CANCELED},
        "futures cancel_algo": {(400, code) for code in UNKNOWN_ORDER},
    },
    {
        "futures place_batch": {*_NOT_PLACED, *_LATE, "-1000"},
        "futures cancel_batch": {*UNKNOWN_ORDER, *_LATE},
    },
)
