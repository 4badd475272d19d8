"""An order for the tests that need any."""

from typing import Any

from shards.model.orders import EndReason, Kind, Order, Side, Status, TimeInForce


def make_order(number: int, **changes: Any) -> Order:
    """Alice's open limit order of 10 lots at 100."""
    fields: dict[str, Any] = {
        "market": 1,
        "account": "alice",
        "side": Side.BUY,
        "kind": Kind.LIMIT,
        "tif": TimeInForce.GTC,
        "price": 100,
        "quantity": 10,
        "status": Status.OPEN,
        "end_reason": EndReason.NONE,
        "client_id": "",
    }
    numbers = dict.fromkeys(
        ("quote_quantity", "signed_ms", "filled", "filled_value", "hold", "created_ms", "updated_ms"), 0
    )
    return Order(number, **{**fields, **numbers, **changes})
