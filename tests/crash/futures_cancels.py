"""Whether the responses to an account's cancels are true."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.crash.calls import Call
from tests.crash.futures_placed import Placed, children_of
from tests.crash.futures_statement import Row, Statement
from tests.crash.futures_trader import OPEN


def check_cancels(known: Mapping[int, Placed], said: Statement, calls: Sequence[Call]) -> Iterator[str]:
    """Each cancel against the orders as they are now."""
    for call in calls:
        if call.what in ("cancel", "cancel_by_client_id", "cancel_algo") and call.status in (200, 400):
            yield from _check_one(call, int(call.name), call.body, said)
        elif call.what == "cancel_batch" and call.status == 200:
            for number, told in zip(call.name.split(","), call.body, strict=True):
                yield from _check_one(call, int(number), told, said)
        elif call.what in ("cancel_all", "cancel_triggers", "countdown") and call.status == 200:
            yield from _check_all(call, known, said)


def _check_one(call: Call, number: int, told: dict[str, Any], said: Statement) -> Iterator[str]:
    order = said.orders.get(number)
    if order is None:
        yield f"{call}: told {told}, and there is no such order"
    elif "orderId" in told:
        now = {field: order.get(field) for field in told}
        ended = told["status"] == "CANCELED" or (call.what == "cancel_batch" and told["status"] not in OPEN)
        if now != told or not ended:
            yield f"{call}: told {told}, now {now}"
    elif call.status == 200 and call.what == "cancel_algo":
        if order["status"] != "CANCELED":
            yield f"{call}: told {json.dumps(told)}, now {order}"
    elif order["status"] in OPEN:
        yield f"{call}: told {told}, but it is open: {order}"


def _check_all(call: Call, known: Mapping[int, Placed], said: Statement) -> Iterator[str]:
    """No order acknowledged before is open; a countdown that was restarted has expired later."""
    for number, placed in known.items():
        if placed.told and placed.call.ended < call.started:
            order = said.orders.get(number, {})
            orders = [order, *(said.orders.get(child, {}) for child in children_of(order).values())]
            for each in orders:
                if each.get("symbol") == call.sent["symbol"] and _should_have_ended(call, each):
                    yield f"{call} came after {placed.call}, and still open is {each}"


def _should_have_ended(call: Call, order: Row) -> bool:
    waits = order.get("triggerTime") == 0
    return order["status"] in OPEN and (waits or call.what != "cancel_triggers")
