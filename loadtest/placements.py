"""The futures orders that an account has sent, singly or in batches, and which of them exist."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from loadtest.outcome import Outcome, error_of
from loadtest.reader import Reader
from loadtest.record import Call
from loadtest.statement import JsonObject

CHILDREN: Final = ("takeProfitOrderId", "stopLossOrderId")
_TIMEOUT: Final = "-1007"


class Attempt(NamedTuple):
    """One attempt to place an order, by itself or in a batch."""

    sent: dict[str, Any]
    answer: JsonObject  # empty if it was not acknowledged
    is_unknown: bool
    call: Call

    @property
    def client_id(self) -> str:
        """The order's client id, whichever endpoint it was sent to."""
        return str(self.sent.get("newClientOrderId") or self.sent["clientAlgoId"])

    @property
    def id(self) -> int:
        """The order's id; 0 if it was not acknowledged."""
        return int(self.answer.get("orderId") or self.answer.get("algoId") or 0)


class Placed(NamedTuple):
    """An existing order, as its account knows it."""

    sent: dict[str, Any]
    answer: JsonObject  # empty if it was never acknowledged
    started: float  # of the first attempt to place it, Unix s
    call: Call  # the last attempt


def attempts_in(call: Call) -> Iterator[Attempt]:
    """Each new order of a call."""
    if call.verb in ("place", "repeat"):
        orders, answers = [call.sent], [call.body]
    elif call.verb == "place_batch":
        orders, answers = json.loads(call.sent["batchOrders"]), call.body
    else:
        return
    if call.status != 200:
        answers = [{}] * len(orders)
    for sent, answer in zip(orders, answers, strict=True):
        error = error_of(answer)
        yield Attempt(sent, {} if error else answer, call.outcome is Outcome.UNKNOWN or error == _TIMEOUT, call)


def resolve(calls: Sequence[Call], reader: Reader) -> tuple[dict[int, Placed], list[str]]:
    """Order id → how it was placed, and findings; unknown outcomes are queried by client id. Raises Unanswered."""
    known: dict[int, Placed] = {}
    found: list[str] = []
    for client_id, attempts in _by_client_id(calls).items():
        answers = {attempt.id: attempt.answer for attempt in attempts if attempt.answer}
        if len(answers) > 1:
            found.append(f"client id {client_id} was acknowledged as several orders: {list(answers)}")
        if not answers and any(attempt.is_unknown for attempt in attempts):
            order = reader.futures("/v1/order", symbol=attempts[0].sent["symbol"], origClientOrderId=client_id)
            answers = {order["orderId"]: {}} if order else {}
        started = min(attempt.call.started for attempt in attempts)
        last = max((attempt.call for attempt in attempts), key=lambda call: call.ended)
        known |= {number: Placed(attempts[0].sent, answer, started, last) for number, answer in answers.items()}
    return known, found


def _by_client_id(calls: Sequence[Call]) -> Mapping[str, list[Attempt]]:
    by_client_id: defaultdict[str, list[Attempt]] = defaultdict(list)
    for call in calls:
        for attempt in attempts_in(call):
            by_client_id[attempt.client_id].append(attempt)
    return by_client_id


def attached_to(order: Mapping[str, Any]) -> list[int]:
    """The ids of the take-profit and the stop-loss placed with an order."""
    return [order[name] for name in CHILDREN if name in order]
