"""Random orders, fills, cancels, leverages, marks and transfers against the model; the seed is printed."""

import random
from fractions import Fraction

from tests.http.futures.margin_model import BAND, RATIO, Model, Place, Resting, is_outside, loss_of, text
from tests.http.futures.trader import Trader, list_contract, set_mark
from tests.http.venue import Venue
from tests.model.seeds import read_count, read_seed

STEPS = read_count("SHARDEX_TEST_MARGIN_STEPS", 50)
MAKER_BPS, TAKER_BPS = 2, 5
TICK, LOT = Fraction(1, 10), Fraction(1, 1_000)
MIDDLE = 400_000  # ticks


class Flow:
    """Three traders, each on another account shard, in two markets on different shards.

    Orders that shall rest lie far from the middle; a trade is one match, near the middle, with nothing else in its way.
    """

    def __init__(self, venue: Venue, chance: random.Random) -> None:
        last = venue.shard_count - 1
        self.venue = venue
        self.chance = chance
        self.symbols = [list_contract(venue, shard) for shard in (last, last // 2)]
        account_shards = (0, last // 2, last)
        self.traders = [Trader(venue, account_shard, "300") for account_shard in account_shards]
        self.models = {
            trader.name: Model(Fraction(300), Fraction(0), {symbol: Place() for symbol in self.symbols})
            for trader in self.traders
        }
        self.last = dict.fromkeys(self.symbols, Fraction(0))
        self.set: dict[str, Fraction | None] = dict.fromkeys(self.symbols)

    @property
    def marks(self) -> dict[str, Fraction]:
        return {symbol: self.set[symbol] or self.last[symbol] for symbol in self.symbols}

    def step(self) -> None:
        steps = [self.park, self.park, self.trade, self.trade, self.trade, self.cancel, self.cancel]
        self.chance.choice([*steps, self.set_leverage, self.set_mark, self.transfer])()
        for trader in self.traders:
            self.check(trader)

    def park(self) -> None:
        """An order that rests."""
        side = self.chance.choice(("BUY", "SELL"))
        span = (MIDDLE // 2, MIDDLE * 4 // 5) if side == "BUY" else (MIDDLE * 6 // 5, MIDDLE * 2)
        self.place(self.any_trader(), self.any_symbol(), side, TICK * self.chance.randint(*span))

    def place(
        self, trader: Trader, symbol: str, side: str, price: Fraction, lots_max: int = 20, **more: str
    ) -> tuple[int, Resting] | None:
        """A limit order; None if it must be, and is, refused for its price or its margin."""
        quantity = LOT * self.chance.randint(1, lots_max)
        model = self.models[trader.name]
        leverage = model.positions[symbol].leverage
        mark = self.marks[symbol]
        hold_price = self.hold_price(symbol, side, price)
        order = Resting(side, price, hold_price, quantity, leverage, loss_of(side, price, mark))
        granted = order.hold <= model.free(self.marks)
        answer = trader.try_place(symbol, side, text(price), text(quantity), **more)
        if is_outside(side, price, mark, BAND):
            assert answer.brief() == ("400 -4016" if side == "BUY" else "400 -4024")
            return None
        if not granted:
            assert answer.brief() == "400 -2019"
            return None
        number = answer.ok()["orderId"]
        model.positions[symbol].orders[number] = order
        return number, order

    def hold_price(self, symbol: str, side: str, price: Fraction) -> Fraction:
        if side == "BUY":
            return price
        resting = [order for model in self.models.values() for order in model.positions[symbol].orders.values()]
        return max([price, self.marks[symbol], *(order.price for order in resting if order.side == "BUY")])

    def trade(self) -> None:
        """One match of all or a part; what is left of the maker is canceled, what is left of the taker expires."""
        maker, taker = self.chance.sample(self.traders, 2)
        symbol, side = self.any_symbol(), self.chance.choice(("BUY", "SELL"))
        other = "SELL" if side == "BUY" else "BUY"
        price = TICK * self.chance.randint(MIDDLE * 95 // 100, MIDDLE * 105 // 100)
        placed = self.place(maker, symbol, side, price)
        if placed is None:
            return
        self.check(maker)
        number, resting = placed
        place = self.models[taker.name].positions[symbol]
        leverage = place.leverage
        reduces = self.chance.random() < 0.3
        if reduces:
            quantity = self.reduce(taker, symbol, other, price)
        else:
            taken = self.place(taker, symbol, other, price, timeInForce="IOC")
            quantity = taken[1].left if taken else Fraction(0)
            if taken:
                del place.orders[taken[0]]
        quantity = min(quantity, resting.left)
        if quantity:
            self.models[taker.name].trade(symbol, other, price, quantity, leverage, TAKER_BPS)
            self.models[maker.name].trade(symbol, side, price, quantity, resting.leverage, MAKER_BPS)
            resting.left -= quantity
            self.last[symbol] = price
        orders = self.models[maker.name].positions[symbol].orders
        if not resting.left:
            del orders[number]
        self.check(maker)
        self.check(taker)
        if resting.left:
            maker.cancel(symbol, number)
            del orders[number]

    def reduce(self, trader: Trader, symbol: str, side: str, price: Fraction) -> Fraction:
        """A reduce-only order; returns what it can take."""
        quantity = LOT * self.chance.randint(1, 40)
        amount = self.models[trader.name].positions[symbol].amount
        reducible = max(Fraction(0), -amount if side == "BUY" else amount)
        answer = trader.try_place(symbol, side, text(price), text(quantity), timeInForce="IOC", reduceOnly="true")
        mark = self.marks[symbol]
        if is_outside(side, price, mark, BAND):
            assert answer.brief() == ("400 -4016" if side == "BUY" else "400 -4024")
            return Fraction(0)
        if not reducible:
            assert answer.brief() == "400 -2022"
            return Fraction(0)
        lots, model = min(quantity, reducible), self.models[trader.name]
        lost = loss_of(side, price, mark) * lots
        free = model.surplus(self.marks) > 0 and not is_outside(side, price, mark, RATIO)
        if lost and not free and lost > model.leave(self.marks, symbol, lots):
            assert answer.brief() == "400 -4118"
            return Fraction(0)
        answer.ok()
        return min(quantity, reducible)

    def cancel(self) -> None:
        trader, symbol = self.any_trader(), self.any_symbol()
        orders = self.models[trader.name].positions[symbol].orders
        if orders:
            number = self.chance.choice(list(orders))
            trader.cancel(symbol, number)
            del orders[number]

    def set_leverage(self) -> None:
        trader, symbol, leverage = self.any_trader(), self.any_symbol(), self.chance.randint(1, 125)
        trader.set_leverage(symbol, leverage)
        self.models[trader.name].positions[symbol].leverage = leverage

    def set_mark(self) -> None:
        symbol = self.any_symbol()
        price = TICK * self.chance.randint(MIDDLE * 9 // 10, MIDDLE * 11 // 10) if self.chance.random() < 0.7 else None
        set_mark(self.venue, symbol, None if price is None else text(price))
        self.set[symbol] = price

    def transfer(self) -> None:
        trader, amount = self.any_trader(), Fraction(self.chance.randint(1, 10**8), 10**6)
        model = self.models[trader.name]
        out = self.chance.random() < 0.6
        answer = trader.transfer("perp_to_spot" if out else "spot_to_perp", text(amount))
        if amount > (model.available(self.marks) if out else model.spot):
            assert answer.brief() == "400 INSUFFICIENT_BALANCE"
            return
        told = answer.ok()
        model.wallet += -amount if out else amount
        model.spot += amount if out else -amount
        assert told["spot_balance_after"] == text(model.spot)
        assert told["perp_balance_after"] == text(model.available(self.marks))

    def any_trader(self) -> Trader:
        return self.chance.choice(self.traders)

    def any_symbol(self) -> str:
        return self.chance.choice(self.symbols)

    def check(self, trader: Trader) -> None:
        """Everything that is shown, against the model."""
        model, marks = self.models[trader.name], self.marks
        margin = sum(place.margin for place in model.positions.values())
        hold = sum(place.hold for place in model.positions.values())
        funds = (model.wallet, model.available(marks), margin, hold, model.unrealized(marks))
        assert trader.money() == " ".join(text(Fraction(each)) for each in funds)
        used = {symbol: place for symbol, place in model.positions.items() if place.amount or place.orders}
        shown = {row["symbol"]: row for row in trader.account()["positions"]}
        assert list(shown) == list(used)
        for symbol, place in used.items():
            expected = {
                "positionAmt": place.amount,
                "unrealizedProfit": place.unrealized(marks[symbol]),
                "notional": place.amount * marks[symbol],
                "leverage": Fraction(place.leverage),
                "initialMargin": place.margin + place.hold,
                "positionInitialMargin": place.margin,
                "openOrderInitialMargin": place.hold,
                "bidNotional": place.open_value("BUY"),
                "askNotional": place.open_value("SELL"),
            }
            assert {name: shown[symbol][name] for name in expected} == {
                name: text(value) for name, value in expected.items()
            }


def test_random_flow(venue: Venue) -> None:
    flow = Flow(venue, random.Random(read_seed()))
    for _ in range(STEPS):
        flow.step()
    for trader in flow.traders:
        income = trader.call("GET", "/v1/income", limit=1_000).ok()
        assert sum(Fraction(row["income"]) for row in income) == flow.models[trader.name].wallet
