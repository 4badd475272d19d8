"""Pages of orders and fills from an id on, while orders come, end and move to the archive."""

import random
from collections.abc import Iterator

from tests.http.flow import Flow
from tests.http.futures.caller import Json
from tests.http.futures.order_trader import OrderTrader, wait_archived
from tests.http.futures.trader import list_contract
from tests.http.venue import Venue
from tests.model.seeds import read_seed

ROUND_COUNT = 80


class Traders:
    """Two accounts that trade with each other, one of which also places triggers and cancels."""

    def __init__(self, venue: Venue, seed: int) -> None:
        self.symbol = list_contract(venue, venue.shard_count - 1)
        self.own, self.other = OrderTrader(venue, 0), OrderTrader(venue)
        self.placed: list[int] = []  # own's orders, oldest first
        self.traded: list[int] = []  # own's orders that have filled
        self._random = random.Random(seed)

    def step(self) -> None:
        self._random.choice((self._trade, self._cancel, self._wait))()

    def _trade(self) -> None:
        """Each time the other way round, so that the position comes to nothing again."""
        sides = ("BUY", "SELL") if len(self.traded) % 2 else ("SELL", "BUY")
        order = self.own.place(self.symbol, sides[0], "100", "1")["orderId"]
        self.placed.append(order)
        self.other.place(self.symbol, sides[1], "100", "1")
        self.traded.append(order)

    def _cancel(self) -> None:
        order = self.own.place(self.symbol, "BUY", "90", "1")["orderId"]
        self.placed.append(order)
        self.own.cancel(self.symbol, order)

    def _wait(self) -> None:
        self.placed.append(self.own.stop(self.symbol, "BUY", "900", "1")["orderId"])

    def pages(self, path: str, id_name: str, number: str, limit: int) -> Iterator[Json]:
        """The whole list, a page at a time."""
        first = 0
        while True:
            page = self.own.get(path, symbol=self.symbol, limit=limit, **{id_name: first})
            assert len(page) <= limit
            yield from page
            if len(page) < limit:
                return
            first = page[-1][number] + 1

    def income(self, limit: int, **query: int) -> Iterator[Json]:
        """What the fills cost, a page at a time."""
        page = 1
        while True:
            found = self.own.get("/income", incomeType="COMMISSION", limit=limit, page=page, **query)
            yield from found
            if len(found) < limit:
                return
            page += 1


def test_pages_while_archiving_goes_on(venue: Venue) -> None:
    """What was there before the first page was asked for comes exactly once, oldest first."""
    traders = Traders(venue, read_seed())
    with Flow(traders.step, ROUND_COUNT) as flow:
        for limit in (50, 7, 23, 1_000, 11):
            flow.go_on()
            placed, traded = traders.placed[:], traders.traded[:]
            found = [order["orderId"] for order in traders.pages("/allOrders", "orderId", "orderId", limit)]
            assert found == sorted(set(found)) and found[: len(placed)] == placed
            fills = [fill["orderId"] for fill in traders.pages("/userTrades", "fromId", "id", limit)]
            assert fills[: len(traded)] == traded
            earned = [row["tradeId"] for row in traders.income(limit, startTime=0)]
            assert len(set(earned)) == len(earned) and len(earned) >= len(traded)
            assert {row["tradeId"] for row in traders.income(limit)} >= {*earned[: len(traded)]}
            newest = [order["orderId"] for order in traders.own.get("/allOrders", symbol=traders.symbol, limit=limit)]
            assert newest == sorted(set(newest)) and newest[-1] >= placed[-1]
    wait_archived(venue)
    found = [order["orderId"] for order in traders.pages("/allOrders", "orderId", "orderId", 41)]
    assert found == traders.placed
    assert [fill["orderId"] for fill in traders.pages("/userTrades", "fromId", "id", 41)] == traders.traded
    opened = [order["orderId"] for order in traders.own.get("/openOrders")]
    assert opened == [order["algoId"] for order in traders.own.get("/openAlgoOrders")]
    assert set(opened) <= set(found)
