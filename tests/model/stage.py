"""A futures market on one of two shards, with a rich account kept there and a poor one on the other.

Step by step: the poor account sends a command, something intervenes that needs no funds from elsewhere, and the grant
arrives. With one shard nothing can intervene.
"""

from typing import Any

from msgspec.structs import replace

from shards.engine.market.futures import FuturesMarket
from shards.model.accounting import Wallet
from shards.model.commands import AddMarket, Deposit, Modify, Place, SetMarkPrice, SetRisk
from shards.model.events import OrderEnded
from shards.model.markets import shard_of_account
from shards.model.orders import Kind, NewOrder, Order, Side, TimeInForce
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, Rejected
from tests.model.colluders import USDT, make_market
from tests.model.world import Call, World
from tests.model.worth import Watch

MARKET = 1
UNIT = 7  # cost of a lot at one tick
LEVERAGE = 20
BUY, SELL = Side.BUY, Side.SELL


class Stage:
    """A poor account kept away from the market's shard; a rich one kept on it."""

    def __init__(self, shards: int = 2, *, risk: bool = True) -> None:
        self.world = World(shards)
        market = make_market(MARKET)
        self.world.call(AddMarket(market if risk else replace(market, risk=None)))
        self.here = self.world.engine_of(MARKET).shard
        self.there = 1 - self.here if shards == 2 else self.here
        self.rich, self.poor = self._name("rich", self.here), self._name("poor", self.there)
        self.watch = Watch(self.world, [self.poor, self.rich], [MARKET])
        self.pay(self.rich, 10**6 * USDT)

    def _name(self, who: str, shard: int) -> str:
        names = (f"{who}-{number}" for number in range(100))
        return next(name for name in names if shard_of_account(name, self.world.shard_count) == shard)

    def pay(self, account: str, amount: int) -> None:
        self.world.call(Deposit(account, "USDT", amount, f"r {account} {amount}", Wallet.FUTURES))

    @property
    def worth(self) -> int:
        """Equity of the poor account."""
        return self.watch.worth(self.poor).equity

    @property
    def machine(self) -> FuturesMarket:
        machine = self.world.engine_of(MARKET).markets[MARKET]
        assert isinstance(machine, FuturesMarket)
        return machine

    def order(self, account: str, side: Side, price: int, lots: int, **more: Any) -> Place:
        kind = more.pop("kind", Kind.LIMIT if price else Kind.MARKET)
        return Place(NewOrder(MARKET, account, side, kind, TimeInForce.GTC, price, lots, 0, **more))

    def place(self, account: str, side: Side, price: int, lots: int, **more: Any) -> Order:
        reply = self.world.call(self.order(account, side, price, lots, **more))
        assert isinstance(reply, OrderReply), reply
        return reply.order

    def mark(self, price: int) -> None:
        self.world.call(SetMarkPrice(MARKET, price))

    def ask(self, message: Place | Modify) -> Call:
        """Send a command of the poor account: its funds are held at its shard, and the grant is on its way."""
        call = self.world.submit(message)
        self.world.turn(self.here)
        self.world.turn(self.there)
        return call

    def between(self, message: Place | SetMarkPrice | SetRisk) -> None:
        """Intervene before the grant arrives."""
        self.world.submit(message)
        self.world.turn(self.here)

    def end(self, call: Call | None = None) -> Order | RejectReason:
        """Deliver everything; no account has spent more than it had."""
        self.world.drain()
        assert self.world.violations() == [] and self.world.unfaithful() == []
        assert self.free() >= 0
        reply = call.reply if call else None
        return (
            reply.reason
            if isinstance(reply, Rejected)
            else reply.order
            if isinstance(reply, OrderReply)
            else RejectReason.BUSY
        )

    def free(self) -> int:
        return self.world.engines[self.there].accounts.margins.free(self.poor)

    def held(self) -> int:
        margin = self.world.engines[self.there].accounts.margins.get(self.poor)
        return margin.markets[MARKET].hold


def ended(world: World) -> list[Order]:
    return [event.order for event in world.events() if isinstance(event, OrderEnded)]
