"""Commands of traders: orders of all kinds, cancels in every way, repeated requests, payments, queries."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from shards.model.commands import (
    Cancel,
    CancelAll,
    CancelByClientId,
    Deposit,
    Place,
    SetMarketStatus,
    SetMarkPrice,
    SetRisk,
)
from shards.model.markets import Market, MarketStatus, Product
from shards.model.orders import Kind, NewOrder, Order, Side, TimeInForce
from shards.model.queries import GetBalances, GetDepth, GetOrder, GetOrderByClientId, ListOrders
from shards.model.replies import OrderReply
from tests.sim.call import Call
from tests.sim.client import Client
from tests.sim.futures_terms import CHANGES

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation

OPEN_CALLS_MAX = 4
PAUSES_MS = (5, 30, 150)
MIDDLE, REACH = 500, 12  # ticks
FUTURES_MIDDLE = 5_000
REPEAT_MS = 4_000  # validity of a repeated signed request is longer than this
TIFS = (*[TimeInForce.GTC] * 7, TimeInForce.IOC, TimeInForce.POST_ONLY)


class Operator(Client):
    """Creates markets, deposits, halts and lists; retries what is unanswered."""

    def __init__(self, simulation: "Simulation") -> None:
        super().__init__(simulation, "operator")
        self.todo: deque[Any] = deque()

    def finish(self) -> None:
        for _ in range(min(len(self.todo), 20 - len(self.open))):
            self.insist(self.todo.popleft())

    def insist(self, message: Any) -> None:
        """Retry until it is decided: all its commands are idempotent."""
        self.ask(message, self._again, patience_ms=2_000)

    def _again(self, call: Call) -> None:
        if not call.decided:
            self.todo.append(call.message)

    def act(self) -> None:
        halted = self.simulation.halted
        if self.chance.random() < (0.05 if halted else 0.002):
            market = self.chance.choice(self.simulation.markets + self.simulation.futures_markets)
            status = MarketStatus.LISTED if market.number in halted else MarketStatus.HALTED
            (halted.discard if market.number in halted else halted.add)(market.number)
            self.todo.append(SetMarketStatus(market.number, status))
        if self.chance.random() < 0.03:
            price = FUTURES_MIDDLE + self.chance.randint(-15, 15)
            number = self.chance.choice(self.simulation.futures_markets).number
            self.todo.append(SetMarkPrice(number, self.chance.choice((0, price))))
        if self.chance.random() < 0.003:
            self.todo.append(self.simulation.open_market())
        if self.chance.random() < 0.006:
            number = self.chance.choice(self.simulation.futures_markets).number
            self.todo.append(SetRisk(number, self.chance.choice(CHANGES)))
        self.finish()


class RandomTrader(Client):
    """Trades for one or two accounts, some of them shared with others."""

    def __init__(
        self, simulation: "Simulation", name: str, accounts: list[str], makers: Sequence[tuple[Callable[[], Any], int]]
    ) -> None:
        """``makers`` of messages, and how often each is chosen."""
        self.accounts = accounts
        self.known: deque[Order] = deque(maxlen=25)
        self.placed: deque[tuple[int, Place]] = deque(maxlen=8)  # with the clock when it was sent
        self.names = 0
        self.again_ms = 0  # true time of the next try
        self.beside: list[Any] = []  # to be sent at the same moment
        self._makers, self._weights = zip(*makers, strict=True)
        super().__init__(simulation, name)

    def act(self) -> None:
        if len(self.open) < OPEN_CALLS_MAX and self.simulation.true_ms >= self.again_ms:
            self.ask(self.chance.choices(self._makers, self._weights)[0](), self.learn)
            for message in self.beside:
                self.ask(message, self.learn)
            self.beside.clear()

    def learn(self, call: Call) -> None:
        """Remember the orders in a reply; back off if the call was not accepted."""
        if not call.decided:
            self.again_ms = self.simulation.true_ms + self.chance.choice(PAUSES_MS)
        if isinstance(call.reply, OrderReply):
            self.known.append(call.reply.order)

    def account(self) -> str:
        return self.chance.choice(self.accounts)

    def some_order(self) -> Order | None:
        return self.chance.choice(self.known) if self.known else None

    def place(self) -> Place:
        raise NotImplementedError

    def keep(self, place: Place) -> Place:
        self.placed.append((self.simulation.clock(), place))
        return place

    def recent(self) -> list[Place]:
        """Orders that may be sent once more: within the time window of signed requests."""
        now = self.simulation.clock()
        return [place for sent, place in self.placed if 0 <= now - sent < REPEAT_MS]

    def cancel(self) -> Place | Cancel:
        order = self.some_order()
        if order is None:
            return self.place()
        account = order.account if self.chance.random() < 0.95 else self.account()
        return Cancel(order.id if self.chance.random() < 0.98 else order.id + 10**6, account)


class Trader(RandomTrader):
    """Trades on the spot markets."""

    def __init__(self, simulation: "Simulation", name: str, accounts: list[str]) -> None:
        self.moved: deque[Deposit] = deque(maxlen=4)
        makers = (
            (self.place, 48),
            (self.place_again, 6),
            (self.cancel, 16),
            (self.cancel_by_client_id, 5),
            (self.cancel_all, 3),
            (self.move, 4),
            (self.query, 16),
        )
        super().__init__(simulation, name, accounts, makers)

    def market(self) -> Market:
        return self.chance.choice(self.simulation.markets)

    def client_id(self) -> str:
        """None, one of a few reused ones, or a new one."""
        kind = self.chance.random()
        if kind < 0.2:
            return ""
        if kind < 0.4:
            return f"c{self.chance.randint(1, 3)}"
        self.names += 1
        return f"{self.name}-{self.names}"

    def place(self) -> Place:
        chance = self.chance
        side = chance.choice((Side.BUY, Side.SELL))
        price, quantity, quote = MIDDLE + chance.randint(-REACH, REACH), chance.choice((1, 3, 10, 40)), 0
        kind, tif = Kind.LIMIT, chance.choice(TIFS)
        market = self.market()
        if chance.random() < 0.1:
            kind, tif, price = Kind.MARKET, TimeInForce.IOC, 0
            if side is Side.BUY:
                quantity, quote = 0, quantity * MIDDLE * market.tick_lot_units + chance.randint(0, 10_000)
        signed_ms = self.simulation.clock() - chance.randint(0, 3) if chance.random() < 0.7 else 0
        who = self.account(), side, kind, tif
        return self.keep(Place(NewOrder(market.number, *who, price, quantity, quote, self.client_id(), signed_ms)))

    def place_again(self) -> Place:
        """An exact repeat, or other content under the same client id."""
        recent = self.recent()
        if not recent:
            return self.place()
        place = self.chance.choice(recent)
        if self.chance.random() < 0.1 and place.order.quantity:
            return Place(replace(place.order, quantity=place.order.quantity + 1))
        return place

    def cancel_by_client_id(self) -> CancelByClientId:
        name = self.chance.choice(self.known).client_id if self.known and self.chance.random() < 0.6 else ""
        name = name or f"c{self.chance.randint(1, 3)}"
        return CancelByClientId(self.market().number, self.account(), name)

    def cancel_all(self) -> CancelAll:
        return CancelAll(self.account(), self.chance.choice((0, self.market().number)))

    def move(self) -> Deposit:
        if self.moved and self.chance.random() < 0.4:
            again = self.chance.choice(self.moved)
            return again if self.chance.random() < 0.7 else replace(again, amount=again.amount + 1)
        self.names += 1
        market = self.market()
        asset, unit = self.chance.choice(((market.base, market.lot_units), ("USDT", MIDDLE * market.tick_lot_units)))
        amount = unit * self.chance.choice((-200, -20, 20, 200))
        deposit = Deposit(self.account(), asset, amount, f"{self.name}-{self.names}")
        self.moved.append(deposit)
        return deposit

    def query(self) -> Any:
        account, market = self.account(), self.market().number
        order = self.chance.choice(self.known) if self.known else None
        return self.chance.choice(
            (
                GetBalances(account),
                GetDepth(market, 10),
                ListOrders(account, 5, product=Product.SPOT),
                GetOrder(order.id) if order else GetBalances(account),
                GetOrderByClientId(market, account, order.client_id if order and order.client_id else "c1"),
            )
        )
