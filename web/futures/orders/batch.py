"""Several new orders in one request, each independent: an error in one does not affect the others."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from shards.limits import DEADLINE_BULK_MS
from shards.model.commands import Place
from shards.model.orders import NewOrder, Order
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, Rejected
from web.auth import Principal
from web.exchange.catalog import Catalog
from web.exchange.gateway import ExchangeGateway
from web.futures.call.call import read_market
from web.futures.call.errors import TOO_MANY_IN_BATCH, FuturesProblem, mandatory, refused
from web.futures.call.parameter_sources import read_members
from web.futures.call.parameters import Parameters
from web.futures.limits import PLACE_COUNT_MAX
from web.futures.orders.id_lists import read_json_list
from web.futures.orders.place import read_order
from web.http.errors import EngineRejected

_LIST: Final = "batchOrders"
_UNDECIDED: Final = (RejectReason.BUSY, RejectReason.RESTARTING, RejectReason.STORAGE_FULL, RejectReason.TIMEOUT)


def count_elements(parameters: Parameters) -> int:
    """The number of orders to count for a request; a malformed one counts as one."""
    try:
        return min(len(_read_list(parameters)), PLACE_COUNT_MAX)
    except FuturesProblem:
        return 1


def read_elements(parameters: Parameters) -> list[object]:
    """The elements to become orders; raises -1102, -4082."""
    elements = _read_list(parameters)
    if len(elements) > PLACE_COUNT_MAX:
        raise FuturesProblem(*TOO_MANY_IN_BATCH)
    return elements


def place_each(
    gateway: ExchangeGateway, catalog: Catalog, principal: Principal, elements: Sequence[object]
) -> list[Order | FuturesProblem]:
    """For each element its order, or its error.

    Raises EngineRejected if the engine decided on none of them: the error then applies to the whole request.
    """
    results: dict[int, Order | FuturesProblem] = {}
    orders: dict[int, NewOrder] = {}
    for place, element in enumerate(elements):
        try:
            orders[place] = _read(element, catalog, principal)
        except FuturesProblem as problem:
            results[place] = problem
    for place, reply in _send(gateway, catalog, orders).items():
        results[place] = refused(reply.reason) if isinstance(reply, Rejected) else reply.order
    return [results[place] for place in range(len(elements))]


def _read(element: object, catalog: Catalog, principal: Principal) -> NewOrder:
    if not isinstance(element, Mapping):
        raise mandatory(_LIST)
    parameters = Parameters(read_members(element))
    return read_order(parameters, read_market(parameters, catalog), principal)


def _send(
    gateway: ExchangeGateway, catalog: Catalog, orders: Mapping[int, NewOrder]
) -> dict[int, OrderReply | Rejected]:
    until = time.monotonic() + DEADLINE_BULK_MS / 1_000
    replies: dict[int, OrderReply | Rejected] = {}
    for turn in _turns(gateway, catalog, orders):
        messages = [
            (gateway.market_shard(catalog.by_number[orders[place].market]), Place(orders[place])) for place in turn
        ]
        left_ms = max(0, int((until - time.monotonic()) * 1_000))
        replies.update(zip(turn, gateway.try_each(OrderReply, messages, left_ms), strict=True))
    undecided = [reply for reply in replies.values() if isinstance(reply, Rejected) and reply.reason in _UNDECIDED]
    if undecided and len(undecided) == len(replies):
        raise EngineRejected(next((each for each in undecided if each.reason is RejectReason.TIMEOUT), undecided[0]))
    return replies


def _turns(gateway: ExchangeGateway, catalog: Catalog, orders: Mapping[int, NewOrder]) -> Iterable[Sequence[int]]:
    """Groups that may be sent at the same time, so that orders of one market are placed in sequence.

    A shard processes messages in the order received, unless it has to reserve funds of some at another shard.
    """
    turns: defaultdict[int, list[int]] = defaultdict(list)
    next_turn: Counter[int] = Counter()  # per market
    for place, order in orders.items():
        turns[next_turn[order.market]].append(place)
        if gateway.market_shard(catalog.by_number[order.market]) != gateway.account_shard(order.account):
            next_turn[order.market] += 1
    return turns.values()


def _read_list(parameters: Parameters) -> list[object]:
    elements = read_json_list(parameters, _LIST)
    if elements is None:
        raise mandatory(_LIST)
    return elements
