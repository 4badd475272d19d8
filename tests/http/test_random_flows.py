"""Hundreds of random orders and cancels of users on every shard, on markets of every shard, against the plain model:
each answer, and every balance after it."""

import random
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from shards.model.commands import AddMarket, Cancel, CancelAll, Deposit, Place
from shards.model.markets import Market
from shards.model.orders import Kind, NewOrder, Side, TimeInForce
from shards.model.queries import GetBalances, GetDepth
from shards.model.replies import BalancesReply, OrderReply, OrdersReply
from tests.http.venue import Answer, Pair, User, Venue, plain
from tests.linear.history import Reader, Requested, answer_of_model
from tests.model.reference import Reference
from tests.model.seeds import read_count, read_seed

D = Decimal
DECIMALS: Final = {"USDT": 6, "DF": 18}
FUNDS: Final = {"USDT": "300", "DF": "300.000000000000000001"}
FEES: Final = [(0, 0), (1, 3), (10, 20), (999, 1_000)]
SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
TIFS: Final = {"gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC, "post_only": TimeInForce.POST_ONLY}


class Game:
    """Users, markets, and what the model thinks of them."""

    def __init__(self, venue: Venue, rng: random.Random) -> None:
        self.rng = rng
        self.model = Reference()
        self.pairs = [
            venue.pair(shard, tick="0.01", lot="0.003", maker_bps=maker, taker_bps=taker)
            for shard, (maker, taker) in zip((*venue.shards, *venue.shards)[:4], FEES, strict=False)
        ]
        self.markets: dict[str, Market] = {pair.symbol: venue.market(pair) for pair in self.pairs}
        self.readers = {symbol: Reader(market, venue.id_key) for symbol, market in self.markets.items()}
        for market in self.markets.values():
            self.model.apply(AddMarket(market), 0)
        self.users = [venue.user(shard, **FUNDS) for shard in (*venue.shards, *venue.shards, 0, 0)[:4]]
        for user in self.users:
            for asset, amount in FUNDS.items():
                self.model.apply(Deposit(user.name, asset, int(D(amount).scaleb(DECIMALS[asset])), asset), 0)

    def step(self) -> None:
        user, pair = self.rng.choice(self.users), self.rng.choice(self.pairs)
        act = self.rng.choices((self.place, self.cancel, self.cancel_all), (75, 20, 5))[0]
        act(user, pair)
        for each in self.users:
            assert each.balances() == self.balances(each)

    def place(self, user: User, pair: Pair) -> None:
        rng = self.rng
        side, tif = rng.choice(("buy", "sell")), rng.choice(("gtc", "gtc", "gtc", "ioc", "post_only"))
        ticks, lots, budget = rng.randint(95, 105), rng.randint(400, 20_000), 0
        if rng.random() < 0.2:
            ticks, tif = 0, "ioc"
            if side == "buy":
                lots, budget = 0, rng.randint(1_000_000, 60_000_000)
        price, quantity = (
            plain(steps * step) if steps else None for steps, step in ((ticks, pair.tick), (lots, pair.lot))
        )
        more = {"tif": tif} | ({"quote_quantity": plain(D(budget).scaleb(-6))} if budget else {})
        kind = Kind.LIMIT if ticks else Kind.MARKET
        number = self.markets[pair.symbol].number
        requested = Place(NewOrder(number, user.name, SIDES[side], kind, TIFS[tif], ticks, lots, budget))
        self.compare(pair, requested, user.try_place(pair, side, price, quantity, **more))

    def cancel(self, user: User, pair: Pair) -> None:
        if book := self.model.open[self.markets[pair.symbol].number]:
            resting = self.rng.choice(book)
            self.compare(pair, Cancel(resting.id, user.name), user.cancel(self.readers[pair.symbol].text(resting.id)))

    def compare(self, pair: Pair, requested: Requested, answer: Answer) -> None:
        reply = self.model.apply(requested, 0)
        assert self.readers[pair.symbol].read(answer.status, answer.json) == answer_of_model(reply)
        if isinstance(reply, OrderReply) and reply.order.filled:
            average = D(reply.order.filled_value) / reply.order.filled * pair.tick
            assert D(answer.json["avg_fill_price"]) == average.quantize(pair.tick.scaleb(-8), ROUND_HALF_EVEN)

    def cancel_all(self, user: User, pair: Pair) -> None:
        self.cancel_each(user, *self.rng.choice(([pair], self.pairs)))

    def cancel_each(self, user: User, *scope: Pair) -> None:
        """Everything of a user on one market, or on all."""
        told = user.cancel_all(scope[0] if len(scope) == 1 else None)
        for pair in scope:
            reply = self.model.apply(CancelAll(user.name, self.markets[pair.symbol].number), 0)
            body = {"canceled": [order for order in told if order["symbol"] == pair.symbol]}
            assert isinstance(reply, OrdersReply)
            assert self.readers[pair.symbol].read(200, body) == answer_of_model(reply)

    def balances(self, user: User) -> dict[str, tuple[Decimal, Decimal]]:
        reply = self.model.apply(GetBalances(user.name), 0)
        assert isinstance(reply, BalancesReply)
        return {
            each.asset: (scaled(each.asset, each.available), scaled(each.asset, each.held)) for each in reply.balances
        }


def scaled(asset: str, units: int) -> Decimal:
    return D(units).scaleb(-DECIMALS[asset])


def test_random_flow(venue: Venue) -> None:
    game = Game(venue, random.Random(read_seed()))
    for _ in range(read_count("SHARDEX_TEST_HTTP_STEPS", 400)):
        game.step()
    for pair in game.pairs:
        depth = game.model.apply(GetDepth(game.markets[pair.symbol].number, 1_000), 0)
        assert game.readers[pair.symbol].read(200, venue.depth(pair)) == answer_of_model(depth)
    for user in game.users:
        game.cancel_each(user, *game.pairs)
        assert user.balances() == game.balances(user)
        assert all(frozen == 0 for _, frozen in user.balances().values())
