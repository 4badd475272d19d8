"""Rate limits of every futures request: weight is charged, orders are counted, usage is reported in headers.

Requests that never reach a view are charged here, so that failed requests count too.
"""

from typing import Final

from flask import Response

from web.futures.call.errors import (
    BANNED,
    BODY_MALFORMED,
    BODY_TOO_LARGE,
    TOO_MANY_ORDERS,
    TOO_MUCH_WEIGHT,
    FuturesProblem,
)
from web.http.errors import Problem
from web.http.request import request_context
from web.http.responses import add_header
from web.ratelimit.budget import Spent
from web.services import services

WEIGHT_HEADER: Final = "X-MBX-USED-WEIGHT-1M"
ORDERS_HEADER: Final = "X-MBX-ORDER-COUNT-1M"
PREFIX: Final = "/fapi"


def is_futures() -> bool:
    """Whether this request is to the futures API."""
    path = request_context().path
    return path.startswith(PREFIX) and (path == PREFIX or path[len(PREFIX)] == "/")


def begin(has_route: bool) -> None:
    """Before the view: read the body; charge requests that end here. Raises FuturesProblem 413, 400, 429, 418."""
    if not has_route:
        enforce_limits(1)
        return
    try:
        request_context().receive_body()
    except Problem as problem:
        enforce_limits(1)
        refusal = BODY_TOO_LARGE if problem.status == BODY_TOO_LARGE.status else BODY_MALFORMED
        raise FuturesProblem(*refusal) from None


def enforce_limits(weight: int) -> None:
    """Charge the client's IP; raises FuturesProblem 418, 429."""
    at = services()
    if at.budget is None:
        return
    spent = at.budget.spend_weight(at.caller_ip(), weight)
    request_context().used_weight = spent.used
    if spent.wait_s:
        raise FuturesProblem(*(BANNED if spent.banned else TOO_MUCH_WEIGHT), spent.wait_s)


def count_orders(account: str, count: int) -> None:
    """Count new orders of the account; raises FuturesProblem 429."""
    at = services()
    spent = at.budget.count_orders(at.caller_ip(), account, count) if at.budget is not None else Spent(0)
    request_context().order_count = spent.used
    if spent.wait_s:
        raise FuturesProblem(*TOO_MANY_ORDERS, spent.wait_s)


def add_usage_headers(response: Response) -> None:
    """After the view: report usage."""
    context = request_context()
    add_header(response, WEIGHT_HEADER, context.used_weight)
    if context.order_count is not None:
        add_header(response, ORDERS_HEADER, context.order_count)
