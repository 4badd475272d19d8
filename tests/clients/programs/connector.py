"""binance-futures-connector."""

from typing import Any

from binance.um_futures import UMFutures
from serve import Call, by_method, serve

METHODS = {
    "info": "exchange_info",
    "depth": "depth",
    "new_order": "new_order",
    "new_batch": "new_batch_order",
    "query_order": "query_order",
    "open_orders": "get_orders",
    "all_orders": "get_all_orders",
    "cancel_order": "cancel_order",
    "cancel_batch": "cancel_batch_order",
    "cancel_all": "cancel_open_orders",
    "modify_order": "modify_order",
    "countdown": "countdown_cancel_order",
    "leverage": "change_leverage",
    "balance": "balance",
    "account": "account",
    "positions": "get_position_risk",
    "trades": "get_account_trades",
}


def connect(url: str, key: str, secret: str) -> Call:
    by_name = by_method(UMFutures(key, secret, base_url=url), METHODS)

    def call(name: str, params: dict[str, Any]) -> Any:
        if name == "cancel_batch":  # wants both
            params = {"orderIdList": None, "origClientOrderIdList": None, **params}
        return by_name(name, params)

    return call


serve(connect, lambda error: getattr(error, "error_code", None))
