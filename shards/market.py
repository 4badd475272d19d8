"""The market machine: the books, open orders and status of one market. Pure: no clock, no I/O, no money.

Every change of money it causes leaves as a :class:`Settlement` for the account machine; every order that ends and
every trade leaves as a row for the archive.
"""

import msgspec

from shards.book import Book
from shards.ids import make_number
from shards.limits import OPEN_ORDERS_MAX
from shards.markets import Market, MarketStatus
from shards.matching import Match, Plan, plan_matches
from shards.messages import (
    EndReason,
    Kind,
    MarketChanged,
    NewOrder,
    Order,
    OrderEnded,
    OrderReply,
    Reason,
    Refused,
    Row,
    Settlement,
    Side,
    Status,
    TimeInForce,
    Trade,
    Traded,
)
from shards.replays import Replays, expiry
from shards.units import ceil_div


class Effects:
    """What one input does outside of its market: money to settle, rows for the archive."""

    __slots__ = ("now_ms", "request", "rows", "settlements")

    def __init__(self, now_ms: int, request: int) -> None:
        self.now_ms = now_ms
        self.request = request
        self.settlements: list[Settlement] = []
        self.rows: list[Row] = []


class MarketMachine:
    """One market."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._lot_units = market.lot_units
        self._tick_lot_units = market.tick_lot_units
        self.book = Book()
        self.open: dict[int, Order] = {}
        self.by_account: dict[str, dict[int, Order]] = {}
        self.by_client: dict[tuple[str, str], Order] = {}
        self.replays = Replays()
        self.order_sequence = 0
        self.trade_sequence = 0
        self.update_id = 0

    # Placing

    def check(self, new: NewOrder) -> OrderReply | Refused | None:
        """What stands against placing ``new`` before its money is asked for; None if nothing does.

        Not against it but answering it: the first order of the same client id.
        """
        first = self.by_client.get((new.account, new.client_id)) if new.client_id else None
        if first is not None:
            if _same_content(first, new):
                return OrderReply(first, repeated=True)
            return Refused(Reason.DUPLICATE_CLIENT_ID, first)
        first = self.replays.find(new)
        if first is not None:
            if first.status is Status.REJECTED:
                return Refused(Reason(first.end_reason.value), first)
            return OrderReply(first, repeated=True)
        if self.market.status is MarketStatus.DELISTED:
            return Refused(Reason.MARKET_DELISTED)
        if self.market.status is MarketStatus.HALTED:
            return Refused(Reason.MARKET_HALTED)
        if len(self.by_account.get(new.account, ())) >= OPEN_ORDERS_MAX:
            return Refused(Reason.TOO_MANY_OPEN_ORDERS)
        return None

    def hold_of(self, new: NewOrder) -> tuple[str, int]:
        """(asset, units) that must be held before ``new`` may be placed."""
        if new.side is Side.SELL:
            return self.market.base, new.quantity * self._lot_units
        if new.kind is Kind.MARKET:
            return self.market.quote, new.quote_quantity
        return self.market.quote, new.price * new.quantity * self._tick_lot_units

    def place(self, new: NewOrder, effects: Effects) -> OrderReply | Refused:
        """Match ``new``, whose money is held, and rest or end what is left of it."""
        order = self._create(new, effects.now_ms)
        against = self.book.opposite(order.side)
        plan = plan_matches(order, against, order.quote_quantity // self._tick_lot_units)
        refusal = self._refuse(order, plan)
        if refusal is not None:
            order.status = Status.REJECTED
            self._end(order, EndReason(refusal.value), effects)
            self._settle(order, effects, unheld=order.hold)
            order.hold = 0
            return Refused(refusal, order)
        trades = [self._trade(order, match, effects) for match in plan.matches]
        self._after_matching(order, plan, trades, effects)
        return OrderReply(order, trades)

    def _create(self, new: NewOrder, now_ms: int) -> Order:
        self.order_sequence += 1
        order = Order(
            id=make_number(self.market.number, self.order_sequence),
            market=new.market,
            account=new.account,
            side=new.side,
            kind=new.kind,
            tif=new.tif,
            price=new.price,
            quantity=new.quantity,
            quote_quantity=new.quote_quantity,
            client_id=new.client_id,
            signed_ms=new.signed_ms,
            filled=0,
            filled_value=0,
            hold=self.hold_of(new)[1],
            status=Status.OPEN,
            end_reason=EndReason.NONE,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        self.replays.expire(now_ms)
        self.replays.remember(order, expiry(now_ms))
        return order

    def _refuse(self, order: Order, plan: Plan) -> Reason | None:
        if order.account in self.by_account and any(match.maker.account == order.account for match in plan.matches):
            return Reason.SELF_TRADE
        if order.tif is TimeInForce.POST_ONLY and plan.matches:
            return Reason.POST_ONLY
        return None

    def _after_matching(self, order: Order, plan: Plan, trades: list[Trade], effects: Effects) -> None:
        rests = order.kind is Kind.LIMIT and order.tif is not TimeInForce.IOC
        unheld, received, paid, fee = self._sum_fills(order, trades)
        order.hold -= unheld
        if plan.complete:
            order.status = Status.FILLED
            self._end(order, EndReason.FILLED, effects)
        elif rests:
            self._rest(order)
        else:
            order.status = Status.CANCELED
            self._end(order, EndReason.IOC if order.kind is Kind.LIMIT else EndReason.MARKET_REST, effects)
        if order.id not in self.open:
            unheld, order.hold = unheld + order.hold, 0
        if unheld:
            self._settle(order, effects, unheld=unheld, paid=paid, received=received, fee=fee)

    def _sum_fills(self, order: Order, trades: list[Trade]) -> tuple[int, int, int, int]:
        """(unheld, received, paid, fee) of a taker's trades; a limit buy is unheld at its own, worse price."""
        lots = sum(trade.quantity for trade in trades)
        value = sum(trade.quantity * trade.price for trade in trades)
        fee = sum(trade.taker_fee for trade in trades)
        base, quote = lots * self._lot_units, value * self._tick_lot_units
        if order.side is Side.SELL:
            return base, quote, base, fee
        unheld = lots * order.price * self._tick_lot_units if order.kind is Kind.LIMIT else quote
        return unheld, base, quote, fee

    def _trade(self, taker: Order, match: Match, effects: Effects) -> Trade:
        maker, quantity = match
        market, price = self.market, maker.price
        value = price * quantity
        base, quote = quantity * self._lot_units, value * self._tick_lot_units
        to_taker, to_maker = (base, quote) if taker.side is Side.BUY else (quote, base)
        self.trade_sequence += 1
        trade = Trade(
            id=make_number(market.number, self.trade_sequence),
            market=market.number,
            price=price,
            quantity=quantity,
            taker_side=taker.side,
            maker_order=maker.id,
            taker_order=taker.id,
            maker_account=maker.account,
            taker_account=taker.account,
            maker_fee=ceil_div(to_maker * market.maker_fee_bps, 10_000),
            taker_fee=ceil_div(to_taker * market.taker_fee_bps, 10_000),
            time_ms=effects.now_ms,
        )
        effects.rows.append(Traded(trade))
        self.book.side(maker.side).take(maker, quantity)
        self.update_id += 1
        for order in (taker, maker):
            order.filled += quantity
            order.filled_value += value
            order.updated_ms = effects.now_ms
        taker.status = Status.PARTIALLY_FILLED
        # a maker is a limit order and trades at its own price: what is unheld is what is paid
        maker.hold -= to_taker
        self._settle(maker, effects, unheld=to_taker, paid=to_taker, received=to_maker, fee=trade.maker_fee)
        if maker.filled == maker.quantity:
            maker.status = Status.FILLED
            self._forget(maker)
            self._end(maker, EndReason.FILLED, effects)
        else:
            maker.status = Status.PARTIALLY_FILLED
        return trade

    # Ending

    def cancel(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """Take an open order off the book and give back all that is held for it."""
        self.book.side(order.side).remove(order)
        self.update_id += 1
        self._forget(order)
        order.status = Status.CANCELED
        self._end(order, reason, effects)
        self._settle(order, effects, unheld=order.hold)
        order.hold = 0

    def cancel_account(self, account: str, reason: EndReason, effects: Effects) -> list[Order]:
        """Cancel all open orders of ``account``, oldest first."""
        orders = sorted(self.by_account.get(account, {}).values(), key=_age)
        for order in orders:
            self.cancel(order, reason, effects)
        return orders

    def set_status(self, status: MarketStatus, effects: Effects) -> None:
        """Change the status; delisting cancels every open order with release first."""
        if status is MarketStatus.DELISTED:
            for order in sorted(self.open.values(), key=_age):
                self.cancel(order, EndReason.DELIST, effects)
        self.market = msgspec.structs.replace(self.market, status=status)
        effects.rows.append(MarketChanged(self.market, effects.now_ms))

    def release(self, new: NewOrder, effects: Effects) -> None:
        """Give back what is held for an order that is not placed after all."""
        asset, amount = self.hold_of(new)
        effects.settlements.append(Settlement(new.account, asset, asset, amount, 0, 0, 0))

    def _end(self, order: Order, reason: EndReason, effects: Effects) -> None:
        order.end_reason = reason
        order.updated_ms = effects.now_ms
        order.request = effects.request
        effects.rows.append(OrderEnded(order))

    def _settle(
        self, order: Order, effects: Effects, *, unheld: int, paid: int = 0, received: int = 0, fee: int = 0
    ) -> None:
        base, quote = self.market.base, self.market.quote
        give, take = (quote, base) if order.side is Side.BUY else (base, quote)
        effects.settlements.append(Settlement(order.account, give, take, unheld, paid, received, fee))

    # The indexes of open orders

    def _rest(self, order: Order) -> None:
        self.update_id += 1
        self.restore(order)

    def restore(self, order: Order) -> None:
        """Put an open order into the book and the indexes, behind those already there."""
        self.book.side(order.side).add(order)
        self.open[order.id] = order
        self.by_account.setdefault(order.account, {})[order.id] = order
        if order.client_id:
            self.by_client[order.account, order.client_id] = order

    def _forget(self, order: Order) -> None:
        del self.open[order.id]
        own = self.by_account[order.account]
        del own[order.id]
        if not own:
            del self.by_account[order.account]
        if order.client_id:
            del self.by_client[order.account, order.client_id]


def _age(order: Order) -> tuple[int, int]:
    return order.created_ms, order.id


def _same_content(order: Order, new: NewOrder) -> bool:
    return (order.side, order.kind, order.tif, order.price, order.quantity, order.quote_quantity) == (
        new.side,
        new.kind,
        new.tif,
        new.price,
        new.quantity,
        new.quote_quantity,
    )
