"""Binance's modular SDK, binance-sdk-derivatives-trading-usds-futures."""

import logging
import re
from typing import Any

from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from serve import Call, serve

METHODS = {
    "info": "exchange_information",
    "depth": "order_book",
    "new_order": "new_order",
    "new_batch": "place_multiple_orders",
    "query_order": "query_order",
    "open_orders": "current_all_open_orders",
    "all_orders": "all_orders",
    "cancel_order": "cancel_order",
    "cancel_batch": "cancel_multiple_orders",
    "cancel_all": "cancel_all_open_orders",
    "modify_order": "modify_order",
    "countdown": "auto_cancel_all_open_orders",
    "leverage": "change_initial_leverage",
    "balance": "futures_account_balance_v3",
    "account": "account_information_v3",
    "positions": "position_information_v3",
    "trades": "account_trade_list",
    "new_algo": "new_algo_order",
    "query_algo": "query_algo_order",
    "open_algos": "current_all_algo_open_orders",
    "cancel_algo": "cancel_algo_order",
    "cancel_all_algos": "cancel_all_algo_open_orders",
}


class Complain(logging.Handler):
    """Newer versions only warn of an answer that does not fit their models: here it is an error."""

    def emit(self, record: logging.LogRecord) -> None:
        raise AssertionError(record.getMessage())


def connect(url: str, key: str, secret: str) -> Call:
    # a POST that took more than its default of one second would be an unknown outcome: a slow machine is no fault
    settings = ConfigurationRestAPI(api_key=key, api_secret=secret, base_path=url, timeout=15_000)
    api = DerivativesTradingUsdsFutures(config_rest_api=settings).rest_api

    def call(name: str, params: dict[str, Any]) -> Any:
        if name in ("query_algo", "cancel_algo"):
            del params["symbol"]  # these are not asked by market
        snake = {re.sub("([A-Z])", r"_\1", word).lower(): value for word, value in params.items()}
        return plain(getattr(api, METHODS[name])(**snake).data())

    return call


def plain(model: Any) -> Any:
    """What a model holds, under the API's names."""
    if isinstance(model, list):
        return [plain(one) for one in model]
    return model.to_dict()


logging.getLogger().addHandler(Complain(logging.WARNING))
serve(connect, lambda error: getattr(error, "status_code", None))
