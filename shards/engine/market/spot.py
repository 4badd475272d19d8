"""The spot market machine: buyers pay quote and receive base, sellers the other way round."""

from shards.engine.effects import Effects
from shards.engine.market.machine import MarketMachine
from shards.engine.market.matching import Match, Plan, plan_matches
from shards.model.accounting import Settlement
from shards.model.orders import (
    BUY,
    CANCELED,
    IOC,
    LIMIT,
    MARKET,
    POST_ONLY,
    SELL,
    EndReason,
    NewOrder,
    Order,
    Status,
    Trade,
)
from shards.model.reasons import Reason
from shards.model.replies import OrderReply, Refused


class SpotMarket(MarketMachine):
    """One spot market."""

    def needs_money(self, new: NewOrder) -> bool:
        """Every spot order does."""
        return True

    def hold_of(self, new: NewOrder) -> tuple[str, int]:
        """(asset, units) that must be held before ``new`` may be placed."""
        if new.side is SELL:
            return self.market.base, new.quantity * self._lot_units
        if new.kind is MARKET:
            return self.market.quote, new.quote_quantity
        return self.market.quote, new.price * new.quantity * self._tick_lot_units

    def place(self, new: NewOrder, effects: Effects) -> OrderReply | Refused:
        """Match ``new``, whose money is held, and rest or end what is left of it."""
        order = self._create(new, effects.now_ms)
        order.hold = self.hold_of(new)[1]
        plan = plan_matches(order, self.book.opposite(order.side), order.quote_quantity // self._tick_lot_units)
        refusal = self._refuse(order, plan)
        if refusal is not None:
            self._finish(order, Status.REJECTED, EndReason(refusal.value), effects)
            self._release_rest(order, effects)
            return Refused(refusal, order)
        trades = [self._trade(order, match, effects) for match in plan.matches]
        self._after_matching(order, plan, trades, effects)
        return OrderReply(order, trades)

    def release(self, new: NewOrder, effects: Effects) -> None:
        """Give back what is held for an order that is not placed after all."""
        asset, amount = self.hold_of(new)
        effects.settlements.append(Settlement(new.account, asset, asset, amount, 0, 0, 0))

    def _refuse(self, order: Order, plan: Plan) -> Reason | None:
        if not plan.matches:
            return None
        if any(match.maker.account == order.account for match in plan.matches):
            return Reason.SELF_TRADE
        return Reason.POST_ONLY if order.tif is POST_ONLY else None

    def _after_matching(self, order: Order, plan: Plan, trades: list[Trade], effects: Effects) -> None:
        unheld, received, paid, fee = self._sum_fills(order, trades)
        order.hold -= unheld
        if plan.complete:
            self._finish(order, Status.FILLED, EndReason.FILLED, effects)
        elif order.kind is LIMIT and order.tif is not IOC:
            self._rest(order)
        else:
            reason = EndReason.IOC if order.kind is LIMIT else EndReason.MARKET_REST
            self._finish(order, CANCELED, reason, effects)
        if order.id not in self.open:
            unheld, order.hold = unheld + order.hold, 0
        if unheld:
            self._settle(order, effects, unheld=unheld, paid=paid, received=received, fee=fee)

    def _sum_fills(self, order: Order, trades: list[Trade]) -> tuple[int, int, int, int]:
        """(unheld, received, paid, fee) of a taker's trades; a limit buy is unheld at its own, worse price."""
        if not trades:
            return 0, 0, 0, 0
        lots = sum(trade.quantity for trade in trades)
        value = sum(trade.quantity * trade.price for trade in trades)
        fee = sum(trade.taker_fee for trade in trades)
        base, quote = lots * self._lot_units, value * self._tick_lot_units
        if order.side is SELL:
            return base, quote, base, fee
        unheld = lots * order.price * self._tick_lot_units if order.kind is LIMIT else quote
        return unheld, base, quote, fee

    def _trade(self, taker: Order, match: Match, effects: Effects) -> Trade:
        maker, quantity = match
        base, quote = quantity * self._lot_units, maker.price * quantity * self._tick_lot_units
        to_taker, to_maker = (base, quote) if taker.side is BUY else (quote, base)
        fees = self._fee(to_maker, self.market.maker_fee_bps), self._fee(to_taker, self.market.taker_fee_bps)
        trade = self._match(taker, match, fees, effects)
        # a maker is a limit order and trades at its own price: what is unheld is what is paid
        maker.hold -= to_taker
        self._settle(maker, effects, unheld=to_taker, paid=to_taker, received=to_maker, fee=trade.maker_fee)
        if maker.filled == maker.quantity:
            self._forget(maker)
            self._finish(maker, Status.FILLED, EndReason.FILLED, effects)
        return trade

    def _release_rest(self, order: Order, effects: Effects) -> None:
        self._settle(order, effects, unheld=order.hold)
        order.hold = 0

    def _settle(
        self, order: Order, effects: Effects, *, unheld: int, paid: int = 0, received: int = 0, fee: int = 0
    ) -> None:
        base, quote = self.market.base, self.market.quote
        give, take = (quote, base) if order.side is BUY else (base, quote)
        effects.settlements.append(Settlement(order.account, give, take, unheld, paid, received, fee))
