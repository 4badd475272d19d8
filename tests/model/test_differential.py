"""The engine against the naive reference: every reply, every balance, every depth, over long random histories."""

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import pytest

from shards.model.commands import (
    AddMarket,
    Cancel,
    CancelAll,
    CancelByClientId,
    Command,
    Deposit,
    Place,
    SetMarketStatus,
)
from shards.model.markets import MarketStatus
from shards.model.orders import Kind, NewOrder, Order, Side, TimeInForce
from shards.model.queries import GetBalances, GetDepth, GetOrder, Query
from shards.model.replies import DepthReply, OrderReply, OrdersReply, Rejected, Reply
from tests.model.reference import Reference
from tests.model.seeds import read_count, read_seed
from tests.model.world import World, make_market

OPEN_COUNT_MAX = 120  # the reference sorts all of them for every order
CHECK_EVERY = 1_000
SYMBOLS = ("DFUSDT", "ETHUSDT", "BTCUSDT")


class Profile(NamedTuple):
    """What kind of day it is. Weights are relative."""

    shard_count: int
    accounts: int
    low: int  # lowest bid
    high: int  # highest ask
    overlap: int  # bids and asks share so many ticks around the middle
    place: int
    cancel: int
    cancel_all: int
    market_share: float  # of new orders
    client_ids: float  # share of orders that have one
    maker_bps: int
    taker_bps: int


PROFILES = {
    "quiet": Profile(1, 8, 400, 600, 4, 55, 30, 1, 0.02, 0.3, 0, 0),
    "crossing": Profile(2, 8, 480, 520, 40, 80, 10, 1, 0.05, 0.2, 7, 13),
    "cancel_heavy": Profile(3, 6, 450, 550, 10, 45, 60, 6, 0.02, 0.6, 3, 3),
    "market_orders": Profile(1, 8, 490, 510, 6, 80, 8, 1, 0.5, 0.2, 10, 25),
    "many_accounts_few_prices": Profile(4, 200, 499, 501, 3, 80, 10, 1, 0.05, 0.2, 1, 999),
}


class Traders:
    """Makes the next message; remembers what it has been told, so that it can come back to it."""

    def __init__(self, profile: Profile, chance: random.Random, open_orders: Mapping[int, list[Order]]) -> None:
        self.profile = profile
        self.open = open_orders  # per market
        self.chance = chance
        self.accounts = [f"trader-{number}" for number in range(profile.accounts)]
        self.known: deque[Order] = deque(maxlen=60)
        self.placed: deque[Place] = deque(maxlen=20)
        self.deposits: deque[Deposit] = deque(maxlen=20)
        self.now_ms = 0
        self.next_market = 0
        self.listed: list[int] = []
        self.halted = 0
        self.assets: list[str] = []
        self._makers: list[tuple[Callable[[], Command | Query], int]] = [
            (self.place, profile.place),
            (self.place_again, 3),
            (self.cancel, profile.cancel),
            (self.cancel_by_client_id, profile.cancel // 3),
            (self.cancel_all, profile.cancel_all),
            (self.get_order, 3),
            (self.deposit, 4),
        ]

    def opening(self) -> Iterator[Command]:
        """What happens before the first order."""
        yield from (self.add_market(symbol) for symbol in SYMBOLS[: self.profile.shard_count])
        for account in self.accounts:
            for asset in self.assets:
                amount = 10_000_000 if asset == "USDT" else 10**10  # small enough to run out at times
                yield Deposit(account, asset, amount * self.chance.randint(1, 9), "opening-" + asset)

    def add_market(self, symbol: str) -> AddMarket:
        self.next_market += 1
        self.listed.append(self.next_market)
        self.assets = sorted({*self.assets, symbol[:-4], "USDT"})
        market = make_market(self.next_market, symbol)
        fees = {"maker_fee_bps": self.profile.maker_bps, "taker_fee_bps": self.profile.taker_bps}
        return AddMarket(make_market(market.number, symbol, **fees))

    def next(self) -> Command | Query:
        self.now_ms += self.chance.choice((0, 0, 1, 40))
        if self.chance.random() < (0.05 if self.halted else 0.0005):
            return self.operate()
        if sum(map(len, self.open.values())) > OPEN_COUNT_MAX:
            return self.cancel()
        makers, weights = zip(*self._makers, strict=True)
        make: Callable[[], Command | Query] = self.chance.choices(makers, weights)[0]
        return make()

    def operate(self) -> Command:
        """Most halts are short; now and then a market ends and another takes its place."""
        market = self.halted or self.chance.choice(self.listed)
        if self.chance.random() < 0.05:
            return SetMarketStatus(market, MarketStatus.DELISTED)
        self.halted = 0 if self.halted else market
        return SetMarketStatus(market, MarketStatus.HALTED if self.halted else MarketStatus.LISTED)

    def place(self) -> Place:
        chance, profile = self.chance, self.profile
        side = chance.choice((Side.BUY, Side.SELL))
        middle = (profile.low + profile.high) // 2
        reach = profile.overlap // 2
        price = chance.randint(profile.low, middle + reach)
        if side is Side.SELL:
            price = chance.randint(middle - reach, profile.high)
        kind, tif = Kind.LIMIT, chance.choices((TimeInForce.GTC, TimeInForce.IOC, TimeInForce.POST_ONLY), (6, 1, 1))[0]
        quantity, quote_quantity = chance.choice((1, 2, 3, 10, chance.randint(1, 100))), 0
        if chance.random() < profile.market_share:
            kind, tif, price = Kind.MARKET, TimeInForce.IOC, 0
            if side is Side.BUY:
                quantity, quote_quantity = 0, chance.choice((999, 480_000, chance.randint(1, 40_000_000)))
        client_id = f"c{chance.randint(1, 12)}" if chance.random() < profile.client_ids else ""
        signed_ms = self.now_ms - chance.randint(0, 3) if chance.random() < 0.5 else 0
        market = chance.choice(self.listed)
        account = chance.choice(self.accounts)
        place = Place(NewOrder(market, account, side, kind, tif, price, quantity, quote_quantity, client_id, signed_ms))
        self.placed.append(place)
        return place

    def place_again(self) -> Place:
        """Word for word what was sent before, within the time window of signed requests."""
        recent = [place for place in self.placed if self.now_ms - place.order.signed_ms < 5_000]
        return self.chance.choice(recent) if recent else self.place()

    def cancel(self) -> Command:
        rest = self.open[self.chance.choice(self.listed)]
        if not rest and not self.known:
            return self.cancel_all()
        order = self.chance.choice(rest if rest and self.chance.random() < 0.7 else self.known or rest)
        account = order.account if self.chance.random() < 0.97 else self.chance.choice(self.accounts)
        number = order.id if self.chance.random() < 0.98 else order.id + self.chance.randint(1, 10**6)
        return Cancel(number, account)

    def cancel_by_client_id(self) -> CancelByClientId:
        client_id = f"c{self.chance.randint(1, 12)}"
        return CancelByClientId(self.chance.choice(self.listed), self.chance.choice(self.accounts), client_id)

    def cancel_all(self) -> CancelAll:
        return CancelAll(self.chance.choice(self.accounts), self.chance.choice(self.listed))

    def get_order(self) -> Query:
        return GetOrder(self.chance.choice(self.known).id if self.known else 1)

    def deposit(self) -> Deposit:
        if self.deposits and self.chance.random() < 0.2:
            again = self.chance.choice(self.deposits)
            changed = self.chance.random() < 0.3
            return Deposit(again.account, again.asset, again.amount + changed, again.reference)
        asset = self.chance.choice(self.assets)
        amount = self.chance.choice((1, -1, -1)) * self.chance.randint(1, 10**7 if asset == "USDT" else 10**10)
        deposit = Deposit(self.chance.choice(self.accounts), asset, amount, f"r{self.chance.randint(1, 10**9)}")
        self.deposits.append(deposit)
        return deposit

    def hear(self, reply: Reply) -> None:
        if isinstance(reply, OrderReply) or (isinstance(reply, Rejected) and reply.order):
            assert reply.order is not None
            self.known.append(reply.order)


def compare(world: World, reference: Reference, message: Command | Query) -> Reply:
    expected = reference.apply(message, world.now_ms)
    reply = world.call(message)
    orders: list[Order | None] = list(reply.orders) if isinstance(reply, OrdersReply) else []
    if isinstance(reply, OrderReply | Rejected):
        orders = [reply.order]
    for order in orders:
        if order is not None:
            order.request = 0  # the journal's sequence, which the reference does not have
    if isinstance(reply, DepthReply):
        reply.update_id = 0
    assert reply == expected, f"{message}\nengine:    {reply}\nreference: {expected}"
    return reply


def compare_all(world: World, reference: Reference, traders: Traders) -> None:
    for account in traders.accounts:
        compare(world, reference, GetBalances(account))
    for market in range(1, traders.next_market + 1):
        compare(world, reference, GetDepth(market, 1_000))


@pytest.mark.parametrize("name", PROFILES)
def test_engine_and_reference_never_differ(name: str) -> None:
    seed = read_seed()
    profile = PROFILES[name]
    world, reference = World(profile.shard_count), Reference()
    traders = Traders(profile, random.Random(seed), reference.open)
    world.archiving = False
    traders.now_ms = world.now_ms
    for command in traders.opening():
        compare(world, reference, command)
    for count in range(1, read_count("SHARDEX_TEST_COMMANDS", 15_000) + 1):
        message = traders.next()
        world.now_ms = traders.now_ms
        traders.hear(compare(world, reference, message))
        for market in [number for number in traders.listed if reference.markets[number].status == "delisted"]:
            traders.listed.remove(market)
            traders.halted = 0
            compare(world, reference, traders.add_market(reference.markets[market].symbol))
        if count % CHECK_EVERY == 0:
            compare_all(world, reference, traders)
            assert world.violations() == []
            for shard in range(world.shard_count):
                world.store(shard)  # what the archive has is unknown to the engine
            reference.ended.clear()
    compare_all(world, reference, traders)
    assert world.violations() == []
    assert world.unfaithful() == []
