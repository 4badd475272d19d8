"""Several new orders in one request, each for itself: what is wrong with one does not stop the others."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from shards.limits import DEADLINE_BULK_MS
from shards.model.commands import Place
from shards.model.orders import NewOrder, Order
from shards.model.reasons import Reason
from shards.model.replies import OrderReply, Refused
from web.auth import Principal
from web.exchange.catalog import Catalog
from web.exchange.gateway import Engine
from web.futures.call.call import read_market
from web.futures.call.errors import TOO_MANY_IN_BATCH, FuturesProblem, mandatory, refused
from web.futures.call.parameter_sources import read_members
from web.futures.call.parameters import Parameters
from web.futures.limits import PLACE_COUNT_MAX
from web.futures.orders.id_lists import read_json_list
from web.futures.orders.place import read_order
from web.http.errors import EngineRefusal

_LIST: Final = "batchOrders"
_UNDECIDED: Final = (Reason.BUSY, Reason.RESTARTING, Reason.STORAGE_FULL, Reason.TIMEOUT)


def count_elements(asked: Parameters) -> int:
    """How many orders a request counts as; one that is malformed, as one."""
    try:
        return min(len(_read_list(asked)), PLACE_COUNT_MAX)
    except FuturesProblem:
        return 1


def read_elements(asked: Parameters) -> list[object]:
    """What is to become orders; raises -1102, -4082."""
    elements = _read_list(asked)
    if len(elements) > PLACE_COUNT_MAX:
        raise FuturesProblem(*TOO_MANY_IN_BATCH)
    return elements


def place_each(
    engine: Engine, catalog: Catalog, principal: Principal, elements: Sequence[object]
) -> list[Order | FuturesProblem]:
    """For each element its order, or what was wrong with it.

    Raises EngineRefusal where the engine has decided on none of them: what is true of the whole request.
    """
    told: dict[int, Order | FuturesProblem] = {}
    orders: dict[int, NewOrder] = {}
    for place, element in enumerate(elements):
        try:
            orders[place] = _read(element, catalog, principal)
        except FuturesProblem as problem:
            told[place] = problem
    for place, reply in _send(engine, catalog, orders).items():
        told[place] = refused(reply.reason) if isinstance(reply, Refused) else reply.order
    return [told[place] for place in range(len(elements))]


def _read(element: object, catalog: Catalog, principal: Principal) -> NewOrder:
    if not isinstance(element, Mapping):
        raise mandatory(_LIST)
    asked = Parameters(read_members(element))
    return read_order(asked, read_market(asked, catalog), principal)


def _send(engine: Engine, catalog: Catalog, orders: Mapping[int, NewOrder]) -> dict[int, OrderReply | Refused]:
    until = time.monotonic() + DEADLINE_BULK_MS / 1_000
    replies: dict[int, OrderReply | Refused] = {}
    for turn in _turns(engine, catalog, orders):
        messages = [(engine.owner(catalog.by_number[orders[place].market]), Place(orders[place])) for place in turn]
        left_ms = max(0, int((until - time.monotonic()) * 1_000))
        replies.update(zip(turn, engine.try_each(OrderReply, messages, left_ms), strict=True))
    undecided = [reply for reply in replies.values() if isinstance(reply, Refused) and reply.reason in _UNDECIDED]
    if undecided and len(undecided) == len(replies):
        raise EngineRefusal(next((each for each in undecided if each.reason is Reason.TIMEOUT), undecided[0]))
    return replies


def _turns(engine: Engine, catalog: Catalog, orders: Mapping[int, NewOrder]) -> Iterable[Sequence[int]]:
    """What may be sent at the same time, so that those of one market are placed in order.

    A shard keeps the order of what it is sent, unless it has to ask another shard for the money of some of it.
    """
    turns: defaultdict[int, list[int]] = defaultdict(list)
    next_turn: Counter[int] = Counter()  # of each market
    for place, order in orders.items():
        turns[next_turn[order.market]].append(place)
        if engine.owner(catalog.by_number[order.market]) != engine.home(order.account):
            next_turn[order.market] += 1
    return turns.values()


def _read_list(asked: Parameters) -> list[object]:
    elements = read_json_list(asked, _LIST)
    if elements is None:
        raise mandatory(_LIST)
    return elements
