"""Whether a canceled order had been requested to be canceled: no exchange may cancel on its own."""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Final, NamedTuple

from loadtest.outcome import Outcome
from loadtest.placements import attempts_in
from loadtest.record import Call

_EVERYWHERE: Final = ""  # key of a cancel-all on every market
_CALLERS_MAX: Final = 8  # of one account at the same time
_NO_CLIENT_IDS: Final[Mapping[str, int]] = {}


class Canceled(NamedTuple):
    """An order that has been canceled."""

    id: Hashable
    symbol: str
    started: float  # of the call that placed it, Unix s
    ended: float
    at_ms: int = 0  # futures: when it was canceled, by the exchange's clock
    was_waiting: bool = False  # futures: a trigger that never fired


class _CancelAll(NamedTuple):
    """One that was answered."""

    started: float
    ended: float
    newest_ms: int  # time of the newest order that had been acknowledged before, by the exchange's clock


class Cancels:
    """The orders that the cancels of one account on one product have taken, or may have.

    A rejected cancel, as with ENGINE_BUSY, has taken none.
    """

    def __init__(self, calls: Sequence[Call], client_ids: Mapping[str, int] = _NO_CLIENT_IDS) -> None:
        """``calls``: of the account on the product. ``client_ids``: its futures orders by client id."""
        self._client_ids = client_ids
        self._named: set[Hashable] = set()  # ids
        self._unsettled: set[str] = set()  # markets of cancel-alls that may have been executed at any time
        self._all: defaultdict[tuple[str, str], list[_CancelAll]] = defaultdict(list)  # by verb and market
        self._newest_ms: defaultdict[str, int] = defaultdict(int)  # by market
        for call in sorted(calls, key=_moment):
            if call.status == 200:
                self._take_answered(call)
            elif call.outcome is Outcome.UNKNOWN:
                self._take_unknown(call)

    def may_have_taken(self, order: Canceled) -> bool:
        """Whether one of the cancels can have taken it."""
        verbs = ("cancel_all", "cancel_triggers") if order.was_waiting else ("cancel_all",)
        return (
            order.id in self._named
            or not self._unsettled.isdisjoint((order.symbol, _EVERYWHERE))
            or any(_is_covered(order, self._all[verb, order.symbol]) for verb in verbs)
        )

    def _take_answered(self, call: Call) -> None:
        match call.what:
            case "spot cancel_all":
                self._named |= {row["id"] for row in call.body["canceled"]}
            case "futures cancel_all" | "futures cancel_triggers":
                symbol = call.sent["symbol"]
                done = _CancelAll(call.started, call.ended, self._newest_ms[symbol])
                self._all[call.verb, symbol].append(done)
            case "futures cancel_batch":
                self._named |= {row["orderId"] for row in call.body if "orderId" in row}
            case "futures place" | "futures repeat" | "futures place_batch":
                for attempt in attempts_in(call):
                    if "orderId" in attempt.answer:
                        symbol = attempt.answer["symbol"]
                        self._newest_ms[symbol] = max(self._newest_ms[symbol], attempt.answer["time"])
            case _:
                self._take_unknown(call)

    def _take_unknown(self, call: Call) -> None:
        """A call of unknown outcome may be executed after later calls; so is a countdown."""
        match call.what:
            case "spot cancel" | "spot cancel_by_client_id":
                self._named.add(call.sent["id"])
            case "futures cancel" | "futures cancel_by_client_id" | "futures cancel_algo" | "futures cancel_batch":
                self._named |= set(named_orders(call, self._client_ids))
            case "spot cancel_all" | "futures cancel_all" | "futures cancel_triggers" | "futures countdown":
                self._unsettled.add(call.sent.get("symbol", _EVERYWHERE))


def named_orders(call: Call, client_ids: Mapping[str, int]) -> list[int]:
    """The orders that a cancel on futures names; 0 for a client id of no order. ``client_ids``: orders by client id."""
    sent = call.sent
    if "orderIdList" in sent:
        return list(json.loads(sent["orderIdList"]))
    if "origClientOrderIdList" in sent:
        return [client_ids.get(name, 0) for name in json.loads(sent["origClientOrderIdList"])]
    if "origClientOrderId" in sent:
        return [client_ids.get(sent["origClientOrderId"], 0)]
    return [sent["orderId"] if "orderId" in sent else sent["algoId"]]


def _moment(call: Call) -> float:
    """A new order counts from its acknowledgment on, a cancel from when it was sent."""
    return call.ended if call.verb in ("place", "repeat", "place_batch") else call.started


def _is_covered(order: Canceled, on_market: Sequence[_CancelAll]) -> bool:
    """Whether the first later cancel-all, or one at the same time, can have taken it.

    It has not if the order was canceled before the newest order acknowledged by then.
    """
    first = bisect_left(on_market, order.ended, key=lambda each: each.started)
    near = on_market[max(0, first - _CALLERS_MAX) : first + 1]
    return any(each.ended >= order.started and each.newest_ms <= order.at_ms for each in near)
