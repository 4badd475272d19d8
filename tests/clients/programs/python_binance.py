"""python-binance."""

from typing import Any

from binance.client import Client
from serve import Call, by_method, serve

METHODS = {
    "info": "futures_exchange_info",
    "depth": "futures_order_book",
    "new_order": "futures_create_order",
    "new_batch": "futures_place_batch_order",
    "query_order": "futures_get_order",
    "open_orders": "futures_get_open_orders",
    "all_orders": "futures_get_all_orders",
    "cancel_order": "futures_cancel_order",
    "cancel_all": "futures_cancel_all_open_orders",
    "modify_order": "futures_modify_order",
    "countdown": "futures_countdown_cancel_all",
    "leverage": "futures_change_leverage",
    "balance": "futures_account_balance",
    "account": "futures_account",
    "positions": "futures_position_information",
    "trades": "futures_account_trades",
    "new_algo": "futures_create_order",  # which finds out by the type
    "query_algo": "futures_get_algo_order",
    "open_algos": "futures_get_open_algo_orders",
    "cancel_algo": "futures_cancel_algo_order",
    "cancel_all_algos": "futures_cancel_all_algo_open_orders",
}


def connect(url: str, key: str, secret: str) -> Call:
    client = Client(key, secret, ping=False)  # its ping is for spot
    client.FUTURES_URL = f"{url}/fapi"
    by_name = by_method(client, METHODS)

    def call(name: str, params: dict[str, Any]) -> Any:
        if name == "cancel_batch":
            return client.futures_cancel_orders(**{word.lower(): value for word, value in params.items()})
        return by_name(name, params)

    return call


serve(connect, lambda error: getattr(error, "code", None))
