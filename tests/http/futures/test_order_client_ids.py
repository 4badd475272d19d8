"""Client ids of futures orders: as sent or made, and what comes of a repeat."""

from tests.http.futures.actor import Actor
from tests.http.futures.caller import now_ms


def test_client_ids_come_back_as_sent(own: Actor, symbol: str) -> None:
    for client_id in ("a", "A.b:c/d_e-f", "0", 36 * "z"):
        placed = own.place(symbol, "BUY", "100", "1", newClientOrderId=client_id)
        assert placed["clientOrderId"] == client_id
        assert own.get("/order", symbol=symbol, origClientOrderId=client_id) == placed


def test_a_client_id_is_made(own: Actor, symbol: str) -> None:
    placed = own.place(symbol, "BUY", "100", "1", newClientOrderId="")
    assert placed["clientOrderId"] == f"sx-{placed['orderId']}"
    assert own.try_cancel_client_id(symbol, placed["clientOrderId"]).ok()["status"] == "CANCELED"


def test_a_client_id_used_twice(own: Actor, other: Actor, symbol: str) -> None:
    """While the first is open it is the answer, as it is now; after it, the id is free."""
    first = own.place(symbol, "BUY", "100", "2", newClientOrderId="twice")
    other.place(symbol, "SELL", "100", "1")
    again = own.place(symbol, "BUY", "100.0", "2.000", newClientOrderId="twice")
    assert (again["orderId"], again["status"], again["executedQty"]) == (first["orderId"], "PARTIALLY_FILLED", "1")
    assert own.try_place(symbol, "BUY", "100", "1", newClientOrderId="twice").brief() == "400 -4116"
    assert other.place(symbol, "BUY", "90", "1", newClientOrderId="twice")["orderId"] != first["orderId"]
    own.cancel(symbol, first["orderId"])
    assert own.place(symbol, "BUY", "100", "2", newClientOrderId="twice")["orderId"] != first["orderId"]


def test_the_same_signed_request_again(own: Actor, symbol: str) -> None:
    """Answers with the first order whatever became of it; also with a window of its own."""
    query = f"symbol={symbol}&side=BUY&type=LIMIT&price=100&quantity=1&newClientOrderId=once&timestamp={now_ms()}"
    for more in ("", "&recvWindow=60000"):
        text = query.replace("once", f"once{len(more)}") + more
        signed = own.caller.signed(text)
        first = own.caller.send("POST", "/v1/order", signed).ok()
        assert own.caller.send("POST", "/v1/order", signed).ok() == first
        own.cancel(symbol, first["orderId"])
        replayed = own.caller.send("POST", "/v1/order", signed).ok()
        assert (replayed["orderId"], replayed["status"]) == (first["orderId"], "CANCELED")
    assert own.open(symbol) == []
