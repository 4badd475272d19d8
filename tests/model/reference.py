"""The spot market and the wallets in the plainest way: lists, sorting, whole numbers. Slow, and obviously right.
It shares the words of the product, its messages, with the engine, and nothing else."""

from collections import Counter, defaultdict

from msgspec.structs import astuple, replace

from shards import messages as m
from shards.markets import Market, MarketStatus

CONTENT = ("side", "kind", "tif", "price", "quantity", "quote_quantity")


class Reference:
    def __init__(self) -> None:
        self.now_ms = 0
        self.markets: dict[int, Market] = {}
        self.open: defaultdict[int, list[m.Order]] = defaultdict(list)  # per market, oldest first
        self.placed: Counter[int] = Counter()  # per market
        self.traded: Counter[int] = Counter()
        self.ended: dict[int, m.Order] = {}  # not archived yet
        self.signed: dict[tuple[object, ...], m.Order] = {}
        self.wallets: dict[tuple[str, str], m.Balance] = {}
        self.bookings: dict[tuple[str, str], tuple[str, int, int]] = {}

    def apply(self, message: object, now_ms: int) -> m.Reply:
        self.now_ms = now_ms
        match message:
            case m.Place(new):
                return self.place(new)
            case m.Cancel(number, account):
                return self.cancel_one(self.find(number), account)
            case m.CancelByClientId(market, account, client_id):
                return self.cancel_one(self.by_client_id(market, account, client_id), account)
            case m.CancelAll(account, market):
                own = [order for order in self.open[market] if order.account == account]
                return m.OrdersReply([self.cancel(order, m.EndReason.CANCEL_ALL) for order in own])
            case m.Deposit():
                return self.deposit(message)
            case m.AddMarket(market):
                self.markets.setdefault(market.number, market)
                return m.MarketReply(self.markets[market.number])
            case m.SetMarketStatus(number, status):
                return self.set_status(number, status)
            case m.GetOrder(number):
                order = self.find(number)
                return m.OrderReply(order) if order else m.Refused(m.Reason.UNKNOWN_ORDER)
            case m.GetBalances(account):
                return m.BalancesReply([self.wallets[key] for key in sorted(self.wallets) if key[0] == account])
            case m.GetDepth(market, limit):
                return m.DepthReply(0, self.depth(market, m.Side.BUY)[:limit], self.depth(market, m.Side.SELL)[:limit])
        raise AssertionError(message)

    def find(self, number: int) -> m.Order | None:
        rest = [order for orders in self.open.values() for order in orders if order.id == number]
        return rest[0] if rest else self.ended.get(number)

    def by_client_id(self, market: int, account: str, client_id: str) -> m.Order | None:
        own = (order for order in self.open[market] if order.account == account)
        return next((order for order in own if order.client_id == client_id), None)

    def depth(self, market: int, side: m.Side) -> list[tuple[int, int]]:
        levels: Counter[int] = Counter()
        for order in self.open[market]:
            if order.side == side:
                levels[order.price] += order.quantity - order.filled
        return sorted(levels.items(), reverse=side == m.Side.BUY)

    def wallet(self, account: str, asset: str) -> m.Balance:
        return self.wallets.setdefault((account, asset), m.Balance(asset, 0, 0))

    def deposit(self, deposit: m.Deposit) -> m.Reply:
        key = deposit.account, deposit.reference
        if key in self.bookings:
            asset, amount, after = self.bookings[key]
            if (asset, amount) != (deposit.asset, deposit.amount):
                return m.Refused(m.Reason.REFERENCE_CONFLICT)
            return m.AmountReply(after)
        found = self.wallets.get((deposit.account, deposit.asset))
        after = (found.available if found else 0) + deposit.amount
        if after < 0:
            return m.Refused(m.Reason.INSUFFICIENT_BALANCE)
        self.wallet(deposit.account, deposit.asset).available = after
        self.bookings[key] = deposit.asset, deposit.amount, after
        return m.AmountReply(after)

    def set_status(self, number: int, status: MarketStatus) -> m.Reply:
        old = self.markets[number]
        if old.status == MarketStatus.DELISTED:
            return m.Refused(m.Reason.MARKET_DELISTED)
        if status == MarketStatus.DELISTED:
            for order in list(self.open[number]):
                self.cancel(order, m.EndReason.DELIST)
        self.markets[number] = replace(old, status=status)
        return m.MarketReply(self.markets[number])

    def cancel_one(self, order: m.Order | None, account: str) -> m.Reply:
        if order is None:
            return m.Refused(m.Reason.UNKNOWN_ORDER)
        if order.account != account:
            return m.Refused(m.Reason.NOT_OWNER)
        if order.status not in (m.Status.OPEN, m.Status.PARTIALLY_FILLED):
            return m.Refused(m.Reason.TERMINAL_ORDER)
        return m.OrderReply(self.cancel(order, m.EndReason.USER))

    def cancel(self, order: m.Order, reason: m.EndReason) -> m.Order:
        self.end(order, m.Status.CANCELED, reason)
        return order

    def end(self, order: m.Order, status: m.Status, reason: m.EndReason) -> None:
        wallet = self.wallet(order.account, self.held_asset(order))
        wallet.available, wallet.held = wallet.available + order.hold, wallet.held - order.hold
        order.hold, order.status, order.end_reason, order.updated_ms = 0, status, reason, self.now_ms
        self.open[order.market] = [other for other in self.open[order.market] if other.id != order.id]
        self.ended[order.id] = order

    def held_asset(self, order: m.Order | m.NewOrder) -> str:
        market = self.markets[order.market]
        return market.quote if order.side == m.Side.BUY else market.base

    def place(self, new: m.NewOrder) -> m.Reply:
        market = self.markets[new.market]
        if new.client_id:
            first = self.by_client_id(new.market, new.account, new.client_id)
            order = first or self.signed.get(astuple(new))
            same = order and all(getattr(order, name) == getattr(new, name) for name in CONTENT)
            if order and same:
                rejected = order.status == m.Status.REJECTED
                return m.Refused(m.Reason(order.end_reason.value), order) if rejected else m.OrderReply(order, [], True)
            if first:
                return m.Refused(m.Reason.DUPLICATE_CLIENT_ID, first)
        if market.status != MarketStatus.LISTED:
            return m.Refused(m.Reason("market_" + market.status.value))
        hold = new.quote_quantity or new.price * new.quantity * market.tick_lot_units
        if new.side == m.Side.SELL:
            hold = new.quantity * market.lot_units
        found = self.wallets.get((new.account, self.held_asset(new)))
        if not found or found.available < hold:
            return m.Refused(m.Reason.INSUFFICIENT_BALANCE)
        found.available, found.held = found.available - hold, found.held + hold
        self.placed[new.market] += 1
        start = 0, 0, hold, m.Status.OPEN, m.EndReason.NONE, self.now_ms, self.now_ms
        order = m.Order(new.market * 2**40 + self.placed[new.market], *astuple(new)[:10], *start)  # type: ignore[call-arg]
        if new.client_id and new.signed_ms:
            self.signed[astuple(new)] = order
        matches, satisfied = self.match(order, market.tick_lot_units)
        own = any(maker.account == new.account for maker, _ in matches)
        if own or (matches and new.tif == m.TimeInForce.POST_ONLY):
            reason = m.Reason.SELF_TRADE if own else m.Reason.POST_ONLY
            self.end(order, m.Status.REJECTED, m.EndReason(reason.value))
            return m.Refused(reason, order)
        trades = [self.trade(order, maker, quantity, market) for maker, quantity in matches]
        if satisfied:
            self.end(order, m.Status.FILLED, m.EndReason.FILLED)
        elif new.kind == m.Kind.LIMIT and new.tif != m.TimeInForce.IOC:
            self.open[new.market].append(order)
        else:
            self.cancel(order, m.EndReason.IOC if new.kind == m.Kind.LIMIT else m.EndReason.MARKET_REST)
        return m.OrderReply(order, trades)

    def match(self, order: m.Order, tick_lot: int) -> tuple[list[tuple[m.Order, int]], bool]:
        buy = order.side == m.Side.BUY
        others = [other for other in self.open[order.market] if other.side != order.side]
        others.sort(key=lambda other: (other.price if buy else -other.price, other.id))
        by_quote = buy and order.kind == m.Kind.MARKET
        left = order.quote_quantity if by_quote else order.quantity
        matches = []
        for maker in others:
            if order.kind == m.Kind.LIMIT and (maker.price > order.price if buy else maker.price < order.price):
                break
            unit = maker.price * tick_lot if by_quote else 1
            quantity = min(left // unit, maker.quantity - maker.filled)
            left -= quantity * unit
            matches += [(maker, quantity)] if quantity else []
            if quantity < maker.quantity - maker.filled:
                return matches, bool(matches)  # what is left buys no further lot
        return matches, bool(matches) and left < (tick_lot if by_quote else 1)

    def trade(self, taker: m.Order, maker: m.Order, quantity: int, market: Market) -> m.Trade:
        self.traded[market.number] += 1
        fees = {}
        for order, bps in ((taker, market.taker_fee_bps), (maker, market.maker_fee_bps)):
            base, quote = quantity * market.lot_units, quantity * maker.price * market.tick_lot_units
            buys = order.side == m.Side.BUY
            asset, paid, received = (market.base, quote, base) if buys else (market.quote, base, quote)
            fee = (received * bps + 9_999) // 10_000
            by_own_price = quantity * order.price * market.tick_lot_units
            unheld = by_own_price if buys and order.kind == m.Kind.LIMIT else paid
            wallet = self.wallet(order.account, self.held_asset(order))
            wallet.held, wallet.available = wallet.held - unheld, wallet.available + unheld - paid
            self.wallet(order.account, asset).available += received - fee
            order.hold -= unheld
            order.filled, order.filled_value = order.filled + quantity, order.filled_value + quantity * maker.price
            order.updated_ms, order.status = self.now_ms, m.Status.PARTIALLY_FILLED
            fees[order.id] = fee
        if maker.filled == maker.quantity:
            self.end(maker, m.Status.FILLED, m.EndReason.FILLED)
        head = market.number * 2**40 + self.traded[market.number], market.number, maker.price, quantity, taker.side
        both = maker.id, taker.id, maker.account, taker.account, fees[maker.id], fees[taker.id]
        return m.Trade(*head, *both, self.now_ms)  # type: ignore[arg-type]
