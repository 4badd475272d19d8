"""Lookups of ended orders by number and client id.

Lookups of several callers are combined into one search of each kind: a search by number for eight callers takes hardly
longer than for two, because planning it costs as much as finding a few orders.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from shards.archive.rows import name_of, to_order
from shards.model.markets import Product
from shards.model.orders import Order
from shards.model.queries import FindEnded, GetOrder, GetOrderByClientId
from shards.model.reasons import RejectReason
from shards.model.replies import BatchReply, OrderReply, Rejected, Reply
from storage import client_ids
from storage.client_ids import ClientId
from storage.queries import SqlQuery
from storage.statements import Stored

Lookup = GetOrder | GetOrderByClientId | FindEnded


def look_up(
    ask: Callable[[SqlQuery], list[Stored]], products: Mapping[int, str], queries: Sequence[Lookup]
) -> list[Reply]:
    """Return the reply to each query. ``products``: by market, "spot" or "futures". Raises what ``ask`` raises."""
    numbers = {number for query in queries for number in _numbers(query)}
    names = {name for query in queries for name in _names(query)}
    if names:
        numbers.update(number for (number,) in ask(client_ids.candidates(names)))
    found = {row[0]: to_order(row) for row in ask(client_ids.orders_by_id(sorted(numbers)))} if numbers else {}
    called: dict[tuple[str, str], list[Order]] = {}
    for order in found.values():
        called.setdefault((order.account, order.client_id), []).append(order)

    def latest(name: ClientId) -> Order | None:
        orders = called.get((name.account, name.client_id), ())
        return max((each for each in orders if _is_meant(each, name, products)), key=_age, default=None)

    return [_reply(query, [*map(found.get, _numbers(query)), *map(latest, _names(query))]) for query in queries]


def _numbers(query: Lookup) -> Sequence[int]:
    match query:
        case GetOrder(number):
            return [number]
        case FindEnded():
            return query.ids
        case _:
            return []


def _names(query: Lookup) -> Iterable[ClientId]:
    match query:
        case GetOrderByClientId(market, account, client_id, triggers):
            return [ClientId(account, client_id, market, triggers)]
        case FindEnded():
            return [ClientId(query.account, client_id, query.market) for client_id in query.client_ids]
        case _:
            return []


def _reply(query: Lookup, found: list[Order | None]) -> Reply:
    if isinstance(query, FindEnded):
        return BatchReply([order or RejectReason.UNKNOWN_ORDER for order in found])
    (order,) = found
    return OrderReply(order) if order else Rejected(RejectReason.UNKNOWN_ORDER)


def _is_meant(order: Order, name: ClientId, products: Mapping[int, str]) -> bool:
    if name.triggers and not order.trigger:
        return False
    if name.market:
        return order.market == name.market
    return products.get(order.market) == name_of(Product.FUTURES)


def _age(order: Order) -> tuple[int, int]:
    return order.created_ms, order.id
