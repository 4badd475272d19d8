"""A shard and the archive answer every query about the same rows alike, so that their answers can be merged."""

import random
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from shards.archive.service import History
from shards.engine.engine import MAILBOX, Engine
from shards.engine.queries import answer
from shards.model.accounting import IncomeKind, Wallet
from shards.model.commands import AddMarket
from shards.model.events import Event, MarketChanged, OrderEnded, Traded
from shards.model.markets import Product
from shards.model.orders import Kind, Side, Status, Trigger, WatchedPrice
from shards.model.queries import GetOrderByClientId, ListFills, ListIncome, ListOrders, ListTrades, Query
from shards.model.replies import FillsReply, IncomeReply, OrderReply, OrdersReply, TradesReply
from tests.unit.archive.samples import (
    BTC_FUTURES,
    BTCUSDT,
    DFUSDT,
    NOON_MS,
    make_fill,
    make_move,
    make_order,
    make_trade,
    number_rows,
)

ETH_FUTURES = replace(BTC_FUTURES, number=4, symbol="ETHUSDT", base="ETH")
MARKETS = [DFUSDT, BTCUSDT, BTC_FUTURES, ETH_FUTURES]
FUTURES = [BTC_FUTURES.number, ETH_FUTURES.number]
ACCOUNTS = ["alice", "bob", "carol"]
SPAN_MS = 20  # all rows are of so few moments that many fall together
ROW_COUNT = 300


class Sample:
    """Random rows, and random queries about them."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        kinds: list[Callable[[int], Event]] = [self._order, self._trade, self._fill, self._move]
        self.rows = [chance.choice(kinds)(sequence) for sequence in range(1, ROW_COUNT)]

    def _time(self) -> int:
        return NOON_MS + self.chance.randrange(SPAN_MS)

    def _order(self, sequence: int) -> OrderEnded:
        market = self.chance.choice(MARKETS)
        trigger = Trigger(Kind.STOP_MARKET, 600_000, WatchedPrice.MARK) if self.chance.random() < 0.3 else None
        order = make_order(
            sequence,
            market=market.number,
            account=self.chance.choice(ACCOUNTS),
            client_id=self.chance.choice(["", "a", "b"]),
            status=self.chance.choice([Status.FILLED, Status.CANCELED, Status.EXPIRED]),
            created_ms=self._time(),
            trigger=trigger if market.product is Product.FUTURES else None,
        )
        return OrderEnded(order)

    def _trade(self, sequence: int) -> Traded:
        maker, taker = self.chance.sample(ACCOUNTS, 2)
        trade = make_trade(
            sequence,
            market=self.chance.choice(MARKETS).number,
            maker_account=maker,
            taker_account=taker,
            maker_order=self.chance.randrange(1, 5),
            taker_order=self.chance.randrange(1, 5),
            time_ms=self._time(),
        )
        return Traded(trade)

    def _fill(self, sequence: int) -> Event:
        return make_fill(
            sequence,
            market=self.chance.choice(FUTURES),
            account=self.chance.choice(ACCOUNTS),
            order=self.chance.randrange(1, 5),
            side=self.chance.choice(list(Side)),
            fee=self.chance.choice([0, 7]),
            profit=self.chance.choice([0, 5, -5]),
            maker=self.chance.random() < 0.5,
            time_ms=self._time(),
        )

    def _move(self, sequence: int) -> Event:
        return make_move(
            sequence,
            account=self.chance.choice(ACCOUNTS),
            wallet=self.chance.choice(list(Wallet)),
            amount=self.chance.choice([8, -8]),
            time_ms=self._time(),
        )

    def _some(self, **choices: Any) -> dict[str, Any]:
        """Some of the choices: a value of each."""
        return {name: self.chance.choice(values) for name, values in choices.items() if self.chance.random() < 0.4}

    def query(self) -> Query:
        """Any query about an account, bounded in any way."""
        account = self.chance.choice([*ACCOUNTS, "nobody"])
        limit = self.chance.choice([1, 7, ROW_COUNT])
        markets = [market.number for market in MARKETS]
        times = self._some(
            start_ms=range(NOON_MS, NOON_MS + SPAN_MS // 2), end_ms=range(NOON_MS + SPAN_MS // 2, NOON_MS + SPAN_MS)
        )
        before = self._some(before_ms=range(NOON_MS, NOON_MS + SPAN_MS))
        if before:
            before["before_id"] = self._number()
        match self.chance.randrange(5):
            case 0:
                market = self.chance.choice([0, *markets])
                return GetOrderByClientId(market, account, self.chance.choice("abc"), self.chance.random() < 0.5)
            case 1:
                status, products = list(Status), list(Product)
                chosen = self._some(market=markets, product=products, status=status, triggers=[True])
                return ListOrders(account, limit, **times, **before, **chosen, **self._from(oldest_first=[True]))
            case 2:
                chosen = self._some(market=markets, product=list(Product), order=range(1, 5))
                return ListTrades(account, limit, **times, **before, **chosen)
            case 3:
                chosen = self._some(market=markets, order=range(1, 5))
                return ListFills(account, limit, **times, **chosen, **self._from(oldest_first=[True]))
            case _:
                chosen = self._some(market=markets, kind=list(IncomeKind), oldest_first=[True])
                return ListIncome(account, limit, **times, **chosen)

    def _from(self, **choices: Any) -> dict[str, Any]:
        chosen = self._some(**choices)
        return {**chosen, "from_id": self._number()} if self.chance.random() < 0.4 else chosen

    def _number(self) -> int:
        return (self.chance.choice(MARKETS).number << 40) + self.chance.randrange(ROW_COUNT)


def test_a_shard_and_the_archive_answer_alike(history: History) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    sample = Sample(random.Random(seed))
    engine = Engine(0, 1)
    for sequence, market in enumerate(MARKETS, 1):
        engine.apply(sequence, NOON_MS, MAILBOX, 0, AddMarket(market))
    first = len(MARKETS) + 1
    for number, row in enumerate(sample.rows, first):
        engine.unarchived.add(number, row)
    history.store({0: number_rows([MarketChanged(market, NOON_MS) for market in MARKETS])})
    history.store({0: number_rows(sample.rows, first)})

    found = 0
    for _ in range(500):
        query = sample.query()
        reply = history.answer(query)
        assert reply == answer(engine, query), query
        found += _is_something(reply)
    assert found > 100


def _is_something(reply: object) -> bool:
    match reply:
        case OrderReply():
            return True
        case OrdersReply(found) | TradesReply(found) | FillsReply(found) | IncomeReply(found):
            return bool(found)
        case _:
            return False
