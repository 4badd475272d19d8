"""What callers of the spot API, of keys and of the operator API are told when something is refused."""

from typing import Annotated, Final

import msgspec
from flask import Response
from msgspec import Meta

from shards.model.reasons import Reason
from shards.model.replies import Refused
from web.http.responses import Json, add_header

RETRY_AFTER_S: Final = 1


class Problem(Exception):
    """A request that ends here, with the words its API has for it. ``error`` "" means an empty body."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error


class ErrorView(msgspec.Struct, gc=False):
    """What the caller is told."""

    error: Annotated[str, Meta(min_length=1)]


class EngineRefusal(Exception):
    """The engine did not do what it was asked; each API has its own words for the reason."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused

    @property
    def reason(self) -> Reason:
        """Why."""
        return self.refused.reason


SPOT_REFUSALS: Final[dict[Reason, tuple[int, str]]] = {
    Reason.BUSY: (503, "ENGINE_BUSY"),
    Reason.RESTARTING: (503, "ENGINE_RESTARTING"),
    Reason.TIMEOUT: (504, "ENGINE_TIMEOUT"),
    Reason.STORAGE_FULL: (503, "STORAGE_FULL"),
    Reason.HISTORY_UNREADABLE: (500, "DB_ERROR"),
    Reason.UNKNOWN_ORDER: (404, "ORDER_NOT_FOUND"),
    Reason.NOT_OWNER: (403, "FORBIDDEN"),
    Reason.TERMINAL_ORDER: (404, "ORDER_NOT_FOUND"),
    Reason.DUPLICATE_CLIENT_ID: (409, "DUPLICATE_CLIENT_ORDER_ID"),
    Reason.UNKNOWN_MARKET: (404, "MARKET_NOT_FOUND"),
    Reason.MARKET_HALTED: (409, "MARKET_HALTED"),
    Reason.MARKET_DELISTED: (410, "MARKET_DELISTED"),
    Reason.MARKET_EXISTS: (409, "MARKET_EXISTS"),
    Reason.TOO_MANY_OPEN_ORDERS: (400, "TOO_MANY_OPEN_ORDERS"),
    Reason.INSUFFICIENT_BALANCE: (400, "INSUFFICIENT_BALANCE"),
    Reason.SELF_TRADE: (400, "SELF_TRADE"),
    Reason.POST_ONLY: (400, "POST_ONLY_REJECT"),
    Reason.REFERENCE_CONFLICT: (409, "REFERENCE_CONFLICT"),
    Reason.AMOUNT_TOO_BIG: (400, "invalid amount"),
    Reason.POSITIONS_OPEN: (409, "POSITIONS_OPEN"),
    Reason.BAD_SQL: (400, "invalid sql"),
}
"""Spot, keys and operator API."""


def unauthorized() -> Problem:
    """Credentials that open nothing: the same answer, whatever is wrong with them."""
    return Problem(401, "")


def invalid(name: str) -> Problem:
    """A field or parameter that is malformed."""
    return Problem(400, f"invalid {name}")


def spot_problem(reason: Reason) -> Problem:
    """The spot API's words for an engine's refusal."""
    return Problem(*SPOT_REFUSALS[reason])


def render_problem(problem: Problem) -> Response:
    """The answer."""
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
