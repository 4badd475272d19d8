"""Two accounts of one owner, who trades with himself to withdraw more than he has deposited.

Mark prices and brackets change meanwhile, shards die and recover, and a market may have no mark price or no risk terms
at first.
"""

import random
from typing import Final

from msgspec.structs import replace

from shards.model.accounting import Wallet
from shards.model.brackets import RiskChange, RiskTerms, make_brackets
from shards.model.commands import (
    AddMarket,
    Cancel,
    CancelAll,
    Command,
    Deposit,
    Modify,
    Place,
    SetLeverage,
    SetMarkPrice,
    SetRisk,
)
from shards.model.markets import FuturesTerms, Market, MarketStatus, Product, shard_of_account
from shards.model.orders import Kind, NewOrder, Order, Side, TimeInForce, Trigger, WatchedPrice
from shards.model.positions import MarketMargin
from shards.model.replies import AmountReply
from tests.model.world import World
from tests.model.worth import Watch

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
RISKS: Final = [  # with the maximum band (millionths) in which a fill's margin covers the maintenance margin
    (500_000, RiskTerms(make_brackets(BRACKETS))),
    (200_000, RiskTerms(make_brackets([(200_000 * USDT, 20, 40_000), (5_000_000 * USDT, 10, 60_000)]))),
    (50_000, RiskTerms(make_brackets([(100_000 * USDT, 75, 12_000), (5_000_000 * USDT, 20, 45_000)]))),
]


def make_market(number: int, band: int = BAND) -> Market:
    """Without fees."""
    terms = FuturesTerms(10**13, 5 * 10**12, 1, 100, 20, 5_000, BAND, band)
    steps = 8, 6, 7, 3, 1, 3
    symbol = MARKETS[number]
    risk = RISKS[0][1]
    facts = 0, 0, 0, MarketStatus.LISTED, terms, 0, risk
    return Market(number, Product.FUTURES, symbol, symbol[:-4], "USDT", *steps, *facts)


class Owner:
    """One run: his commands and their results."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.world = World(chance.choice((1, 2, 2, 3, 4)))
        self.poor, self.rich = self.accounts = self._name_accounts()
        self.references = 0
        self.paid_in = 0
        self.watch = Watch(self.world, self.accounts, MARKETS)
        self.told: list[Command] = []  # all commands sent
        self.band = chance.choice((50_000, 50_000, 200_000, 400_000))
        for number in MARKETS:
            market, before = make_market(number, self.band), chance.random()
            self.world.call(AddMarket(replace(market, risk=None) if before < 0.1 else market))
            if before < 0.8:
                self.world.call(SetMarkPrice(number, MARK))
        self._tell(self._payment(self.poor, 1_000 * USDT), self._payment(self.rich, 1_000_000 * USDT))
        for number in MARKETS:
            for account in self.accounts:
                self.world.call(SetLeverage(account, number, chance.choice((20, 50, 50, 100))))
            if chance.random() < 0.7 and self.watch.marks()[number]:
                self._enter(number, chance.choice((1, 2, 2, 4)))

    def _enter(self, number: int, share: int) -> None:
        """The poor account gets a position by ordinary trading."""
        lots = max(1, self._affordable(self.poor, number, MARK) // share)
        side = self.chance.choice((Side.BUY, Side.SELL))
        requested = NewOrder(number, self.poor, side, Kind.LIMIT, TimeInForce.GTC, MARK, lots, 0)
        self.world.call(Place(requested))
        for order in self.watch.orders(self.poor):
            self.world.call(Place(replace(self._answer(order), quantity=lots)))
        self.watch.list_fills()

    def _name_accounts(self) -> tuple[str, str]:
        """Kept on two shards, if there are that many."""
        count = self.world.shard_count
        names = [f"owner-{number}" for number in range(50)]
        others = [name for name in names if _account_shard(name, count) != _account_shard(names[0], count)]
        return names[0], (others or names[1:])[0]

    def _payment(self, account: str, amount: int) -> Deposit:
        self.references += 1
        return Deposit(account, "USDT", amount, f"r{self.references}", Wallet.FUTURES)

    # A round

    def go_on(self) -> str:
        """Send some commands at once, or change a mark price or brackets; returns the finding, "" if none."""
        commands = self._choose()
        self.watch.begin({each.market: each.change.brackets for each in commands if isinstance(each, SetRisk)})
        self._tell(*commands)
        return self.watch.end()

    def _choose(self) -> list[Command]:
        chance, number = self.chance, self.chance.choice(list(MARKETS))
        kind = chance.random()
        if kind < 0.12:
            follows = chance.random() < 0.2 and self.watch.machine(number).margin.last_price
            return [SetMarkPrice(number, 0 if follows else self._moved(number))]
        if kind < 0.2:
            account = chance.choice(self.accounts)
            return [self._payment(account, -max(1, self.watch.free(account)) if chance.random() < 0.9 else 50 * USDT)]
        alone = any(not self.watch.machine(number).margin.set_price for number in MARKETS)  # trades move a mark
        requested = [self._ask() for _ in range(1 if alone else chance.choice((1, 1, 2, 3)))]
        if kind < 0.24:
            brackets = chance.choice([terms.brackets for most, terms in RISKS if self.band <= most])
            requested.append(SetRisk(number, RiskChange(brackets)))
        return requested

    def _tell(self, *commands: Command) -> None:
        """Send all of them at once; shards and links run in random order, and may die."""
        world, chance = self.world, self.chance
        self.told += commands
        calls = [world.submit(command) for command in commands]
        while any(node.has_work() for node in world.nodes) and chance.random() < 0.9:
            node = chance.choice(world.nodes)
            world.turn(node.shard, chance.choice((1, 100)))
            for other in world.nodes:
                if other is not node and chance.random() < 0.5:
                    world.pump(node.shard, other.shard)
            if chance.random() < 0.01:
                world.take_snapshot(node.shard)
            if chance.random() < 0.01:
                world.restart(node.shard, from_snapshot=chance.random() < 0.8)
        world.drain()
        for call in calls:
            if isinstance(call.message, Deposit):
                told = call.reply if isinstance(call.reply, AmountReply) else world.call(call.message)  # possibly lost
                self.paid_in += call.message.amount if isinstance(told, AmountReply) else 0

    def _moved(self, number: int) -> int:
        """A price near the mark price, if there is one."""
        away = self.chance.choice((10, 100, 300, 1_000, 2_500))
        mark = self.watch.machine(number).margin.mark_price or MARK
        return min(65_000, max(38_000, mark + self.chance.choice((-away, away))))

    # His commands

    def _ask(self) -> Command:
        """Half the time one account trades with an open order of the other; the poor one uses all its funds."""
        chance = self.chance
        waiting = [
            order for account in self.accounts for order in self.watch.orders(account) if order.kind is Kind.LIMIT
        ]
        if waiting and chance.random() < 0.5:
            return Place(self._answer(chance.choice(waiting)))
        account = self.poor if chance.random() < 0.8 else self.rich
        own = self.watch.orders(account)
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
        """An order that fills one of the other account, or a part of it."""
        account = self.rich if order.account == self.poor else self.poor
        side = Side.SELL if order.side is Side.BUY else Side.BUY
        left = order.quantity - order.filled
        tif = self.chance.choice((TimeInForce.GTC, TimeInForce.IOC))
        lots = self.chance.choice((left, left, left // 2 + 1))
        return NewOrder(order.market, account, side, Kind.LIMIT, tif, order.price, lots, 0)

    def _order(self, account: str) -> NewOrder:
        chance, number = self.chance, self.chance.choice(list(MARKETS))
        size = self.watch.machine(number).positions[account]
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
            trigger = Trigger(kind, self._moved(number), chance.choice(list(WatchedPrice)))
            return replace(new, kind=kind, price=price if priced else 0, tif=TimeInForce.GTC, trigger=trigger)
        return new

    def _price(self, number: int, side: Side, away: int = 0) -> int:
        """Mostly at the edge of what is allowed, or ``away`` ticks: where there is something to gain."""
        mark = self.watch.machine(number).margin.mark_price
        if not mark:
            return MARK * self.chance.choice((25, 40, 47, 50, 50, 53, 60, 100)) // 50
        least = self.watch.machine(number).market.brackets[0].ratio if self.watch.brackets()[number] else 5_000
        bounds = (0, 0, 100, least - 1, least, least + 1, 10_000, 30_000, 49_999, 50_000, self.band)
        some = mark * self.chance.choice(bounds) // 1_000_000
        away = min(away, mark * self.band // 1_000_000) if away and self.chance.random() < 0.6 else some
        return mark + (away if (side is Side.BUY) == (self.chance.random() < 0.9) else -away)

    def _spent(self, account: str, lots: int) -> int:
        """Ticks at which so many lots lose the account's entire equity, half of it, or nearly all."""
        equity = self.watch.worth(account).equity
        return max(0, equity * self.chance.choice((8, 8, 4, 7)) // 8 // (lots * 7))

    def _affordable(self, account: str, number: int, price: int) -> int:
        """Lots affordable with all free funds, or a part of them: margin and immediate loss."""
        margin = self.watch.margin(account).markets.get(number) or MarketMargin()
        mark = self.watch.machine(number).margin.mark_price
        if not mark and self.chance.random() < 0.3:
            return 1  # the next one will be the first to trade, and is not sufficiently funded
        needed = price * 7 // (margin.leverage or 20) + (abs(price - mark) * 7 if mark else 0)
        return max(1, self.watch.free(account) // (needed + 1) // self.chance.choice((1, 1, 1, 2, 4)))


def _account_shard(account: str, shard_count: int) -> int:
    return shard_of_account(account, shard_count)
