"""Price bounds, holds and funding of orders of one futures market, as simply as possible."""

from collections import Counter
from collections.abc import Iterator

from shards.model import orders as o
from shards.model.reasons import RejectReason
from tests.model.futures_risk import MILLION, Funds, is_within, nearest, worse_by
from tests.model.futures_state import FuturesState
from tests.model.futures_wallets import ceil


class FuturesPrices(FuturesState):
    def makers(self, side: o.Side, limit: int) -> list[o.Order]:
        """The resting orders that one of ``side`` limited to ``limit`` would match, best price first, then time."""
        sign = 1 if side is o.Side.BUY else -1
        return [maker for maker in sorted_makers(self.resting, side) if maker.price * sign <= limit * sign]

    def best(self, side: o.Side) -> int:
        """The best resting price of ``side``; 0 if there is none."""
        prices = [order.price for order in self.resting if order.side is side]
        return max(prices, default=0) if side is o.Side.BUY else min(prices, default=0)

    def bound(self, side: o.Side) -> int:
        """The worst price of a market order in a market without risk terms."""
        if side is o.Side.BUY:
            return max(self.mark, self.best(o.Side.SELL)) * (MILLION + self.terms.market_take_bound) // MILLION
        lowest = min(self.mark or self.best(o.Side.BUY), self.best(o.Side.BUY) or self.mark)
        return ceil(lowest * (MILLION - self.terms.market_take_bound), MILLION)

    def limit(self, new: o.NewOrder | o.Order, quantity: int) -> int:
        """The worst price at which that quantity may trade with the current book; 0: none."""
        if new.kind is o.Kind.LIMIT:
            return new.price
        if not self.has_risk_terms:
            return self.bound(new.side)
        reached = self.mark
        for maker, lots in self.offers(new, self.makers_in_band(new.side)):
            if quantity > 0 and lots:
                reached, quantity = maker.price, quantity - lots
        return reached

    def makers_in_band(self, side: o.Side) -> list[o.Order]:
        """Those within the band around the mark price or, before there is one, around the best of them."""
        makers = sorted_makers(self.resting, side)
        middle = self.mark or (makers[0].price if makers else 0)
        return [maker for maker in makers if is_within(side, maker.price, middle, self.terms.market_take_bound)]

    def offers(self, new: o.NewOrder | o.Order, makers: list[o.Order]) -> Iterator[tuple[o.Order, int]]:
        """Quantity taken from each: none of its own orders, of reduce-only orders at most what is reducible."""
        sizes = Counter({account: abs(wallet.size) for account, wallet in self.wallets.items()})
        for maker in makers:
            lots = maker.quantity - maker.filled if maker.account != new.account else 0
            if maker.reduce_only:
                lots = min(lots, max(0, sizes[maker.account]))
            sizes[maker.account] -= lots  # only considered if it is on the other side, so it can only shrink
            yield maker, lots

    def within_first(self, new: o.NewOrder | o.Order, limit: int) -> int:
        """The limit, or the worst price within the band around its own first fill, if that sets the mark price."""
        offers = [] if self.mark or not self.has_risk_terms else self.offers(new, self.makers(new.side, limit))
        first = next((maker.price for maker, lots in offers if lots), 0)
        return nearest(new.side, limit, first, self.terms.market_take_bound)

    def hold_price(self, new: o.NewOrder | o.Order, limit: int) -> int:
        """The highest price that its margin must cover: a sale may fill above its limit."""
        return limit if new.side is o.Side.BUY else max(new.price, self.best(o.Side.BUY), self.mark)

    def loss(self, new: o.NewOrder | o.Order, limit: int) -> int:
        """Ticks that each lot loses against the mark price if it trades at its limit."""
        return worse_by(new.side, limit, self.mark) if self.has_risk_terms else 0

    def out_of_band(self, side: o.Side, price: int) -> RejectReason | None:
        """Why a limit price may not be so far from the mark price."""
        if not self.has_risk_terms or is_within(side, price, self.mark, self.terms.market_take_bound):
            return None
        return RejectReason.PRICE_TOO_HIGH if side is o.Side.BUY else RejectReason.PRICE_TOO_LOW

    def is_out_of_band(self, order: o.Order) -> bool:
        return order.kind is o.Kind.LIMIT and self.out_of_band(order.side, order.price) is not None

    def allowance(self, account: str) -> int:
        """Distance from the mark price, in millionths, within which reduce-only orders need no hold; 0 if at risk."""
        return self.brackets[0].ratio if self.has_risk_terms and self.surplus(account) > 0 else 0

    def leave(self, new: o.NewOrder | o.Order, quantity: int, limit: int) -> int | None:
        """Ticks that each lot of a reduce-only order holds; None: it may not lose that much."""
        loss = self.loss(new, limit)
        if not loss or is_within(new.side, limit, self.mark, self.allowance(new.account)):
            return 0
        more = max(0, loss * quantity * self.unit - getattr(new, "hold", 0))
        return loss if not more or self.has_leave(new, quantity, more) else None

    def is_uncovered(self, order: o.Order) -> bool:
        """Whether it would lose more at its price than it holds for losses."""
        return self.loss(order, order.price) > order.loss

    def fund(self, new: o.NewOrder | o.Order, quantity: int) -> Funds | RejectReason:
        """What so much of a new order holds, and the price limit that follows; or the rejection."""
        limit = self.limit(new, quantity)
        if new.reduce_only:
            loss = self.leave(new, quantity, limit)
            if loss is None and new.kind is o.Kind.LIMIT:
                return RejectReason.NO_LEAVE
            return Funds(
                nearest(new.side, limit, self.mark, self.allowance(new.account)) if loss is None else limit,
                0,
                0,
                loss or 0,
            )
        leverage, hold_price, loss = self.leverage_of(new.account), self.hold_price(new, limit), self.loss(new, limit)
        lots = quantity * self.unit
        hold = ceil(hold_price * lots, leverage) + loss * lots
        cost = hold_price if self.has_risk_terms else new.price or hold_price  # a sale may fill above its price
        reason = self.refuse_margin(new, leverage, cost * lots, hold)
        return reason or Funds(limit, hold_price, leverage, loss)


def sorted_makers(resting: list[o.Order], side: o.Side) -> list[o.Order]:
    """Orders of the other side, best price first, then time."""
    sign = 1 if side is o.Side.BUY else -1
    return sorted((order for order in resting if order.side is not side), key=lambda order: order.price * sign)
