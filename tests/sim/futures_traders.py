"""Commands of futures traders: orders, triggers with and without a parent, changes, cancels in every way, margin."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from shards.model.accounting import Wallet
from shards.model.commands import (
    CancelAll,
    CancelAllAfter,
    CancelBatch,
    CancelByClientId,
    Deposit,
    Modify,
    Place,
    SetLeverage,
    SetMarkPrice,
    Transfer,
)
from shards.model.markets import Market
from shards.model.orders import Kind, NewOrder, Side, TimeInForce, Trigger, WatchedPrice
from shards.model.queries import GetMargin, GetOrder
from shards.model.replies import MarginReply
from tests.sim.call import Call
from tests.sim.futures_terms import MIDDLE, REACH, TICK_UNITS
from tests.sim.traders import RandomTrader

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation

TIFS = (*[TimeInForce.GTC] * 6, TimeInForce.IOC, TimeInForce.POST_ONLY, TimeInForce.FOK)
TRIGGERS = (Kind.STOP, Kind.STOP_MARKET, Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_MARKET, Kind.TRAILING_STOP_MARKET)
OTHER = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


class FuturesTrader(RandomTrader):
    """Trades futures."""

    def __init__(self, simulation: "Simulation", name: str, accounts: list[str]) -> None:
        self.margins: dict[str, MarginReply] = {}  # by account, the last reply
        makers: tuple[tuple[Callable[[], Any], int], ...] = (
            (self.place, 40),
            (self.race, 12),
            (self.place_trigger, 14),
            (self.place_again, 5),
            (self.modify, 8),
            (self.cancel, 12),
            (self.cancel_by_client_id, 3),
            (self.cancel_batch, 3),
            (self.cancel_all, 2),
            (self.countdown, 2),
            (self.leverage, 2),
            (self.move, 4),
            (self.query, 12),
            (self.reduce, 12),
        )
        super().__init__(simulation, name, accounts, makers)

    def learn(self, call: Call) -> None:
        super().learn(call)
        if isinstance(call.reply, MarginReply):
            self.margins[call.message.account] = call.reply

    def market(self) -> Market:
        return self.chance.choice(self.simulation.futures_markets)

    def price(self) -> int:
        return MIDDLE + self.chance.randint(-REACH, REACH)

    def lots(self) -> int:
        return self.chance.choice((1, 2, 5, self.chance.randint(1, 30), self.chance.randint(1, 200)))

    def client_id(self) -> str:
        kind = self.chance.random()
        if kind < 0.3:
            return f"c{self.chance.randint(1, 3)}"
        self.names += 1
        return f"{self.name}-{self.names}" if kind < 0.8 else ""

    def new(self, side: Side, kind: Kind, price: int, quantity: int) -> NewOrder:
        now = self.simulation.clock()
        tif = self.chance.choice(TIFS) if kind in (Kind.LIMIT, Kind.STOP, Kind.TAKE_PROFIT) else TimeInForce.GTC
        terms = self.market().number, self.account(), side, kind, tif, price, quantity, 0, self.client_id()
        return NewOrder(*terms, signed_ms=now if self.chance.random() < 0.7 else 0, window_ms=5_000)

    def place(self) -> Place:
        chance, side = self.chance, self.chance.choice((Side.BUY, Side.SELL))
        kind, price = (Kind.MARKET, 0) if chance.random() < 0.12 else (Kind.LIMIT, self.price())
        new = self.new(side, kind, price, self.lots())
        profit, loss = (self._attached(new, direction) for direction in (1, -1))
        reduces = chance.random() < 0.12
        return self.keep(Place(replace(new, reduce_only=reduces, take_profit=profit, stop_loss=loss)))

    def race(self) -> Place:
        """An order based on the current book and mark price, and something that moves one of them before its grant."""
        chance, market = self.chance, self.chance.choice(self.simulation.futures_markets[-2:])
        side = chance.choice((Side.BUY, Side.SELL))
        kind = chance.choice((Kind.MARKET, Kind.LIMIT, Kind.LIMIT))
        away = chance.randint(0, REACH) * (1 if side is Side.BUY else -1)
        price, lots = (0 if kind is Kind.MARKET else MIDDLE + away), chance.choice((1, 20, 200))
        tif = chance.choice((TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)) if price else TimeInForce.GTC
        mine, *_, other = self.accounts
        terms = market.number, mine, side, kind, tif, price, lots, 0, self.client_id()
        reduces = chance.random() < 0.3
        against = MIDDLE + chance.randint(-REACH, REACH)
        answer = market.number, other, OTHER[side], Kind.LIMIT, TimeInForce.GTC, against, chance.choice((lots, 300)), 0
        self.beside.append(Place(NewOrder(*answer)))
        if chance.random() < 0.4:
            self.simulation.operator.todo.append(SetMarkPrice(market.number, MIDDLE + chance.randint(-REACH, REACH)))
        return Place(NewOrder(*terms, reduce_only=reduces))

    def reduce(self) -> Place:
        """Reduce a position, mostly at a price a little worse than the mark price."""
        account = self.account()
        told = self.margins.get(account)
        held = [number for number, own in told.margin.markets.items() if own.position.amount] if told else []
        if told is None or not held:
            return self.place()
        chance, number = self.chance, self.chance.choice(held)
        size = told.margin.markets[number].position.amount
        worse = chance.randint(-2, REACH // 2)
        price = told.marks[number] // TICK_UNITS + (worse if size < 0 else -worse) if chance.random() < 0.8 else 0
        new = self.new(Side.SELL if size > 0 else Side.BUY, Kind.LIMIT if price else Kind.MARKET, price, abs(size))
        return self.keep(Place(replace(new, market=number, account=account, reduce_only=True)))

    def _attached(self, new: NewOrder, direction: int) -> Trigger | None:
        if self.chance.random() < 0.8:
            return None
        sign = direction if new.side is Side.BUY else -direction
        kind = Kind.TAKE_PROFIT_MARKET if direction > 0 else Kind.STOP_MARKET
        watched = self.chance.choice(list(WatchedPrice))
        return Trigger(kind, (new.price or MIDDLE) + sign * self.chance.randint(1, REACH // 2), watched)

    def place_trigger(self) -> Place:
        chance, kind = self.chance, self.chance.choice(TRIGGERS)
        priced, trailing = kind in (Kind.STOP, Kind.TAKE_PROFIT), kind is Kind.TRAILING_STOP_MARKET
        new = self.new(chance.choice((Side.BUY, Side.SELL)), kind, self.price() if priced else 0, self.lots())
        parent = chance.choice(self.known) if self.known and chance.random() < 0.35 else None
        if parent is not None:
            new = replace(new, market=parent.market, account=parent.account, side=OTHER[parent.side])
        closes = kind in (Kind.STOP_MARKET, Kind.TAKE_PROFIT_MARKET) and not parent and chance.random() < 0.25
        trigger = Trigger(
            kind,
            0 if trailing else self.price(),
            chance.choice(list(WatchedPrice)),
            chance.random() < 0.2,
            self.price() if trailing and chance.random() < 0.5 else 0,
            chance.randint(10, 60) if trailing else 0,
            parent.id if parent else 0,
        )
        new = replace(new, trigger=trigger, close_position=closes, quantity=0 if closes else new.quantity)
        return self.keep(Place(replace(new, reduce_only=not closes and chance.random() < 0.3)))

    def place_again(self) -> Place:
        recent = self.recent()
        return self.chance.choice(recent) if recent else self.place()

    def modify(self) -> Any:
        order = self.some_order()
        if order is None:
            return self.place()
        price, quantity = self.price(), order.filled + self.lots()
        stop_price = self.price() if order.trigger else 0
        chosen = self.chance.choice(((price, 0, 0), (0, quantity, 0), (price, quantity, 0), (0, 0, stop_price)))
        return Modify(order.id, order.account, *(chosen if any(chosen) else (price, 0, 0)))

    def cancel_by_client_id(self) -> Any:
        return CancelByClientId(self.market().number, self.account(), f"c{self.chance.randint(1, 3)}")

    def cancel_batch(self) -> Any:
        order = self.some_order()
        if order is None:
            return self.place()
        ids = [other.id for other in self.known if other.market == order.market][-4:]
        if self.chance.random() < 0.3:
            return CancelBatch(order.market, order.account, [], ["c1", "c2"])
        return CancelBatch(order.market, order.account, ids)

    def cancel_all(self) -> Any:
        return CancelAll(self.account(), self.market().number, self.chance.random() < 0.4)

    def countdown(self) -> Any:
        return CancelAllAfter(self.market().number, self.account(), self.chance.choice((0, 50, 300)))

    def leverage(self) -> SetLeverage:
        """Within the market's bounds."""
        market = self.market()
        assert market.futures is not None
        default = market.futures.default_leverage
        return SetLeverage(self.account(), market.number, self.chance.choice((1, 3, default, 125)), default)

    def move(self) -> Any:
        self.names += 1
        name, amount = f"{self.name}-{self.names}", self.chance.randint(1, 10**7)
        account = self.account()
        told = self.margins.get(account)
        if told is not None and told.free > 0 and self.chance.random() < 0.5:  # with a position it is soon at risk
            return Deposit(account, "USDT", -told.free, name, Wallet.FUTURES)
        if self.chance.random() < 0.6:
            return Transfer(self.account(), "USDT", self.chance.choice(list(Wallet)), amount, name)
        return Deposit(self.account(), "USDT", self.chance.choice((amount, -amount)), name, Wallet.FUTURES)

    def query(self) -> Any:
        order = self.some_order()
        if order is not None and self.chance.random() < 0.5:
            return GetOrder(order.id)
        return GetMargin(self.account())
