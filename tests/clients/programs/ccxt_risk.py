"""What ccxt makes of a market's risk terms, in its own words: leverage tiers, the filters it kept, a position."""

from typing import Any

import ccxt
from serve import Call, serve


class Risk:
    """A method for each call."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self.api = ccxt.binanceusdm({"apiKey": key, "secret": secret, "options": {"fetchCurrencies": False}})
        old = self.api.urls["api"]
        self.api.urls["api"] = {name: each.replace("https://fapi.binance.com", url) for name, each in old.items()}
        self.api.load_markets()

    def unified(self, symbol: str) -> str:
        return self.api.safe_symbol(symbol, None, None, "swap")

    def filters(self, symbol: str) -> Any:
        return self.api.market(self.unified(symbol))["info"]["filters"]

    def tiers(self, symbol: str) -> Any:
        unified = self.unified(symbol)
        return self.api.fetch_leverage_tiers([unified])[unified]

    def position(self, symbol: str) -> Any:
        (found,) = self.api.fetch_positions([self.unified(symbol)])
        return found


def connect(url: str, key: str, secret: str) -> Call:
    risk = Risk(url, key, secret)
    return lambda name, params: getattr(risk, name)(**params)


serve(connect, lambda error: None)
