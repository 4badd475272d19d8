"""The start of every view of the futures API: the common checks in the contract's order.

A view charges its weight by one of these three, once, before anything else::

    requested = public(1)                 # no credentials
    call = keyed(1, TRADE)                # an API key, no signature
    call = signed(1, TRADE, orders=1)     # a signed request; counts new orders
"""

from collections.abc import Callable
from typing import NamedTuple

from shards.model.markets import Market
from web.auth import Principal
from web.exchange.catalog import Catalog
from web.futures.call.auth import show_key, sign_in
from web.futures.call.errors import INVALID_SYMBOL, FuturesProblem
from web.futures.call.limits_gate import count_orders, enforce_limits
from web.futures.call.parameter_sources import read_parameters
from web.futures.call.parameters import Parameters, need

Cost = int | Callable[[Parameters], int]
"""A request weight or a number of orders: fixed, or computed from the parameters."""


class Call(NamedTuple):
    """The caller and the parameters."""

    principal: Principal
    parameters: Parameters


def public(weight: Cost) -> Parameters:
    """A call that needs no credentials; raises FuturesProblem."""
    parameters = _charged(weight)
    parameters.check()
    return parameters


def keyed(weight: Cost, permission: str) -> Call:
    """A call that needs an API key; raises FuturesProblem."""
    parameters = _charged(weight)
    principal = show_key(permission)
    parameters.check()
    return Call(principal, parameters)


def signed(weight: Cost, permission: str, orders: Cost = 0) -> Call:
    """A signed call; ``orders`` new orders are counted once the caller is authenticated. Raises FuturesProblem."""
    parameters = _charged(weight)
    principal = sign_in(parameters, permission)
    count = _cost(orders, parameters)
    if count:
        count_orders(principal.account, count)
    parameters.check()
    return Call(principal, parameters)


def by_symbol(one: int, all_of_them: int) -> Cost:
    """The weight of a call with a symbol, and without one."""
    return lambda parameters: one if parameters.has("symbol") else all_of_them


def read_market(parameters: Parameters, catalog: Catalog) -> Market:
    """The market of ``symbol``; raises -1102, -1121."""
    return need(read_optional_market(parameters, catalog), "symbol")


def read_optional_market(parameters: Parameters, catalog: Catalog) -> Market | None:
    """The market of ``symbol``, None if none was sent; raises -1121."""
    symbol = parameters.text("symbol")
    if symbol is None:
        return None
    market = catalog.futures.get(symbol)
    if market is None:
        raise FuturesProblem(*INVALID_SYMBOL)
    return market


def _charged(weight: Cost) -> Parameters:
    parameters = read_parameters()
    enforce_limits(_cost(weight, parameters))
    return parameters


def _cost(cost: Cost, parameters: Parameters) -> int:
    return cost if isinstance(cost, int) else cost(parameters)
