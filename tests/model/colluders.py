"""Two accounts of one owner, who trades with himself to take out more money than he has put in.

What is looked at: what each account is worth, and what must be left behind its positions, from one moment to the next,
with the marks of the first of them. What a mark has moved since an order was granted is no fault of the order's.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from shards.brackets import RiskTerms, make_brackets
from shards.codec import decode_row
from shards.futures import FuturesMarket
from shards.markets import FuturesTerms, Market, MarketStatus, Product, shard_of_account
from shards.messages import (
    AddMarket,
    AmountReply,
    Cancel,
    CancelAll,
    Command,
    Deposit,
    Modify,
    Place,
    SetLeverage,
    SetMarkPrice,
)
from shards.money import Wallet
from shards.orders import Kind, NewOrder, Order, Side, TimeInForce, Trigger, WatchedPrice
from shards.positions import Margin
from shards.rows import MarginFilled
from tests.model.futures_risk import maintenance
from tests.model.world import World

USDT: Final = 10**6
MARKETS: Final = {1: "BTCUSDT", 2: "SOLUSDT"}
MARK: Final = 50_000  # ticks; a lot at one tick costs 7 units
BAND: Final = 50_000  # millionths
BRACKETS: Final = [
    (40_000 * USDT, 100, 5_000),
    (200_000 * USDT, 50, 10_000),
    (1_000_000 * USDT, 25, 20_000),
    (5_000_000 * USDT, 10, 40_000),
]


def make_market(number: int) -> Market:
    """Without fees."""
    terms = FuturesTerms(10**13, 5 * 10**12, 1, 100, 20, 5_000, BAND, BAND)
    places = 8, 6, 7, 3, 1, 3
    symbol = MARKETS[number]
    risk = RiskTerms(make_brackets(BRACKETS))
    facts = 0, 0, 0, MarketStatus.LISTED, terms, 0, risk
    return Market(number, Product.FUTURES, symbol, symbol[:-4], "USDT", *places, *facts)


class Worth(NamedTuple):
    """What an account is worth, and what must be left behind its positions."""

    equity: int
    maintenance: int

    @property
    def surplus(self) -> int:
        return self.equity - self.maintenance

    @property
    def is_at_risk(self) -> bool:
        """Nothing is where there is no position, and nothing is owed."""
        return self.equity < 0 or self.equity <= self.maintenance > 0


class Owner:
    """One run: what he asks, and what comes of it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.world = World(chance.choice((1, 2, 2, 3, 4)))
        self.poor, self.rich = self.accounts = self._name_accounts()
        self.references = 0
        self.paid_in = 0
        self.moved_risk = False  # a mark, not an order, has brought an account at risk
        self.since: defaultdict[int, list[int]] = defaultdict(list)  # order → marks since before it was granted
        self.lost_then: dict[int, int] = {}  # order → what moves had cost its account before it was granted
        self.lost = dict.fromkeys(self.accounts, 0)  # by moves of marks, of what accounts have beyond what they must
        self.seen: dict[int, tuple[Kind, int, int]] = {}  # what orders were as they were last looked at
        self.rows = [0] * self.world.shard_count
        self.told: list[Command] = []  # all that was asked
        for number in MARKETS:
            self.world.call(AddMarket(make_market(number)))
            self.world.call(SetMarkPrice(number, MARK))
        self._pay(self.poor, 1_000 * USDT)
        self._pay(self.rich, 1_000_000 * USDT)
        for number in MARKETS:
            for account in self.accounts:
                self.world.call(SetLeverage(account, number, chance.choice((20, 50, 50, 100))))
            if chance.random() < 0.7:
                self._enter(number, chance.choice((1, 2, 2, 4)))

    def _enter(self, number: int, share: int) -> None:
        """The poor one has a position, come by honestly."""
        lots = max(1, self._affordable(self.poor, number, MARK) // share)
        side = self.chance.choice((Side.BUY, Side.SELL))
        asked = NewOrder(number, self.poor, side, Kind.LIMIT, TimeInForce.GTC, MARK, lots, 0)
        self.world.call(Place(asked))
        for order in self.orders(self.poor):
            self.world.call(Place(replace(self._answer(order), quantity=lots)))
        self._list_fills()

    def _name_accounts(self) -> tuple[str, str]:
        """At home on two shards, where there are so many."""
        count = self.world.shard_count
        names = [f"owner-{number}" for number in range(50)]
        others = [name for name in names if _home(name, count) != _home(names[0], count)]
        return names[0], (others or names[1:])[0]

    def _pay(self, account: str, amount: int) -> None:
        self.references += 1
        reply = self.world.call(Deposit(account, "USDT", amount, f"r{self.references}", Wallet.FUTURES))
        if isinstance(reply, AmountReply):
            self.paid_in += amount

    # What there is

    def machine(self, number: int) -> FuturesMarket:
        machine = self.world.engine_of(number).markets[number]
        assert isinstance(machine, FuturesMarket)
        return machine

    def marks(self) -> dict[int, int]:
        return {number: self.machine(number).mark_price for number in MARKETS}

    def worth(self, account: str, marks: dict[int, int]) -> Worth:
        margin = self._margin(account)
        equity, needed = margin.wallet, 0
        for number, own in margin.markets.items():
            lot = marks[number] * self.machine(number).market.tick_lot_units
            equity += own.position.amount * lot - own.position.signed_cost()
            needed += maintenance(make_brackets(BRACKETS), abs(own.position.amount) * lot)
        return Worth(equity, needed)

    def _margin(self, account: str) -> Margin:
        return self.world.engines[_home(account, self.world.shard_count)].accounts.margins.get(account)

    def free(self, account: str) -> int:
        return self.world.engines[_home(account, self.world.shard_count)].accounts.margins.free(account)

    def orders(self, account: str) -> list[Order]:
        return [order for number in MARKETS for order in self.machine(number).by_account.get(account, {}).values()]

    # A round

    def go_on(self) -> str:
        """Ask some things at once, or let a mark move; returns what is wrong then, "" if nothing is."""
        chance, marks = self.chance, self.marks()
        before = {account: self.worth(account, marks) for account in self.accounts}
        if chance.random() < 0.12:
            number = chance.choice(list(MARKETS))
            follows = chance.random() < 0.2 and self.machine(number).last_price
            self._tell(SetMarkPrice(number, 0 if follows else self._moved(marks[number])))
        elif chance.random() < 0.1:
            self._take_out(chance.choice(self.accounts))
        else:
            alone = any(not self.machine(number).set_price for number in MARKETS)  # each trade moves a mark
            self._tell(*(self._ask() for _ in range(1 if alone else chance.choice((1, 1, 2, 3)))))
        self._look(marks)
        slack = self._slack(marks)
        for account in self.accounts:
            after, now = self.worth(account, marks), self.worth(account, self.marks())
            allowed = slack[account] + max(0, now.surplus - after.surplus)  # a trade has moved the mark in the midst
            if not before[account].is_at_risk and after.is_at_risk and after.surplus < -allowed:
                return f"{account} was {before[account]} and is {after}, of which {allowed} by moves since"
            self.lost[account] += after.surplus - now.surplus
            self.moved_risk |= now.is_at_risk
        return ""

    def _tell(self, *commands: Command) -> None:
        """All of them at the same moment; shards and links take turns as it comes."""
        world = self.world
        self.told += commands
        for command in commands:
            world.submit(command)
        while any(node.has_work() for node in world.nodes) and self.chance.random() < 0.9:
            node = self.chance.choice(world.nodes)
            world.turn(node.shard, self.chance.choice((1, 100)))
            for other in world.nodes:
                if other is not node and self.chance.random() < 0.5:
                    world.pump(node.shard, other.shard)
        world.drain()

    def _take_out(self, account: str) -> None:
        self._pay(account, -max(1, self.free(account)) if self.chance.random() < 0.9 else 50 * USDT)

    def _moved(self, mark: int) -> int:
        away = self.chance.choice((10, 100, 300, 1_000, 2_500))
        return min(65_000, max(38_000, mark + self.chance.choice((-away, away))))

    # What mark moves are to blame for

    def _look(self, before: dict[int, int]) -> None:
        """Remember the marks since each order was granted: when it came, was changed, or fired."""
        for order in [order for account in self.accounts for order in self.orders(account)]:
            number, now = order.market, (order.kind, order.price, order.quantity)
            if self.seen.get(order.id) != now:
                self.seen[order.id] = now
                self.since[order.id] = [before[number]]
                self.lost_then[order.id] = self.lost[order.account]
            self.since[order.id].append(self.machine(number).mark_price)

    def _list_fills(self) -> Iterator[MarginFilled]:
        """What was booked since it was asked last."""
        found = []
        for node in self.world.nodes:
            rows = [decode_row(body) for body in self.world.stored[node.shard][self.rows[node.shard] :]]
            self.rows[node.shard] += len(rows)
            found += [row for row in rows if isinstance(row, MarginFilled)]
        return iter(found)

    def _slack(self, marks: dict[int, int]) -> dict[str, int]:
        """What moves of marks since the orders that filled were granted are to blame for, and a unit for each fill.

        The mark may be worse for what is filled than it was then; and positions may have lost what an order may lose.
        """
        slack = dict.fromkeys(self.accounts, 0)
        gone = dict(slack)
        fills = list(self._list_fills())
        for filled in fills:
            fill, mark = filled.fill, marks[filled.market]
            sign = 1 if fill.side is Side.BUY else -1
            followed = not self.machine(filled.market).set_price
            traded = [each.fill.price for each in fills if each.market == filled.market and followed]
            moved = max([sign * (since - mark) for since in (*self.since[fill.order], *traded)], default=0)
            unit = self.machine(filled.market).market.tick_lot_units
            slack[filled.account] += max(0, moved) * fill.quantity * unit + 1
            lost = self.lost[filled.account] - self.lost_then.get(fill.order, self.lost[filled.account])
            gone[filled.account] = max(gone[filled.account], lost)
        for account in self.accounts:
            self.lost[account] += slack[account]
        return {account: slack[account] + gone[account] for account in self.accounts}

    # What he asks

    def _ask(self) -> Command:
        """Half the time one account meets what the other has waiting; the poor one goes as far as its money does."""
        chance = self.chance
        waiting = [order for account in self.accounts for order in self.orders(account) if order.kind is Kind.LIMIT]
        if waiting and chance.random() < 0.5:
            return Place(self._answer(chance.choice(waiting)))
        account = self.poor if chance.random() < 0.8 else self.rich
        own = self.orders(account)
        kind = chance.random()
        if own and kind < 0.1:
            order = chance.choice(own)
            return Cancel(order.id, account) if chance.random() < 0.8 else CancelAll(account, order.market)
        if own and kind < 0.2:
            order = chance.choice(own)
            lots = chance.choice((order.quantity, order.quantity // 2 + 1, 2 * order.quantity))
            return Modify(order.id, account, self._price(order.market, order.side), order.filled + lots)
        if kind < 0.23:
            return SetLeverage(account, chance.choice(list(MARKETS)), chance.choice((10, 20, 25, 50, 100)))
        return Place(self._order(account))

    def _answer(self, order: Order) -> NewOrder:
        """What fills an order of the other account, or a part of it."""
        account = self.rich if order.account == self.poor else self.poor
        side = Side.SELL if order.side is Side.BUY else Side.BUY
        left = order.quantity - order.filled
        tif = self.chance.choice((TimeInForce.GTC, TimeInForce.IOC))
        lots = self.chance.choice((left, left, left // 2 + 1))
        return NewOrder(order.market, account, side, Kind.LIMIT, tif, order.price, lots, 0)

    def _order(self, account: str) -> NewOrder:
        chance, number = self.chance, self.chance.choice(list(MARKETS))
        size = self.machine(number).positions[account]
        reduces = bool(size) and chance.random() < 0.6
        if reduces:
            side, lots = (Side.SELL if size > 0 else Side.BUY), max(1, abs(size) * chance.choice((1, 2, 3, 4, 4)) // 4)
            price = self._price(number, side, self._spent(account, lots))
        else:
            side = chance.choice((Side.BUY, Side.SELL))
            price = self._price(number, side)
            lots = self._affordable(account, number, price)
        tif = chance.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC))
        new = NewOrder(number, account, side, Kind.LIMIT, tif, price, lots, 0, reduce_only=reduces)
        way = chance.random()
        if way < 0.1:
            return replace(new, kind=Kind.MARKET, price=0, tif=TimeInForce.GTC)
        if way < 0.2:
            kind = chance.choice((Kind.STOP, Kind.STOP_MARKET, Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_MARKET))
            priced = kind in (Kind.STOP, Kind.TAKE_PROFIT)
            trigger = Trigger(kind, self._moved(self.marks()[number]), chance.choice(list(WatchedPrice)))
            return replace(new, kind=kind, price=price if priced else 0, tif=TimeInForce.GTC, trigger=trigger)
        return new

    def _price(self, number: int, side: Side, away: int = 0) -> int:
        """Mostly as bad as it may be, or by so much: that is where there is something to gain."""
        mark = self.machine(number).mark_price
        bounds = (0, 0, 4_999, 5_000, 5_001, 10_000, 30_000, 49_999, 50_000)
        some = mark * self.chance.choice(bounds) // 1_000_000
        away = min(away, mark * BAND // 1_000_000) if away and self.chance.random() < 0.6 else some
        return mark + (away if (side is Side.BUY) == (self.chance.random() < 0.9) else -away)

    def _spent(self, account: str, lots: int) -> int:
        """Ticks by which so many lots lose all that the account is worth, or half of it, or all but a little."""
        equity = self.worth(account, self.marks()).equity
        return max(0, equity * self.chance.choice((8, 8, 4, 7)) // 8 // (lots * 7))

    def _affordable(self, account: str, number: int, price: int) -> int:
        """Lots that all that is free pays for, or a part of it: margin, and what is lost at once."""
        margin = self._margin(account).in_market(number)
        needed = price * 7 // (margin.leverage or 20) + abs(price - self.machine(number).mark_price) * 7
        return max(1, self.free(account) // (needed + 1) // self.chance.choice((1, 1, 1, 2, 4)))


def _home(account: str, shard_count: int) -> int:
    return shard_of_account(account, shard_count)
