"""The markets of the exchange under load, from its public API."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

import requests

ANSWER_S: Final = 15.0
STEP: Final = Decimal("0.0005")  # of the price: distance between two prices at which users place, at least a tick
WORTH: Final = (2, 20)  # range of an order's notional, in minimum notionals
_MIDDLES: Final = {"BTC": "47600", "ETH": "2500", "DF": "0.5"}  # around which users place before the first trade
_MIDDLE: Final = "100"


class Market(NamedTuple):
    """A market, and the price around which its users trade."""

    product: str
    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_notional: Decimal
    middle: Decimal
    maker_bps: int = 0  # not published for futures
    taker_bps: int = 0

    def price(self, steps: int) -> Decimal:
        """The price ``steps`` above the middle, rounded to a tick."""
        step = max(self.tick, (self.middle * STEP // self.tick) * self.tick)
        return (self.middle // self.tick) * self.tick + steps * step

    def quantity(self, rnd: random.Random, price: Decimal) -> Decimal:
        """Whole lots, worth more than the minimum notional at that price."""
        worth = self.min_notional * rnd.randint(*WORTH)
        return (worth / price // self.lot + 1) * self.lot


def read_markets(url: str) -> list[Market]:
    """Every listed market of both products. Raises requests.RequestException."""
    return [*_spot(url), *_futures(url)]


def _spot(url: str) -> Iterator[Market]:
    last = {row["symbol"]: row["last_price"] for row in ask(url, "/api/v1/spot/ticker/24hr")}
    for row in ask(url, "/api/v1/spot/markets"):
        if row["status"] == "listed":
            base = row["base_token"]
            yield Market(
                "spot",
                row["id"],
                base,
                row["quote_token"],
                Decimal(row["tick_size"]),
                Decimal(row["lot_size"]),
                Decimal(row["min_notional"]),
                _middle(last.get(row["id"]), base),
                row["maker_fee_bps"],
                row["taker_fee_bps"],
            )


def _futures(url: str) -> Iterator[Market]:
    marks = {row["symbol"]: row["markPrice"] for row in ask(url, "/fapi/v1/premiumIndex")}
    for row in ask(url, "/fapi/v1/exchangeInfo")["symbols"]:
        if row["status"] == "TRADING":
            filters = {each["filterType"]: each for each in row["filters"]}
            yield Market(
                "futures",
                row["symbol"],
                row["baseAsset"],
                row["quoteAsset"],
                Decimal(filters["PRICE_FILTER"]["tickSize"]),
                Decimal(filters["LOT_SIZE"]["stepSize"]),
                Decimal(filters["MIN_NOTIONAL"]["notional"]),
                _middle(marks.get(row["symbol"]), row["baseAsset"]),
            )


def _middle(price_text: str | None, base: str) -> Decimal:
    price = Decimal(price_text or 0)
    return price or Decimal(_MIDDLES.get(base, _MIDDLE))


def ask(url: str, path: str) -> Any:
    """The decoded body of a public call. Raises requests.RequestException."""
    response = requests.get(url + path, timeout=ANSWER_S)
    response.raise_for_status()
    return response.json()
