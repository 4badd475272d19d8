"""A reference model of spot markets and wallets: lists, sorting, integers. Slow, and obviously right.

It shares only the message types with the engine.
"""

from collections import Counter, defaultdict

from msgspec.structs import astuple, replace

from shards.model import accounting
from shards.model import orders as o
from shards.model.commands import AddMarket, Cancel, CancelAll, CancelByClientId, Deposit, Place, SetMarketStatus
from shards.model.markets import Market, MarketStatus
from shards.model.queries import GetBalances, GetDepth, GetOrder
from shards.model.reasons import RejectReason
from shards.model.replies import (
    AmountReply,
    BalancesReply,
    DepthReply,
    MarketReply,
    OrderReply,
    OrdersReply,
    Rejected,
    Reply,
)

CONTENT = ("side", "kind", "tif", "price", "quantity", "quote_quantity")


class Reference:
    def __init__(self) -> None:
        self.now_ms = 0
        self.markets: dict[int, Market] = {}
        self.open: defaultdict[int, list[o.Order]] = defaultdict(list)  # per market, oldest first
        self.placed: Counter[int] = Counter()  # per market
        self.traded: Counter[int] = Counter()
        self.ended: dict[int, o.Order] = {}  # not archived yet
        self.signed: dict[tuple[object, ...], o.Order] = {}
        self.wallets: dict[tuple[str, str], accounting.Balance] = {}
        self.bookings: dict[tuple[str, str], tuple[str, int, int]] = {}

    def apply(self, message: object, now_ms: int) -> Reply:
        self.now_ms = now_ms
        match message:
            case Place(new):
                return self.place(new)
            case Cancel(number, account):
                return self.cancel_one(self.find(number), account)
            case CancelByClientId(market, account, client_id):
                return self.cancel_one(self.by_client_id(market, account, client_id), account)
            case CancelAll(account, market):
                own = [order for order in self.open[market] if order.account == account]
                return OrdersReply([self.cancel(order, o.EndReason.CANCEL_ALL) for order in own])
            case Deposit():
                return self.deposit(message)
            case AddMarket(market):
                self.markets.setdefault(market.number, market)
                return MarketReply(self.markets[market.number])
            case SetMarketStatus(number, status):
                return self.set_status(number, status)
            case GetOrder(number):
                order = self.find(number)
                return OrderReply(order) if order else Rejected(RejectReason.UNKNOWN_ORDER)
            case GetBalances(account):
                return BalancesReply([self.wallets[key] for key in sorted(self.wallets) if key[0] == account])
            case GetDepth(market, limit):
                return DepthReply(0, self.depth(market, o.Side.BUY)[:limit], self.depth(market, o.Side.SELL)[:limit])
        raise AssertionError(message)

    def find(self, number: int) -> o.Order | None:
        rest = [order for orders in self.open.values() for order in orders if order.id == number]
        return rest[0] if rest else self.ended.get(number)

    def by_client_id(self, market: int, account: str, client_id: str) -> o.Order | None:
        own = (order for order in self.open[market] if order.account == account)
        return next((order for order in own if order.client_id == client_id), None)

    def depth(self, market: int, side: o.Side) -> list[tuple[int, int]]:
        levels: Counter[int] = Counter()
        for order in self.open[market]:
            if order.side == side:
                levels[order.price] += order.quantity - order.filled
        return sorted(levels.items(), reverse=side == o.Side.BUY)

    def wallet(self, account: str, asset: str) -> accounting.Balance:
        return self.wallets.setdefault((account, asset), accounting.Balance(asset, 0, 0))

    def deposit(self, deposit: Deposit) -> Reply:
        key = deposit.account, deposit.reference
        if key in self.bookings:
            asset, amount, after = self.bookings[key]
            if (asset, amount) != (deposit.asset, deposit.amount):
                return Rejected(RejectReason.REFERENCE_CONFLICT)
            return AmountReply(after)
        found = self.wallets.get((deposit.account, deposit.asset))
        after = (found.available if found else 0) + deposit.amount
        if after < 0:
            return Rejected(RejectReason.INSUFFICIENT_BALANCE)
        self.wallet(deposit.account, deposit.asset).available = after
        self.bookings[key] = deposit.asset, deposit.amount, after
        return AmountReply(after)

    def set_status(self, number: int, status: MarketStatus) -> Reply:
        old = self.markets[number]
        if old.status == MarketStatus.DELISTED:
            return Rejected(RejectReason.MARKET_DELISTED)
        if status == MarketStatus.DELISTED:
            for order in list(self.open[number]):
                self.cancel(order, o.EndReason.DELIST)
        self.markets[number] = replace(old, status=status)
        return MarketReply(self.markets[number])

    def cancel_one(self, order: o.Order | None, account: str) -> Reply:
        if order is None:
            return Rejected(RejectReason.UNKNOWN_ORDER)
        if order.account != account:
            return Rejected(RejectReason.NOT_OWNER)
        if order.status not in (o.Status.OPEN, o.Status.PARTIALLY_FILLED):
            return Rejected(RejectReason.TERMINAL_ORDER)
        return OrderReply(self.cancel(order, o.EndReason.USER))

    def cancel(self, order: o.Order, reason: o.EndReason) -> o.Order:
        self.end(order, o.Status.CANCELED, reason)
        return order

    def end(self, order: o.Order, status: o.Status, reason: o.EndReason) -> None:
        wallet = self.wallet(order.account, self.held_asset(order))
        wallet.available, wallet.held = wallet.available + order.hold, wallet.held - order.hold
        order.hold, order.status, order.end_reason, order.updated_ms = 0, status, reason, self.now_ms
        self.open[order.market] = [other for other in self.open[order.market] if other.id != order.id]
        self.ended[order.id] = order

    def held_asset(self, order: o.Order | o.NewOrder) -> str:
        market = self.markets[order.market]
        return market.quote if order.side == o.Side.BUY else market.base

    def place(self, new: o.NewOrder) -> Reply:
        market = self.markets[new.market]
        if new.client_id:
            first = self.by_client_id(new.market, new.account, new.client_id)
            same = first and all(getattr(first, name) == getattr(new, name) for name in CONTENT)
            order = first if same else self.signed.get(astuple(new))
            if order:
                rejected = order.status == o.Status.REJECTED
                return (
                    Rejected(RejectReason(order.end_reason.value), order) if rejected else OrderReply(order, [], True)
                )
            if first:
                return Rejected(RejectReason.DUPLICATE_CLIENT_ID, first)
        if market.status != MarketStatus.LISTED:
            return Rejected(RejectReason("market_" + market.status.value))
        hold = new.quote_quantity or new.price * new.quantity * market.tick_lot_units
        if new.side == o.Side.SELL:
            hold = new.quantity * market.lot_units
        found = self.wallets.get((new.account, self.held_asset(new)))
        if not found or found.available < hold:
            return Rejected(RejectReason.INSUFFICIENT_BALANCE)
        found.available, found.held = found.available - hold, found.held + hold
        self.placed[new.market] += 1
        start = 0, 0, hold, o.Status.OPEN, o.EndReason.NONE, self.now_ms, self.now_ms
        order = o.Order(new.market * 2**40 + self.placed[new.market], *astuple(new)[:10], *start)  # type: ignore[call-arg]
        if new.client_id and new.signed_ms:
            self.signed[astuple(new)] = order
        matches, satisfied = self.match(order, market.tick_lot_units)
        own = any(maker.account == new.account for maker, _ in matches)
        if own or (matches and new.tif == o.TimeInForce.POST_ONLY):
            reason = RejectReason.SELF_TRADE if own else RejectReason.POST_ONLY
            self.end(order, o.Status.REJECTED, o.EndReason(reason.value))
            return Rejected(reason, order)
        trades = [self.trade(order, maker, quantity, market) for maker, quantity in matches]
        if satisfied:
            self.end(order, o.Status.FILLED, o.EndReason.FILLED)
        elif new.kind == o.Kind.LIMIT and new.tif != o.TimeInForce.IOC:
            self.open[new.market].append(order)
        else:
            self.cancel(order, o.EndReason.IOC if new.kind == o.Kind.LIMIT else o.EndReason.MARKET_REST)
        return OrderReply(order, trades)

    def match(self, order: o.Order, tick_lot: int) -> tuple[list[tuple[o.Order, int]], bool]:
        buy = order.side == o.Side.BUY
        others = [other for other in self.open[order.market] if other.side != order.side]
        others.sort(key=lambda other: (other.price if buy else -other.price, other.id))
        by_quote = buy and order.kind == o.Kind.MARKET
        left = order.quote_quantity if by_quote else order.quantity
        matches = []
        for maker in others:
            if order.kind == o.Kind.LIMIT and (maker.price > order.price if buy else maker.price < order.price):
                break
            unit = maker.price * tick_lot if by_quote else 1
            quantity = min(left // unit, maker.quantity - maker.filled)
            left -= quantity * unit
            matches += [(maker, quantity)] if quantity else []
            if quantity < maker.quantity - maker.filled:
                return matches, bool(matches)  # the rest does not pay for another lot
        return matches, bool(matches) and left < (tick_lot if by_quote else 1)

    def trade(self, taker: o.Order, maker: o.Order, quantity: int, market: Market) -> o.Trade:
        self.traded[market.number] += 1
        fees = {}
        for order, bps in ((taker, market.taker_fee_bps), (maker, market.maker_fee_bps)):
            base, quote = quantity * market.lot_units, quantity * maker.price * market.tick_lot_units
            buys = order.side == o.Side.BUY
            asset, paid, received = (market.base, quote, base) if buys else (market.quote, base, quote)
            fee = (received * bps + 9_999) // 10_000
            by_own_price = quantity * order.price * market.tick_lot_units
            released = by_own_price if buys and order.kind == o.Kind.LIMIT else paid
            wallet = self.wallet(order.account, self.held_asset(order))
            wallet.held, wallet.available = wallet.held - released, wallet.available + released - paid
            self.wallet(order.account, asset).available += received - fee
            order.hold -= released
            order.filled, order.filled_value = order.filled + quantity, order.filled_value + quantity * maker.price
            order.updated_ms, order.status = self.now_ms, o.Status.PARTIALLY_FILLED
            fees[order.id] = fee
        if maker.filled == maker.quantity:
            self.end(maker, o.Status.FILLED, o.EndReason.FILLED)
        head = market.number * 2**40 + self.traded[market.number], market.number, maker.price, quantity, taker.side
        both = maker.id, taker.id, maker.account, taker.account, fees[maker.id], fees[taker.id]
        return o.Trade(*head, *both, self.now_ms)  # type: ignore[arg-type]
