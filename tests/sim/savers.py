"""Callers that are alone on their account and never trade: their balances must match their replies exactly.

A saver sends one message at a time. It bids far from all others, on markets where nobody sells, cancels, and reads its
balance. It spends released funds at once. Without a reply, it waits until its order can no longer be executed, cancels
it by its client id until that is answered, and goes on.
"""

from typing import TYPE_CHECKING

from shards.model.commands import CancelAll, CancelByClientId, Deposit, Place
from shards.model.markets import Market
from shards.model.orders import Kind, NewOrder, Order, Side, TimeInForce
from shards.model.queries import GetBalances, GetDepth, GetMargin
from shards.model.replies import BalancesReply, OrderReply, OrdersReply, Rejected, Reply
from tests.model.futures_steps import brief
from tests.sim.call import Call
from tests.sim.client import Client
from tests.sim.traders import PAUSES_MS

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation

SAVINGS_UNITS = 10_000_000


class Saver(Client):
    """One account and its owner."""

    def __init__(self, simulation: "Simulation", name: str) -> None:
        super().__init__(simulation, name)
        self.account = name
        self.markets = simulation.quiet_markets
        self.savings = SAVINGS_UNITS
        self.holds: dict[str, tuple[int, int]] = {}  # client id → market, units held: open orders, according to replies
        self.names = 0
        self._again_ms = 0  # true time of the next try
        self._doubt: list[tuple[int, str]] = []  # orders with an unknown outcome: market, client id
        self._settles_ms = 0  # true time from which they are canceled

    @property
    def available(self) -> int:
        """Units that may be spent."""
        return self.savings - sum(units for _, units in self.holds.values())

    def first_deposit(self) -> Deposit:
        """Before any faults."""
        return Deposit(self.account, "USDT", SAVINGS_UNITS, "first")

    def act(self) -> None:
        if self.chance.random() < 0.4:
            self.ask(self._others_query())
        if self._busy() or self.simulation.true_ms < self._again_ms:
            return
        if self._doubt:
            if self.simulation.true_ms >= self._settles_ms:
                market, name = self._doubt[0]
                self.ask(CancelByClientId(market, self.account, name), self._cleared)
            return
        self._go_on()

    def _go_on(self) -> None:
        """Send the next message."""
        chance = self.chance.random()
        if chance < 0.35:
            self.ask(self._balance_query(), self._read)
        elif chance < 0.65 or not self.holds:
            self._place()
        elif chance < 0.95:
            name = self.chance.choice(list(self.holds))
            self.ask(CancelByClientId(self.holds[name][0], self.account, name), self._canceled)
        else:
            market = self.chance.choice(self.markets).number
            self.ask(CancelAll(self.account, market), self._canceled_all)

    def _balance_query(self) -> GetBalances | GetMargin:
        """The query that shows its balance."""
        return GetBalances(self.account)

    def _others_query(self) -> GetBalances | GetMargin | GetDepth:
        """A query by other callers through the same connections."""
        market = self.chance.choice(self.markets).number
        return self.chance.choice((self._balance_query(), GetDepth(market, 5)))

    def _busy(self) -> bool:
        return any(call.then is not None for call in self.open)

    def _place(self) -> None:
        market = self.chance.choice(self.markets)
        lots = self._affordable_lots(market)
        if lots > 1 and self.chance.random() < 0.6:
            lots = self.chance.randint(1, lots)
        if not lots:
            return
        self.names += 1
        terms = Side.BUY, Kind.LIMIT, TimeInForce.GTC, 1, lots, 0, f"{self.name}-{self.names}"
        self.ask(Place(NewOrder(market.number, self.account, *terms)), self._placed)

    def _affordable_lots(self, market: Market) -> int:
        """Lots affordable with its entire balance."""
        return self.available // market.tick_lot_units

    # Replies

    def answered(self, call: Call, reply: Reply) -> None:
        super().answered(call, reply)
        if call.then is not None and not call.decided:
            self._again_ms = self.simulation.true_ms + self.chance.choice(PAUSES_MS)

    def _placed(self, call: Call) -> None:
        new = call.message.order
        if isinstance(call.reply, OrderReply):
            self.holds[new.client_id] = new.market, call.reply.order.hold
        elif not call.decided and call.may_be_executed:
            self._wonder(new.market, new.client_id)
        elif call.decided:
            self._complain_of_money(call, f"it has {self.available} and may not spend it: {brief(call.reply)}")

    def _wonder(self, market: int, name: str) -> None:
        self._doubt.append((market, name))
        # by then its deadline, by any clock, is over, and with it the hold for it
        self._settles_ms = self.simulation.true_ms + max(self.PATIENCES_MS) + self.simulation.stepped_back_ms + 100

    def _cleared(self, call: Call) -> None:
        if call.decided:
            self.holds.pop(self._doubt.pop(0)[1], None)

    def _canceled(self, call: Call) -> None:
        if isinstance(call.reply, OrderReply):
            del self.holds[call.message.client_id]
        elif call.decided:
            self._complain(f"its open order is not there: {brief(call.reply)}")
        elif call.may_be_executed:
            self._doubt.append((call.message.market, call.message.client_id))

    def _canceled_all(self, call: Call) -> None:
        own = [name for name, (market, _) in self.holds.items() if market == call.message.market]
        if not isinstance(call.reply, OrdersReply):
            self._doubt += ((call.message.market, name) for name in own if call.may_be_executed)
            return
        told: list[Order] = call.reply.orders
        if set(own) - {order.client_id for order in told}:
            self._complain("cancel-all left out an open order")
        for name in own:
            del self.holds[name]

    def _read(self, call: Call) -> None:
        if not isinstance(call.reply, Rejected):
            found, expected = self._money_in(call.reply), (self.available, self.savings - self.available)
            if found != [expected]:
                self._complain_of_money(call, f"it reads {found}, it was told {expected} (available, held)")

    def _money_in(self, reply: Reply | None) -> list[tuple[int, int]]:
        """(available, held) as a reply shows it."""
        assert isinstance(reply, BalancesReply)
        return [(each.available, each.held) for each in reply.balances if each.asset == "USDT"]

    def _complain_of_money(self, call: Call, text: str) -> None:
        if self.simulation.blind_ms < call.asked_ms:
            self._complain(text)

    def _complain(self, text: str) -> None:
        self.simulation.violated(f"{self.name}: {text}", self.account)
