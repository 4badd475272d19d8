"""How a view of the futures API begins: the common checks in the contract's order, then what was asked.

A view charges its weight by one of these three, once, before anything else::

    asked = open_call(1)                        # everybody
    call = key_call(1, TRADE)                   # an API key, no signature
    call = signed_call(1, TRADE, orders=1)      # a signed request; counts new orders
"""

from collections.abc import Callable
from typing import NamedTuple

from shards.model.markets import Market
from web.auth import Principal
from web.exchange.catalog import Catalog
from web.futures.call.auth import show_key, sign_in
from web.futures.call.errors import INVALID_SYMBOL, FuturesProblem
from web.futures.call.limits_gate import charge, count_orders
from web.futures.call.parameter_sources import read_parameters
from web.futures.call.parameters import Parameters, need

Cost = int | Callable[[Parameters], int]
"""Weight or a number of orders: fixed, or by what was asked."""


class Call(NamedTuple):
    """Who asks what."""

    principal: Principal
    asked: Parameters


def open_call(weight: Cost) -> Parameters:
    """A call that needs no credentials; raises FuturesProblem."""
    asked = _charged(weight)
    asked.check()
    return asked


def key_call(weight: Cost, permission: str) -> Call:
    """A call of whoever shows a key; raises FuturesProblem."""
    asked = _charged(weight)
    principal = show_key(permission)
    asked.check()
    return Call(principal, asked)


def signed_call(weight: Cost, permission: str, orders: Cost = 0) -> Call:
    """A signed call; ``orders`` that it places are counted once the caller is known. Raises FuturesProblem."""
    asked = _charged(weight)
    principal = sign_in(asked, permission)
    count = _cost(orders, asked)
    if count:
        count_orders(principal.account, count)
    asked.check()
    return Call(principal, asked)


def by_symbol(one: int, all_of_them: int) -> Cost:
    """The weight of a call for one symbol, and without a symbol."""
    return lambda asked: one if asked.has("symbol") else all_of_them


def read_market(asked: Parameters, catalog: Catalog) -> Market:
    """The market of ``symbol``; raises -1102, -1121."""
    return need(read_optional_market(asked, catalog), "symbol")


def read_optional_market(asked: Parameters, catalog: Catalog) -> Market | None:
    """The market of ``symbol``, None if none was sent; raises -1121."""
    symbol = asked.text("symbol")
    if symbol is None:
        return None
    market = catalog.futures.get(symbol)
    if market is None:
        raise FuturesProblem(*INVALID_SYMBOL)
    return market


def _charged(weight: Cost) -> Parameters:
    asked = read_parameters()
    charge(_cost(weight, asked))
    return asked


def _cost(cost: Cost, asked: Parameters) -> int:
    return cost if isinstance(cost, int) else cost(asked)
