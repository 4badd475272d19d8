"""Error responses of the spot, key and operator APIs."""

from typing import Annotated, Final

import msgspec
from flask import Response
from msgspec import Meta

from shards.model.reasons import RejectReason
from shards.model.replies import Rejected
from web.http.responses import Json, add_header

RETRY_AFTER_S: Final = 1


class Problem(Exception):
    """Ends the request with an error response in the wording of its API. ``error`` "" means an empty body."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error


class ErrorView(msgspec.Struct, gc=False):
    """The body of an error response."""

    error: Annotated[str, Meta(min_length=1)]


class EngineRejected(Exception):
    """The engine rejected the command; each API has its own wording for the reason."""

    def __init__(self, rejected: Rejected) -> None:
        super().__init__(rejected.reason)
        self.rejected = rejected

    @property
    def reason(self) -> RejectReason:
        return self.rejected.reason


SPOT_REFUSALS: Final[dict[RejectReason, tuple[int, str]]] = {
    RejectReason.BUSY: (503, "ENGINE_BUSY"),
    RejectReason.RESTARTING: (503, "ENGINE_RESTARTING"),
    RejectReason.TIMEOUT: (504, "ENGINE_TIMEOUT"),
    RejectReason.STORAGE_FULL: (503, "STORAGE_FULL"),
    RejectReason.HISTORY_UNREADABLE: (500, "DB_ERROR"),
    RejectReason.UNKNOWN_ORDER: (404, "ORDER_NOT_FOUND"),
    RejectReason.NOT_OWNER: (403, "FORBIDDEN"),
    RejectReason.TERMINAL_ORDER: (404, "ORDER_NOT_FOUND"),
    RejectReason.DUPLICATE_CLIENT_ID: (409, "DUPLICATE_CLIENT_ORDER_ID"),
    RejectReason.UNKNOWN_MARKET: (404, "MARKET_NOT_FOUND"),
    RejectReason.MARKET_HALTED: (409, "MARKET_HALTED"),
    RejectReason.MARKET_DELISTED: (410, "MARKET_DELISTED"),
    RejectReason.MARKET_EXISTS: (409, "MARKET_EXISTS"),
    RejectReason.TOO_MANY_OPEN_ORDERS: (400, "TOO_MANY_OPEN_ORDERS"),
    RejectReason.INSUFFICIENT_BALANCE: (400, "INSUFFICIENT_BALANCE"),
    RejectReason.SELF_TRADE: (400, "SELF_TRADE"),
    RejectReason.POST_ONLY: (400, "POST_ONLY_REJECT"),
    RejectReason.REFERENCE_CONFLICT: (409, "REFERENCE_CONFLICT"),
    RejectReason.AMOUNT_TOO_BIG: (400, "invalid amount"),
    RejectReason.POSITIONS_OPEN: (409, "POSITIONS_OPEN"),
    RejectReason.BAD_SQL: (400, "invalid sql"),
}
"""Spot, keys and operator API."""


def unauthorized() -> Problem:
    """401, identical for every kind of invalid credentials."""
    return Problem(401, "")


def invalid(name: str) -> Problem:
    """400 for a malformed field or parameter."""
    return Problem(400, f"invalid {name}")


def spot_problem(reason: RejectReason) -> Problem:
    """The spot API's response to a rejection by the engine."""
    return Problem(*SPOT_REFUSALS[reason])


def render_problem(problem: Problem) -> Response:
    """Render the error response."""
    if problem.error:
        response: Response = Json(ErrorView(problem.error), problem.status)
    else:
        response = Response(status=problem.status)
        del response.headers["Content-Type"]
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if problem.status == 503:
        add_header(response, "Retry-After", RETRY_AFTER_S)
    return response
