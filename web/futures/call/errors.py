"""Error responses of the futures API: status, code and text."""

from typing import Annotated, Final, NamedTuple

import msgspec
from flask import Response
from msgspec import Meta

from shards.model.reasons import RejectReason
from web.http.described import Described
from web.http.errors import RETRY_AFTER_S
from web.http.responses import Json, add_header


class Refusal(NamedTuple):
    """One row of the contract's error table."""

    status: int
    code: int
    msg: str


class ErrorView(msgspec.Struct, gc=False):
    """The body of an error response."""

    code: Annotated[int, Described("ErrorCode")]
    msg: Annotated[str, Meta(min_length=1)]


class FuturesProblem(Exception):
    """Ends a futures call with an error response; raised as ``FuturesProblem(*REFUSAL)``."""

    def __init__(self, status: int, code: int, msg: str, retry_after_s: int = RETRY_AFTER_S) -> None:
        """``retry_after_s`` is sent with 418, 429 and 503 only."""
        super().__init__(status, code, msg)
        self.status = status
        self.code = code
        self.msg = msg
        self.retry_after_s = retry_after_s

    def body(self) -> ErrorView:
        """The body of a response, or one element of a batch's response."""
        return ErrorView(self.code, self.msg)


# Before the call is dispatched
UNKNOWN_PATH: Final = Refusal(404, -5000, "There is no such path.")
WRONG_METHOD: Final = Refusal(405, -5000, "There is no such method of this path.")
BODY_TOO_LARGE: Final = Refusal(413, -1130, "The body is too large.")
NOT_HTTP: Final = Refusal(400, -1100, "Illegal characters found in the request.")
FAULT: Final = Refusal(500, -1000, "An internal error occurred; nothing was executed.")

# Limits
TOO_MUCH_WEIGHT: Final = Refusal(429, -1003, "Too many requests from this IP; wait as long as Retry-After says.")
BANNED: Final = Refusal(418, -1003, "This IP is banned for going on after 429; wait as long as Retry-After says.")
TOO_MANY_ORDERS: Final = Refusal(429, -1015, "Too many new orders of this account; wait as long as Retry-After says.")

# Credentials
KEY_FORMAT: Final = Refusal(401, -2014, "API-key format invalid.")
KEY_REFUSED: Final = Refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")
WRONG_SIGNATURE: Final = Refusal(400, -1022, "Signature for this request is not valid.")
TOO_LATE: Final = Refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")
TOO_EARLY: Final = Refusal(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")

# Parameters
BODY_MALFORMED: Final = Refusal(400, -1102, "The body was not sent in full, or is malformed.")
NAME_TWICE: Final = Refusal(400, -1101, "A name stands twice in the JSON body.")
START_AFTER_END: Final = Refusal(400, -1023, "Start time is greater than end time.")
INVALID_INTERVAL: Final = Refusal(400, -1120, "Invalid interval.")
INVALID_SYMBOL: Final = Refusal(400, -1121, "Invalid symbol.")
NO_LISTEN_KEY: Final = Refusal(400, -1125, "This listenKey does not exist.")
DEPTH_LIMIT: Final = Refusal(400, -4021, "Invalid depth limit.")
CLIENT_ID_TOO_LONG: Final = Refusal(400, -4015, "Client order id is longer than 36 characters.")
CLIENT_ID_RESERVED: Final = Refusal(400, -4015, "Client order ids of liquidations cannot be sent.")

# Parameters of an order
BAD_TIME_IN_FORCE: Final = Refusal(400, -1115, "Invalid timeInForce.")
BAD_TYPE: Final = Refusal(400, -1116, "Invalid orderType.")
BAD_SIDE: Final = Refusal(400, -1117, "Invalid side.")
BAD_WORKING_TYPE: Final = Refusal(400, -4031, "Invalid workingType.")
BAD_POSITION_SIDE: Final = Refusal(400, -4061, "Only positionSide BOTH is supported.")
BAD_PRICE_MATCH: Final = Refusal(400, -5037, "Only priceMatch NONE is supported.")
BAD_SELF_TRADE_MODE: Final = Refusal(400, -5039, "Only selfTradePreventionMode EXPIRE_MAKER is supported.")
CALLBACK_RATE: Final = Refusal(400, -2007, "callbackRate is not in 0.1 to 10 percent, in steps of 0.01.")
CLOSES_NOT: Final = Refusal(400, -4136, "closePosition is for STOP_MARKET and TAKE_PROFIT_MARKET alone.")
CLOSES_ALL: Final = Refusal(400, -4137, "quantity may not be sent with closePosition.")
NO_ORDER_ID: Final = Refusal(
    400, -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
)
TOO_MANY_IDS: Final = Refusal(400, -4032, "More than 10 ids in one batch cancel.")
TOO_MANY_IN_BATCH: Final = Refusal(400, -4082, "More than 5 orders in one batch.")

# Why a trigger cannot be canceled
TRIGGER_FIRED: Final = Refusal(400, -2030, "Trigger order has already been triggered.")
TRIGGER_CANCELED: Final = Refusal(400, -2031, "Trigger order has already been canceled.")
TRIGGER_POSITION_CLOSED: Final = Refusal(400, -2032, "Position of the trigger order is closed.")
TRIGGER_NOT_OWN: Final = Refusal(400, -2033, "Trigger order does not belong to this account.")

UNKNOWN_ORDER: Final = Refusal(400, -2011, "Unknown order sent.")  # for cancels
NO_SUCH_ORDER: Final = Refusal(400, -2013, "Order does not exist.")  # for modifications and queries
LEVERAGE: Final = Refusal(400, -4028, "Leverage is not valid for this symbol.")

# Filters
PRICE_FILTER: Final = Refusal(400, -1013, "Filter failure: PRICE_FILTER.")
LOT_SIZE: Final = Refusal(400, -1013, "Filter failure: LOT_SIZE.")
MIN_NOTIONAL: Final = Refusal(400, -1013, "Filter failure: MIN_NOTIONAL.")
MAX_NOTIONAL: Final = Refusal(400, -1013, "Filter failure: MAX_NOTIONAL.")

_BUSY_MSG: Final = "The server is busy; nothing was executed."
_UNREACHABLE_MSG: Final = "The server cannot be reached now; try again."
_UNKNOWN_MSG: Final = "No answer in time; execution unknown: look for the order before you act."

REFUSALS: Final[dict[RejectReason, Refusal]] = {
    RejectReason.BUSY: Refusal(503, -1008, _BUSY_MSG),
    RejectReason.RESTARTING: Refusal(503, -1001, _UNREACHABLE_MSG),
    RejectReason.TIMEOUT: Refusal(408, -1007, _UNKNOWN_MSG),
    RejectReason.STORAGE_FULL: Refusal(503, -1000, "There is no room on disk; nothing was executed."),
    RejectReason.HISTORY_UNREADABLE: Refusal(503, -1001, _UNREACHABLE_MSG),
    RejectReason.UNKNOWN_ORDER: UNKNOWN_ORDER,
    RejectReason.NOT_OWNER: UNKNOWN_ORDER,
    RejectReason.TERMINAL_ORDER: UNKNOWN_ORDER,
    RejectReason.DUPLICATE_CLIENT_ID: Refusal(
        400, -4116, "ClientOrderId is in use by an open order with other content."
    ),
    RejectReason.UNKNOWN_MARKET: INVALID_SYMBOL,
    RejectReason.MARKET_HALTED: Refusal(400, -4140, "Trading on this symbol is halted."),
    RejectReason.MARKET_DELISTED: Refusal(400, -4141, "This symbol is delisted."),
    RejectReason.TOO_MANY_OPEN_ORDERS: Refusal(400, -2025, "Reach max open order limit."),
    RejectReason.INSUFFICIENT_BALANCE: Refusal(400, -2019, "Margin is insufficient."),
    RejectReason.POST_ONLY: Refusal(400, -5022, "Due to the order could not be executed as maker, it was rejected."),
    RejectReason.INSUFFICIENT_MARGIN: Refusal(400, -2019, "Margin is insufficient."),
    RejectReason.POSITION_LIMIT: Refusal(400, -2027, "Exceeded the maximum allowable position at current leverage."),
    RejectReason.PARENT_NOT_OPEN: Refusal(400, -2010, "Parent order is not open."),
    RejectReason.WOULD_TRIGGER: Refusal(400, -2021, "Order would immediately trigger."),
    RejectReason.NOTHING_TO_REDUCE: Refusal(400, -2022, "ReduceOnly Order is rejected."),
    RejectReason.TOO_MANY_TRIGGERS: Refusal(400, -4045, "Reach max trigger order limit."),
    RejectReason.CANNOT_FILL: Refusal(400, -5021, "Due to the order could not be filled immediately, it was rejected."),
    RejectReason.NOT_MODIFIABLE: Refusal(400, -5025, "This kind of order cannot be modified."),
    RejectReason.NOTHING_CHANGES: Refusal(400, -5027, "No need to modify the order."),
    RejectReason.BELOW_FILLED: Refusal(400, -2010, "AMOUNT_BELOW_FILLED"),
    RejectReason.MIN_NOTIONAL: MIN_NOTIONAL,
    RejectReason.MAX_NOTIONAL: MAX_NOTIONAL,
    RejectReason.PRICE_TOO_HIGH: Refusal(400, -4016, "Limit price is too high above the mark price."),
    RejectReason.PRICE_TOO_LOW: Refusal(400, -4024, "Limit price is too low below the mark price."),
    RejectReason.NO_LEAVE: Refusal(400, -4118, "ReduceOnly Order Failed: it would lose more than there is."),
}
"""Rejections by the engine. Queries word an unknown order differently."""

_SAY_WHEN: Final = (418, 429, 503)


def refused(reason: RejectReason) -> FuturesProblem:
    """The futures API's response to a rejection by the engine."""
    return FuturesProblem(*REFUSALS[reason])


def of_http(status: int) -> FuturesProblem:
    """Errors raised by the server before any view runs."""
    return FuturesProblem(*{404: UNKNOWN_PATH, 405: WRONG_METHOD}.get(status, NOT_HTTP))


def mandatory(name: str) -> FuturesProblem:
    """-1102 for a parameter that is missing, empty or malformed."""
    return FuturesProblem(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def twice(name: str) -> FuturesProblem:
    """-1101 for a parameter sent twice in one source."""
    return FuturesProblem(400, -1101, f"Parameter '{name[:64]}' was sent twice.")


def illegal(name: str) -> FuturesProblem:
    """-1100 for a parameter with illegal characters."""
    return FuturesProblem(400, -1100, f"Illegal characters found in parameter '{name}'.")


def not_taken(name: str) -> FuturesProblem:
    """-1106 for a parameter that this kind of order does not take."""
    return FuturesProblem(400, -1106, f"Parameter '{name}' sent when not required.")


def out_of_range(name: str) -> FuturesProblem:
    """-1130 for a parameter outside its permitted values."""
    return FuturesProblem(400, -1130, f"Data sent for parameter '{name}' is not valid.")


def exclusive(*names: str) -> FuturesProblem:
    """Parameters of which only one may be sent."""
    return FuturesProblem(400, -1128, f"Only one of {' and '.join(names)} may be sent.")


def not_offered(what: str) -> FuturesProblem:
    """A trading mode that this exchange does not support."""
    return FuturesProblem(400, -1020, f"{what} is not supported.")


def render(problem: FuturesProblem) -> Response:
    """Render the error response."""
    response = Json(problem.body(), problem.status)
    if problem.status in _SAY_WHEN:
        add_header(response, "Retry-After", problem.retry_after_s)
    return response
