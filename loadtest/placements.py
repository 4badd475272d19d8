"""The new futures orders of a call, single or batch, and those attached to them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from loadtest.record import Call
from loadtest.statement import Row

CHILDREN: Final = ("takeProfitOrderId", "stopLossOrderId")


def placements(call: Call) -> Iterator[tuple[dict[str, Any], Row]]:
    """Each new order of a call, and its response: empty if there was none."""
    if call.verb == "place":
        yield call.sent, call.body if isinstance(call.body, dict) else {}
    elif call.verb == "place_batch":
        batch = json.loads(call.sent["batchOrders"])
        yield from zip(batch, call.body if call.status == 200 else [{}] * len(batch), strict=True)


def family(order: Mapping[str, Any]) -> set[int]:
    """The ids of an order and of its attached orders."""
    return {order["orderId"], *(order[name] for name in CHILDREN if name in order)}
