"""Whether a canceled order had been requested to be canceled: no exchange may cancel on its own."""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

from loadtest.outcome import Outcome
from loadtest.placements import placements
from loadtest.record import Call

_EVERYWHERE: Final = ""  # key of a cancel-all on every market


class Told(NamedTuple):
    """An order acknowledged as placed, and canceled since."""

    id: Hashable
    symbol: str
    place: int  # index of the call that placed it, among the account's calls on the product
    ended_ms: int = 0  # futures, by the exchange's clock


class Cancels:
    """The orders that the cancels of one account on one product have taken, or may have.

    A rejected cancel, as with ENGINE_BUSY, has taken none.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        """``calls``: of the account on the product, in order."""
        self._named: set[Hashable] = set()  # ids
        self._unsettled: set[str] = set()  # markets of cancel-alls that may have been executed at any time
        self._all: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)  # market → (call, newest order's ms)
        self._newest_ms: defaultdict[str, int] = defaultdict(int)  # by market
        for place, call in enumerate(calls):
            if call.status == 200:
                self._take_answered(place, call)
            elif call.outcome is Outcome.UNKNOWN:
                self._take_unknown(call)

    def may_have_taken(self, order: Told) -> bool:
        """Whether one of the cancels can have taken it."""
        return (
            order.id in self._named
            or not self._unsettled.isdisjoint((order.symbol, _EVERYWHERE))
            or self._in_cancel_all(order)
        )

    def _in_cancel_all(self, order: Told) -> bool:
        """Whether the first later cancel-all can have taken it: not before the newest order acknowledged by then."""
        on_market = self._all[order.symbol]
        after = bisect_right(on_market, order.place, key=lambda each: each[0])
        return after < len(on_market) and on_market[after][1] <= order.ended_ms

    def _take_answered(self, place: int, call: Call) -> None:
        match call.what:
            case "spot cancel_all":
                self._named |= {row["id"] for row in call.body["canceled"]}
            case "futures cancel_all":
                symbol = call.sent["symbol"]
                self._all[symbol].append((place, self._newest_ms[symbol]))
            case "futures cancel_batch":
                self._named |= {row["orderId"] for row in call.body if "orderId" in row}
            case "futures place" | "futures place_batch":
                for _, told in placements(call):
                    if "orderId" in told:
                        self._newest_ms[told["symbol"]] = told["time"]
            case _:
                self._take_unknown(call)

    def _take_unknown(self, call: Call) -> None:
        """A call of unknown outcome may be executed after later calls."""
        match call.what:
            case "spot cancel" | "spot cancel_by_client_id":
                self._named.add(call.sent["id"])
            case "futures cancel":
                self._named.add(call.sent["orderId"])
            case "futures cancel_batch":
                self._named |= set(json.loads(call.sent["orderIdList"]))
            case "spot cancel_all" | "futures cancel_all":
                self._unsettled.add(call.sent.get("symbol", _EVERYWHERE))
