"""Hundreds of random orders and cancels of users on every shard, on markets of every shard, against the plain ledger:
each answer, and every balance after it."""

import random
from decimal import Decimal

from tests.http.ledger import Ledger, Outcome
from tests.http.venue import Json, Pair, User, Venue, plain
from tests.model.seeds import read_count, read_seed

D = Decimal
PLACES = {"USDT": 6, "DF": 18}


class Game:
    """Users, markets, and what both sides think of them."""

    def __init__(self, venue: Venue, rng: random.Random) -> None:
        self.rng = rng
        self.venue = venue
        self.ledger = Ledger(PLACES)
        fees = [(0, 0), (1, 3), (10, 20), (999, 1_000)]
        self.pairs = [
            venue.pair(shard, tick="0.01", lot="0.003", maker_bps=maker, taker_bps=taker)
            for shard, (maker, taker) in zip((*venue.shards, *venue.shards)[:4], fees, strict=False)
        ]
        self.users = [venue.user(shard) for shard in (*venue.shards, *venue.shards, 0, 0)[:4]]
        for user in self.users:
            for asset, amount in (("USDT", "300"), ("DF", "300.000000000000000001")):
                user.deposit(asset, amount)
                self.ledger.deposit(user.name, asset, D(amount))

    def step(self) -> None:
        user, pair = self.rng.choice(self.users), self.rng.choice(self.pairs)
        act = self.rng.choices((self.place, self.cancel, self.cancel_all), (75, 20, 5))[0]
        act(user, pair)
        self.check()

    def place(self, user: User, pair: Pair) -> None:
        rng = self.rng
        side = rng.choice(("buy", "sell"))
        price: D | None = D(rng.randint(95, 105)).scaleb(-2)
        lots: D | None = D("0.003") * rng.randint(400, 20_000)
        budget: D | None = None
        tif = rng.choice(("gtc", "gtc", "gtc", "ioc", "post_only"))
        if rng.random() < 0.2:
            price, tif = None, "ioc"
            if side == "buy":
                lots, budget = None, D(rng.randint(1_000_000, 60_000_000)).scaleb(-6)
        more = {"tif": tif} | ({} if budget is None else {"quote_quantity": plain(budget)})
        answer = user.try_place(
            pair, side, None if price is None else plain(price), None if lots is None else plain(lots), **more
        )
        expected = self.ledger.place(user.name, pair, side, price, lots, budget, tif)
        if expected.refusal:
            assert answer.brief() == expected.refusal
            return
        placed = answer.ok()
        self.compare(pair, placed, expected)
        if expected.left:
            assert price is not None
            self.ledger.rest(placed["id"], user.name, pair, side, price, expected.left)

    def compare(self, pair: Pair, placed: Json, expected: Outcome) -> None:
        fills = [(D(fill["price"]), D(fill["quantity"]), D(fill["fee"])) for fill in placed["fills"]]
        assert fills == expected.fills
        assert placed["status"] == expected.status
        assert D(placed["filled_qty"]) == expected.filled
        assert D(placed["avg_fill_price"]) == expected.average(pair.tick)

    def cancel(self, user: User, pair: Pair) -> None:
        book = self.ledger.books[pair.symbol]
        if not book:
            return
        resting = self.rng.choice(book)
        if resting.account != user.name:
            assert user.cancel(resting.id).brief() == "403 FORBIDDEN"
            return
        canceled = user.cancel(resting.id).ok()
        left = D(canceled["quantity"]) - D(canceled["filled_qty"])
        assert left == self.ledger.cancel(pair, resting.id).left

    def cancel_all(self, user: User, pair: Pair) -> None:
        scope = self.rng.choice(([pair], self.pairs))
        canceled = user.cancel_all(pair if scope == [pair] else None)
        own = {
            rest.id: other for other in scope for rest in self.ledger.books[other.symbol] if rest.account == user.name
        }
        assert sorted(order["id"] for order in canceled) == sorted(own)
        for order, other in own.items():
            self.ledger.cancel(other, order)

    def check(self) -> None:
        for user in self.users:
            assert user.balances() == self.ledger.balances(user.name)


def test_random_flow(venue: Venue) -> None:
    game = Game(venue, random.Random(read_seed()))
    for _ in range(read_count("SHARDEX_TEST_HTTP_STEPS", 400)):
        game.step()
    for pair in game.pairs:
        depth = venue.depth(pair)
        left = sum(resting.left for resting in game.ledger.books[pair.symbol])
        assert sum(D(quantity) for side in ("bids", "asks") for _, quantity in depth[side]) == left
    for user in game.users:
        game.cancel_all(user, game.pairs[0])
        user.cancel_all()
        assert all(frozen == 0 for _, frozen in user.balances().values())
    for asset, deposited in (("USDT", D(1_200)), ("DF", D("1200.000000000000000004"))):
        held = sum(user.balances()[asset][0] for user in game.users)
        assert held + game.ledger.fees[asset] == deposited
