"""The futures audit of calls that only crash tests make: what is wrong is found, and nothing else."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from loadtest.futures_cancels import CancelAudit
from loadtest.futures_orders import OrderAudit
from loadtest.placements import resolve
from loadtest.reader import Reader
from loadtest.record import Call
from loadtest.statement import FuturesStatement, JsonObject

TERMS: Final = {"symbol": "M", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "100", "quantity": "2"}
TRIGGER: Final = {"symbol": "M", "side": "BUY", "type": "STOP_MARKET", "stopPrice": "101", "quantity": "2"}
WAITING: Final = {"origType": "STOP_MARKET", "price": "0", "stopPrice": "101", "triggerTime": 0}


def order(number: int = 1, /, **fields: Any) -> JsonObject:
    """A resting order of TERMS, placed in millisecond ``number``."""
    return {
        "orderId": number,
        "clientOrderId": f"c-{number}",
        "symbol": "M",
        "side": "BUY",
        "positionSide": "BOTH",
        "origType": "LIMIT",
        "timeInForce": "GTC",
        "price": "100",
        "origQty": "2",
        "executedQty": "0",
        "stopPrice": "0",
        "status": "NEW",
        "reduceOnly": False,
        "closePosition": False,
        "time": number,
        "updateTime": number,
        **fields,
    }


def place(answer: JsonObject, terms: dict[str, str] = TERMS, verb: str = "place") -> Call:
    number = answer["orderId"]
    sent = {**terms, "side": answer["side"], "newClientOrderId": answer["clientOrderId"]}
    return Call("a", f"futures {verb}", sent, number / 1_000, 0.0, 200, answer)


def call(verb: str, sent: dict[str, Any], status: int = 200, body: Any = None) -> Call:
    """Long after all orders were placed."""
    return Call("a", f"futures {verb}", {"symbol": "M", **sent}, 1.0, 0.0, status, body)


def modify(price: str, status: int = 200) -> Call:
    answer = order(price=price, updateTime=50) if status == 200 else None
    return call("modify", {"orderId": 1, "price": price}, status, answer)


SELL: Final = order(2, side="SELL")
SELL_AT_50: Final = order(2, side="SELL", time=50)
EXPIRED: Final = order(status="EXPIRED", updateTime=50)
FIRED: Final = order(2, **{**WAITING, "side": "SELL", "triggerTime": 40, "updateTime": 60, "status": "FILLED"})
TAKEN: Final = order(status="CANCELED", updateTime=50)
CHILD: Final = order(2, **{**WAITING, "parentOrderId": 1, "side": "SELL", "reduceOnly": True})
GONE: Final = {"code": -2011, "msg": "Unknown order sent."}
CASES: Final[dict[str, tuple[list[Call], list[JsonObject], str]]] = {  # calls, orders as they are now, what is found
    "modified": ([place(order()), modify("101")], [order(price="101")], ""),
    "not modified": ([place(order()), modify("101")], [order()], "wanted was one of ['101']"),
    "perhaps modified": ([place(order()), modify("101", 504)], [order()], ""),
    "modified otherwise": ([place(order()), modify("101", 504)], [order(price="102")], "wanted was one of"),
    "counted down": ([place(order()), call("countdown", {})], [TAKEN], ""),
    "not counted down": ([place(order()), call("countdown", {})], [order()], "but it is open"),
    "not all canceled": ([place(order()), call("cancel_all", {})], [order()], "but it is open"),
    "triggers canceled, no orders": ([place(order()), call("cancel_triggers", {})], [order()], ""),
    "triggers not canceled": (
        [place(order(**WAITING), TRIGGER), call("cancel_triggers", {})],
        [order(**WAITING)],
        "but it is open",
    ),
    "orders canceled with triggers": ([place(order()), call("cancel_triggers", {})], [TAKEN], "nobody asked to cancel"),
    "algo order not canceled": (
        [place(order(**WAITING), TRIGGER), call("cancel_algo", {"algoId": 1}, 200, {"algoId": 1})],
        [order(**WAITING)],
        "not canceled",
    ),
    "canceled by client id": (
        [place(order()), call("cancel_by_client_id", {"origClientOrderId": "c-1"}, 200, TAKEN)],
        [TAKEN],
        "",
    ),
    "not unknown": (
        [place(order()), call("cancel_by_client_id", {"origClientOrderId": "c-1"}, 400, GONE)],
        [order()],
        "but it is open",
    ),
    "of a batch": (
        [place(order()), call("cancel_batch", {"origClientOrderIdList": '["c-1"]'}, 200, [GONE])],
        [order()],
        "but it is open",
    ),
    "in the way": ([place(order()), place(SELL_AT_50)], [EXPIRED, SELL_AT_50], ""),
    "in the way when it fired": ([place(order()), place(FIRED, TRIGGER)], [EXPIRED, FIRED], ""),
    "nothing in the way": ([place(order()), place(SELL)], [EXPIRED, SELL], "no own order was in the way"),
    "with its parent": (
        [place(order(takeProfitOrderId=2), {**TERMS, "takeProfitPrice": "101"}), call("cancel_all", {})],
        [
            order(takeProfitOrderId=2, status="CANCELED"),
            {**CHILD, "origType": "TAKE_PROFIT_MARKET", "status": "CANCELED", "updateTime": 1},
        ],
        "",
    ),
    "without its parent": (
        [place(order()), place(CHILD, {**TRIGGER, "parentOrderId": "1"}), call("cancel", {"orderId": 1}, 200, TAKEN)],
        [TAKEN, CHILD],
        "and attached to it",
    ),
    "placed twice": (
        [place(order()), place(order(2, clientOrderId="c-1"), verb="repeat")],
        [order(), order(2, clientOrderId="c-1")],
        "was acknowledged as several orders",
    ),
}


@pytest.mark.parametrize(("calls", "orders", "expected"), CASES.values(), ids=CASES)
def test_what_is_found(calls: list[Call], orders: list[JsonObject], expected: str) -> None:
    found = list(findings(calls, {row["orderId"]: row for row in orders}))
    assert len(found) == bool(expected) and all(expected in text for text in found), found


def findings(calls: list[Call], orders: dict[int, JsonObject]) -> Iterator[str]:
    unused: Any = None
    reader: Reader = unused  # nothing is unknown that would be looked up
    known, found = resolve(calls, reader)
    yield from found
    listed = {number: row for number, row in orders.items() if row["status"] == "NEW"}
    statement = FuturesStatement(orders, listed, {}, [], {}, {})
    yield from OrderAudit(calls, known, statement).findings(0)
    yield from CancelAudit(calls, known, statement).findings()
