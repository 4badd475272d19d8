"""Everybody places, changes and cancels at the same time, and in the end all adds up."""

import random
from decimal import Decimal
from functools import partial

from tests.http.futures.actor import Actor
from tests.http.futures.caller import Json
from tests.http.futures.trader import list_contract
from tests.http.venue import Venue, at_once
from tests.model.seeds import read_seed

REFUSED = ("400 -2010", "400 -2013", "400 -2019", "400 -2021", "400 -2022", "400 -5022", "400 -5027")


class Crowd:
    """Six actors of all shards on markets of all shards."""

    def __init__(self, venue: Venue, seed: int) -> None:
        self.seed = seed
        self.symbols = [list_contract(venue, shard) for shard in venue.shards]
        self.actors = [Actor(venue, number % venue.shard_count, "1000") for number in range(6)]

    def act(self, number: int) -> None:
        """One actor's part."""
        rnd, actor = random.Random(self.seed + number), self.actors[number]
        mine: list[Json] = []
        for _ in range(40):
            symbol = rnd.choice(self.symbols)
            placed = actor.call("POST", "/v1/order", **make_terms(rnd, symbol))
            assert placed.brief() in ("200", *REFUSED)
            mine += [placed.json] if placed.status == 200 else []
            if mine and rnd.random() < 0.2:
                order = rnd.choice(mine)
                price = "stopPrice" if order["type"] == "STOP_MARKET" else "price"
                changed = actor.modify(order["symbol"], order["orderId"], **{price: make_price(rnd)}).brief()
                assert changed in ("200", "400 -5025", *REFUSED)  # it may have fired and be asking for its margin
            if mine and rnd.random() < 0.2:
                order = mine.pop()
                told = actor.call("DELETE", "/v1/order", symbol=order["symbol"], orderId=order["orderId"]).brief()
                assert told in ("200", "400 -2011", "400 -2030", "400 -2031", "400 -2032")
            if rnd.random() < 0.05:
                actor.cancel_all(symbol)


def make_price(rnd: random.Random) -> str:
    return str(rnd.randint(98, 102))


def make_terms(rnd: random.Random, symbol: str) -> dict[str, str]:
    terms = {"symbol": symbol, "side": rnd.choice(("BUY", "SELL")), "quantity": "0.75"}
    if rnd.random() < 0.2:
        return {**terms, "type": "STOP_MARKET", "stopPrice": make_price(rnd)}
    if rnd.random() < 0.2:
        return {**terms, "type": "MARKET", "reduceOnly": rnd.choice(("true", "false"))}
    return {**terms, "type": "LIMIT", "price": make_price(rnd), "timeInForce": rnd.choice(("GTC", "GTC", "GTX"))}


def test_everybody_at_once(venue: Venue) -> None:
    """In the end positions come to nothing, and wallets, profits and fees to what was paid in, to the unit."""
    crowd = Crowd(venue, read_seed())
    at_once([partial(crowd.act, number) for number in range(len(crowd.actors))])
    for actor in crowd.actors:
        for symbol in crowd.symbols:
            actor.cancel_all(symbol)
        assert actor.get("/openOrders") == []
    equity, fees, amounts = Decimal(0), Decimal(0), dict.fromkeys(crowd.symbols, Decimal(0))
    for actor in crowd.actors:
        account = actor.account()
        assert account["totalOpenOrderInitialMargin"] == "0"
        fills = [fill for symbol in crowd.symbols for fill in actor.get("/userTrades", symbol=symbol, limit=1_000)]
        paid = sum((Decimal(fill["commission"]) for fill in fills), Decimal(0))
        profit = sum((Decimal(fill["realizedPnl"]) for fill in fills), Decimal(0))
        assert Decimal(account["totalWalletBalance"]) == 1_000 + profit - paid
        for row in account["positions"]:
            amounts[row["symbol"]] += Decimal(row["positionAmt"])
        equity += Decimal(account["totalMarginBalance"])
        fees += paid
    assert set(amounts.values()) == {0}
    assert fees > 0 and equity + fees == 1_000 * len(crowd.actors)
