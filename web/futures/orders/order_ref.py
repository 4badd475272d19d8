"""The order a call refers to: by its id, else by its client id. With both sent the id alone counts."""

from shards.model.ids import market_of
from shards.model.markets import Market
from shards.model.queries import GetOrder, GetOrderByClientId
from web.futures.call.errors import NO_ORDER_ID, FuturesProblem
from web.futures.call.parameters import Parameters
from web.http.parse import is_client_id

OrderName = int | str
"""An orderId, or a client id."""


def read_order_name(parameters: Parameters) -> OrderName:
    """From ``orderId`` or ``origClientOrderId``; raises -1102 if neither was sent, or the id is malformed."""
    name = read_optional_name(parameters, "orderId", "origClientOrderId")
    if name is None:
        raise FuturesProblem(*NO_ORDER_ID)
    return name


def read_optional_name(parameters: Parameters, id_name: str, client_id_name: str) -> OrderName | None:
    """None if neither was sent; raises -1102 for a malformed id."""
    number = parameters.long(id_name)
    return parameters.text(client_id_name) if number is None else number


def query_of(name: OrderName, market: Market, account: str) -> GetOrder | GetOrderByClientId | None:
    """The query for this order; None if the name cannot identify one on this market."""
    if isinstance(name, int):
        return GetOrder(name) if market_of(name) == market.number else None
    return GetOrderByClientId(market.number, account, name) if is_client_id(name) else None
