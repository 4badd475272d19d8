"""The outcome of every futures order sent: its id, once no call is pending."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from loadtest.outcome import Outcome, error_of
from loadtest.reader import Reader
from tests.crash.calls import Call
from tests.crash.futures_calls import TIMEOUT
from tests.crash.futures_trader import CHILDREN


class Attempt(NamedTuple):
    """One attempt to place a new order, by itself or in a batch."""

    name: str  # its client id
    sent: dict[str, Any]
    told: dict[str, Any]  # empty if it was not acknowledged
    unknown: bool
    call: Call

    @property
    def id(self) -> int:
        """The order's id; 0 if it was not acknowledged."""
        return int(self.told.get("orderId", self.told.get("algoId", 0)))


class Placed(NamedTuple):
    """An existing order."""

    sent: dict[str, Any]
    told: dict[str, Any]  # empty if it was never acknowledged
    call: Call


def resolve(calls: Sequence[Call], reader: Reader) -> tuple[dict[int, Placed], list[str]]:
    """Order id → how it was placed, and findings; unknown outcomes are queried by client id."""
    known: dict[int, Placed] = {}
    found: list[str] = []
    for name, attempts in _by_name(calls).items():
        told = {attempt.id: attempt.told for attempt in attempts if attempt.told}
        if len(told) > 1:
            found.append(f"client id {name} was told of several orders: {list(told)}")
        if not told and any(attempt.unknown for attempt in attempts):
            order = reader.futures("/v1/order", symbol=attempts[0].sent["symbol"], origClientOrderId=name)
            told = {order["orderId"]: {}} if order else {}
        for number, body in told.items():
            last = max(attempts, key=lambda attempt: attempt.call.ended).call
            known[number] = Placed(attempts[0].sent, body, last)
    return known, found


def children_of(order: dict[str, Any]) -> dict[str, int]:
    """The take-profit and the stop-loss placed with an order."""
    return {name: order[name] for name in CHILDREN if name in order}


def _by_name(calls: Sequence[Call]) -> dict[str, list[Attempt]]:
    by_name = defaultdict(list)
    for call in calls:
        for attempt in _attempts(call):
            by_name[attempt.name].append(attempt)
    return by_name


def _attempts(call: Call) -> Iterator[Attempt]:
    if call.what in ("place", "repeat"):
        told = call.body if call.status == 200 else {}
        yield Attempt(call.name, call.sent, told, call.outcome is Outcome.UNKNOWN, call)
    elif call.what == "place_batch":
        batch = json.loads(call.sent["batchOrders"])
        answers = call.body if call.status == 200 else [{}] * len(batch)
        for sent, answer in zip(batch, answers, strict=True):
            unknown = call.outcome is Outcome.UNKNOWN or error_of(answer) == TIMEOUT
            yield Attempt(sent["newClientOrderId"], sent, {} if error_of(answer) else answer, unknown, call)
