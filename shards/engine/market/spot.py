"""The spot market machine: buyers pay quote and receive base, sellers the other way round.

All matches of an order are planned before anything changes: it is rejected if it would meet an own order.
"""

from shards.engine.effects import Effects
from shards.engine.market.machine import MarketMachine
from shards.engine.market.matching import Match, Matching, Plan, fee_of, plan_matches
from shards.limits import OPEN_ORDERS_MAX
from shards.model.accounting import Settlement
from shards.model.commands import FundsHold
from shards.model.links import Granted
from shards.model.markets import Market, MarketStatus
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
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, Rejected


class SpotMarket(MarketMachine):
    """One spot market."""

    def __init__(self, market: Market) -> None:
        super().__init__(Matching(market))
        self._lot_units = market.lot_units
        self._tick_lot_units = market.tick_lot_units

    # Placing

    def check(self, new: NewOrder) -> OrderReply | Rejected | None:
        """Check for a repeat, the market's status, and the account's number of open orders."""
        found = self.matching.find_first(new, _is_same) or self.matching.check_status()
        if found is not None:
            return found
        full = len(self.by_account.get(new.account, ())) >= OPEN_ORDERS_MAX
        return Rejected(RejectReason.TOO_MANY_OPEN_ORDERS) if full else None

    def needs_money(self, new: NewOrder) -> bool:
        """Every spot order needs funds."""
        return True

    def hold_of(self, new: NewOrder) -> tuple[str, int]:
        """Return the (asset, units) that must be held before ``new`` may be placed."""
        market = self.matching.market
        if new.side is SELL:
            return market.base, new.quantity * self._lot_units
        if new.kind is MARKET:
            return market.quote, new.quote_quantity
        return market.quote, new.price * new.quantity * self._tick_lot_units

    def hold_for(self, new: NewOrder, shard: int, ticket: int, deadline_ms: int) -> FundsHold:
        """Return the request to hold what it may pay."""
        asset, amount = self.hold_of(new)
        return FundsHold(new, asset, amount, shard, ticket, deadline_ms)

    def recheck(self, granted: Granted) -> Rejected | None:
        """Never rejects: an order pays no more than its hold."""
        return None

    def place(self, new: NewOrder, granted: Granted | None, effects: Effects) -> OrderReply | Rejected:
        """Match ``new``, then rest or end its remainder."""
        assert granted is not None, "every spot order needs money"
        order = self.matching.create(new, effects.now_ms)
        order.hold = granted.amount
        plan = plan_matches(order, self.book.opposite(order.side), order.quote_quantity // self._tick_lot_units)
        if plan.matches:
            refusal = _refuse(order, plan)
            if refusal is not None:
                self.matching.finish(order, Status.REJECTED, EndReason(refusal.value), effects)
                self._release_rest(order, effects)
                return Rejected(refusal, order)
        trades = [self._trade(order, match, effects) for match in plan.matches]
        self._after_matching(order, plan, trades, effects)
        return OrderReply(order, trades)

    def release(self, granted: Granted, effects: Effects) -> None:
        """Release the whole grant."""
        asset, amount = self.hold_of(granted.order)
        effects.settlements.append(Settlement(granted.order.account, asset, asset, amount, 0, 0, 0))

    def _after_matching(self, order: Order, plan: Plan, trades: list[Trade], effects: Effects) -> None:
        released, received, paid, fee = self._sum_fills(order, trades) if trades else (0, 0, 0, 0)
        order.hold -= released
        if not plan.complete and order.kind is LIMIT and order.tif is not IOC:
            self.matching.rest(order)
        else:
            if plan.complete:
                self.matching.finish(order, Status.FILLED, EndReason.FILLED, effects)
            else:
                reason = EndReason.IOC if order.kind is LIMIT else EndReason.MARKET_REST
                self.matching.finish(order, CANCELED, reason, effects)
            released, order.hold = released + order.hold, 0
        if released:
            self._settle(order, effects, released=released, paid=paid, received=received, fee=fee)

    def _sum_fills(self, order: Order, trades: list[Trade]) -> tuple[int, int, int, int]:
        """Return (released, received, paid, fee) of a taker's trades; a limit buy releases at its own, worse price."""
        lots = sum(trade.quantity for trade in trades)
        value = sum(trade.quantity * trade.price for trade in trades)
        fee = sum(trade.taker_fee for trade in trades)
        base, quote = lots * self._lot_units, value * self._tick_lot_units
        if order.side is SELL:
            return base, quote, base, fee
        released = lots * order.price * self._tick_lot_units if order.kind is LIMIT else quote
        return released, base, quote, fee

    def _trade(self, taker: Order, match: Match, effects: Effects) -> Trade:
        maker, quantity = match
        base, quote = quantity * self._lot_units, maker.price * quantity * self._tick_lot_units
        to_taker, to_maker = (base, quote) if taker.side is BUY else (quote, base)
        market = self.matching.market
        fees = fee_of(to_maker, market.maker_fee_bps), fee_of(to_taker, market.taker_fee_bps)
        trade = self.matching.trade(taker, match, fees, effects)
        # a maker is a limit order and trades at its own price: what is released is what is paid
        maker.hold -= to_taker
        self._settle(maker, effects, released=to_taker, paid=to_taker, received=to_maker, fee=trade.maker_fee)
        if maker.filled == maker.quantity:
            self.matching.orders.remove(maker)
            self.matching.finish(maker, Status.FILLED, EndReason.FILLED, effects)
        return trade

    # Ending

    def cancel(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """Take an open order off the book and release what it holds."""
        self.matching.withdraw(order)
        self.matching.finish(order, CANCELED, reason, effects)
        self._release_rest(order, effects)

    def _release_rest(self, order: Order, effects: Effects) -> None:
        self._settle(order, effects, released=order.hold)
        order.hold = 0

    def _settle(
        self, order: Order, effects: Effects, *, released: int, paid: int = 0, received: int = 0, fee: int = 0
    ) -> None:
        market = self.matching.market
        base, quote = market.base, market.quote
        give, take = (quote, base) if order.side is BUY else (base, quote)
        effects.settlements.append(Settlement(order.account, give, take, released, paid, received, fee))

    def set_status(self, status: MarketStatus, effects: Effects) -> Rejected | None:
        """Change the status; never rejected."""
        self._change_status(status, effects)
        return None

    def restore(self, order: Order) -> None:
        """Restore an order with the hold in its snapshot."""
        self.matching.restore(order)


def _is_same(order: Order, new: NewOrder) -> bool:
    """Whether ``new`` equals ``order`` as placed."""
    return (order.side, order.kind, order.tif, order.price, order.quantity, order.quote_quantity) == (
        new.side,
        new.kind,
        new.tif,
        new.price,
        new.quantity,
        new.quote_quantity,
    )


def _refuse(order: Order, plan: Plan) -> RejectReason | None:
    """Return why an order that would trade is rejected."""
    if any(match.maker.account == order.account for match in plan.matches):
        return RejectReason.SELF_TRADE
    return RejectReason.POST_ONLY if order.tif is POST_ONLY else None
