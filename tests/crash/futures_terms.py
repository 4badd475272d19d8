"""New futures orders of any kind around a price of 100."""

import random
from decimal import Decimal
from typing import Any, Final

from loadtest.futures_money import Prices

Terms = dict[str, Any]

MIDDLE: Final = 1_000  # ticks of 0.1
SPREAD: Final = 8  # ticks from the middle at which orders are placed, at most
PRICES: Final = Prices(Decimal(MIDDLE + SPREAD) / 10, Decimal(2 * SPREAD) / 10)
OTHER: Final = {"BUY": "SELL", "SELL": "BUY"}
_BEYOND: Final = "90000"  # more than any wallet can fund


def make_regular(rnd: random.Random) -> Terms:
    """A limit or market order, some with take-profit and stop-loss; one in a hundred exceeds the wallet."""
    terms: Terms = {"side": rnd.choice(("BUY", "SELL")), "quantity": _quantity(rnd)}
    if rnd.random() < 0.15:
        terms["reduceOnly"] = "true"
    elif rnd.random() < 0.01:
        terms["quantity"] = _BEYOND
    if rnd.random() < 0.1:
        return {**terms, "type": "MARKET", **_children(rnd, terms["side"], MIDDLE)}
    ticks = MIDDLE + rnd.randint(-SPREAD, SPREAD)
    tif = rnd.choice(("GTC", "GTC", "GTC", "GTC", "GTC", "GTC", "GTX", "IOC", "FOK"))
    return {
        **terms,
        "type": "LIMIT",
        "timeInForce": tif,
        "price": price(ticks),
        **_children(rnd, terms["side"], ticks),
    }


def make_trigger(rnd: random.Random) -> Terms:
    """A trigger that may be due soon, or closes the position."""
    kind = rnd.choice(("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"))
    terms: Terms = {"side": rnd.choice(("BUY", "SELL")), "type": kind, **_of_kind(rnd, kind)}
    if kind in ("STOP_MARKET", "TAKE_PROFIT_MARKET") and rnd.random() < 0.2:
        return {**terms, "closePosition": "true"}
    return {**terms, "quantity": _quantity(rnd), "reduceOnly": rnd.choice(("true", "false"))}


def make_attached(rnd: random.Random, parent: int, parent_side: str) -> Terms:
    """A trigger attached to an open order."""
    kind = rnd.choice(("STOP_MARKET", "TAKE_PROFIT_MARKET"))
    return {"side": OTHER[parent_side], "type": kind, "parentOrderId": parent, **_of_kind(rnd, kind)}


def make_change(rnd: random.Random) -> Terms:
    """Another price or quantity."""
    new: Terms = {"price": price(MIDDLE + rnd.randint(-SPREAD, SPREAD)), "quantity": _quantity(rnd)}
    return {name: new[name] for name in rnd.choice((("price",), ("quantity",), ("price", "quantity")))}


def price(ticks: int) -> str:
    """In the form sent."""
    return f"{ticks / 10:.1f}"


def _quantity(rnd: random.Random) -> str:
    return f"{rnd.randint(100, 5_000) / 1_000:.3f}"


def _of_kind(rnd: random.Random, kind: str) -> Terms:
    if kind == "TRAILING_STOP_MARKET":
        return {"callbackRate": rnd.choice(("0.1", "0.35", "1"))}
    terms = {
        "stopPrice": price(MIDDLE + rnd.randint(-SPREAD, SPREAD)),
        "workingType": rnd.choice(("MARK_PRICE", "CONTRACT_PRICE")),
    }
    return terms if kind.endswith("_MARKET") else {**terms, "price": price(MIDDLE + rnd.randint(-SPREAD, SPREAD))}


def _children(rnd: random.Random, side: str, ticks: int) -> Terms:
    """Take-profit, stop-loss, both or neither."""
    if rnd.random() < 0.7:
        return {}
    sign = 1 if side == "BUY" else -1
    both = {
        "takeProfitPrice": price(ticks + sign * rnd.randint(1, SPREAD)),
        "stopLossPrice": price(ticks - sign * rnd.randint(1, SPREAD)),
    }
    return {name: both[name] for name in rnd.choice((("takeProfitPrice",), ("stopLossPrice",), tuple(both)))}
