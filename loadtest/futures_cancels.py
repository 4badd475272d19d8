"""Whether an account's futures cancels did what was answered, and nothing was canceled or expired without a cause."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from loadtest.cancels import Canceled, Cancels, named_orders
from loadtest.findings import check_ended, is_open
from loadtest.outcome import Outcome, error_of
from loadtest.placements import Placed, attached_to
from loadtest.record import Call
from loadtest.statement import FuturesStatement, JsonObject

_ONE: Final = ("cancel", "cancel_by_client_id", "cancel_algo")
_ALL: Final = ("cancel_all", "cancel_triggers", "countdown")
_UNDECIDED: Final = ("-1000", "-1001", "-1007", "-1008")  # of one order in a batch
_RESTING: Final = ("GTC", "GTX")
_OTHER: Final = {"BUY": "SELL", "SELL": "BUY"}


class CancelAudit:
    """The cancels of one account."""

    def __init__(self, calls: Sequence[Call], known: Mapping[int, Placed], statement: FuturesStatement) -> None:
        """``calls`` by time; ``known``: every order that was acknowledged or found, by id."""
        self._calls = calls
        self._orders = statement.orders
        self._client_ids = {order["clientOrderId"]: number for number, order in statement.orders.items()}
        self._acknowledged = {
            each: placed
            for number, placed in known.items()
            if placed.answer
            for each in (number, *attached_to(placed.answer))
        }

    def findings(self) -> Iterator[str]:
        """All findings as texts."""
        for call in self._calls:
            if call.verb in _ONE and call.status in (200, 400):
                yield from self._check_named(call, [call.body])
            elif call.verb == "cancel_batch" and call.status == 200:
                yield from self._check_named(call, call.body)
            elif call.verb in _ALL and call.status == 200:
                yield from self._check_all(call)
        yield from self._check_requested()
        yield from self._check_expired()

    def _check_named(self, call: Call, answers: Sequence[JsonObject]) -> Iterator[str]:
        """The order is canceled; if the answer is that it cannot be, it has ended."""
        for number, answer in zip(named_orders(call, self._client_ids), answers, strict=True):
            order, error = self._orders.get(number), error_of(answer)
            if error in _UNDECIDED:
                continue
            if order is None:
                yield f"{call}: there is no order {number}, and the answer was {answer}"
            elif error:
                yield from check_ended(str(call), order)
            elif call.verb == "cancel_algo":
                if order["status"] != "CANCELED":
                    yield f"{call}: not canceled: {order}"
            elif answer["status"] != "CANCELED" and (call.verb in _ONE or is_open(answer)):
                yield f"{call}: the answer was {answer}"

    def _check_all(self, call: Call) -> Iterator[str]:
        """No order acknowledged before is open, nor one attached to it; a restarted countdown has expired later."""
        for number, placed in self._acknowledged.items():
            if placed.call.ended <= call.started:
                order = self._orders.get(number, {})
                for each in (order, *(self._orders.get(child, {}) for child in attached_to(order))):
                    is_meant = call.verb != "cancel_triggers" or _is_waiting(each)
                    if each.get("symbol") == call.sent["symbol"] and is_meant:
                        yield from check_ended(str(call), each)

    def _check_requested(self) -> Iterator[str]:
        """Every cancel was requested by the account, or followed from the end of the order it was attached to."""
        cancels = Cancels(self._calls, self._client_ids)
        for number, placed in self._acknowledged.items():
            order = self._orders.get(number)
            if order is None or order["status"] != "CANCELED":
                continue
            parent = self._orders.get(order.get("parentOrderId", 0), {})
            canceled = Canceled(
                number, order["symbol"], placed.started, placed.call.ended, order["updateTime"], _is_waiting(order)
            )
            if parent.get("status") not in ("CANCELED", "EXPIRED") and not cancels.may_have_taken(canceled):
                yield f"nobody asked to cancel {order}"

    def _check_expired(self) -> Iterator[str]:
        """A resting order expires only when an own order would trade with it, or an attached one fires."""
        arrivals = _Arrivals(self._orders, self._calls)
        for row in self._orders.values():
            rests = row["origType"] == "LIMIT" and row["timeInForce"] in _RESTING and not row["reduceOnly"]
            if rests and row["status"] == "EXPIRED" and not arrivals.may_have_expired(row):
                yield f"no own order was in the way of {row}"


class _Arrivals:
    """When an account's orders came to a book, by the exchange's clock."""

    def __init__(self, orders: Mapping[int, JsonObject], calls: Sequence[Call]) -> None:
        self._known: dict[tuple[str, str, int], set[int]] = defaultdict(set)  # market, side and time → order ids
        self._fired: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)  # from when until when
        self._unsure: set[str] = set()  # markets with changes of unknown outcome
        for number, row in orders.items():
            self._known[row["symbol"], row["side"], row["time"]].add(number)
            if row.get("triggerTime"):  # it comes once it has its margin
                self._fired[row["symbol"], row["side"]].append((row["triggerTime"], row["updateTime"]))
        for call in calls:
            if call.verb == "modify" and call.status == 200:
                self._known[call.body["symbol"], call.body["side"], call.body["updateTime"]].add(call.body["orderId"])
            elif call.verb == "modify" and call.outcome is Outcome.UNKNOWN:
                self._unsure.add(call.sent["symbol"])

    def may_have_expired(self, order: JsonObject) -> bool:
        """Whether another came in its way just then, or it came itself and had no margin to rest."""
        symbol, side, ended_ms = order["symbol"], order["side"], order["updateTime"]
        other = symbol, _OTHER[side]
        return (
            bool(self._known.get((*other, ended_ms)))
            or order["orderId"] in self._known.get((symbol, side, ended_ms), ())
            or any(start_ms <= ended_ms <= end_ms for start_ms, end_ms in self._fired[other])
            or symbol in self._unsure
        )


def _is_waiting(order: Mapping[str, Any]) -> bool:
    """A trigger that has not fired, or never did."""
    return order.get("triggerTime") == 0
