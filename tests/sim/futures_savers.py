"""Savers on futures: far orders on quiet futures markets, cancels in every way, deposits and withdrawals."""

from typing import TYPE_CHECKING

from shards.model.accounting import Wallet
from shards.model.commands import CancelBatch, Deposit
from shards.model.markets import Market
from shards.model.orders import Order, Status
from shards.model.queries import GetMargin
from shards.model.replies import AmountReply, BatchReply, MarginReply, Reply
from tests.model.futures_steps import brief
from tests.sim.call import Call
from tests.sim.savers import Saver

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation

MARGIN_UNITS = 1_000_000  # at any leverage below the limit of a position


class FuturesSaver(Saver):
    """One futures wallet and its owner. Its orders hold margin."""

    def __init__(self, simulation: "Simulation", name: str) -> None:
        super().__init__(simulation, name)
        self.markets = simulation.quiet_futures_markets
        self.savings = MARGIN_UNITS
        self._moving: Deposit | None = None  # deposit or withdrawal, repeated until it is decided

    def first_deposit(self) -> Deposit:
        return Deposit(self.account, "USDT", MARGIN_UNITS, "first", Wallet.FUTURES)

    def _go_on(self) -> None:
        chance = self.chance.random()
        if self._moving is not None or chance < 0.08:
            self._move()
        elif chance < 0.2 and self.holds:
            self._cancel_batch()
        else:
            super()._go_on()

    def _balance_query(self) -> GetMargin:
        return GetMargin(self.account)

    def _others_query(self) -> GetMargin:
        return self._balance_query()

    def _affordable_lots(self, market: Market) -> int:
        assert market.futures is not None
        return self.available * market.futures.default_leverage // market.tick_lot_units

    def _money_in(self, reply: Reply | None) -> list[tuple[int, int]]:
        assert isinstance(reply, MarginReply)
        return [(reply.free, sum(own.hold for own in reply.margin.markets.values()))]

    # Deposits and withdrawals

    def _move(self) -> None:
        if self._moving is None:
            self.names += 1
            amount = self.chance.choice((MARGIN_UNITS // 10, -self.available, -self.chance.randint(1, MARGIN_UNITS)))
            amount = max(amount, -self.available) or 1
            self._moving = Deposit(self.account, "USDT", amount, f"{self.name}-{self.names}", Wallet.FUTURES)
        self.ask(self._moving, self._moved)

    def _moved(self, call: Call) -> None:
        if not call.decided:
            return
        self._moving = None
        if not isinstance(call.reply, AmountReply):
            self._complain_of_money(call, f"it has {self.available} and may not take it out: {brief(call.reply)}")
            return
        self.savings += call.message.amount
        if call.reply.balance_after != self.available:
            self._complain_of_money(call, f"it is told of {call.reply.balance_after}, and has {self.available}")

    # Batches

    def _cancel_batch(self) -> None:
        market, _ = self.chance.choice(list(self.holds.values()))
        own = [name for name, (where, _) in self.holds.items() if where == market]
        names = self.chance.sample(own, self.chance.randint(1, len(own)))
        self.ask(CancelBatch(market, self.account, [], names), self._canceled_batch)

    def _canceled_batch(self, call: Call) -> None:
        names = call.message.client_ids
        if isinstance(call.reply, BatchReply):
            for name, found in zip(names, call.reply.found, strict=True):
                if not isinstance(found, Order) or found.client_id != name or found.status is not Status.CANCELED:
                    self._complain(f"a batch has not canceled its open order {name}: {found}")
                del self.holds[name]
        elif call.decided:
            self._complain(f"its batch is refused: {brief(call.reply)}")
        elif call.may_be_executed:
            self._doubt += ((call.message.market, name) for name in names)
