"""Random commands on one futures market."""

import random
from collections import deque
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from shards.model.accounting import Wallet
from shards.model.brackets import RiskChange
from shards.model.commands import (
    Cancel,
    CancelAll,
    CancelAllAfter,
    CancelBatch,
    CancelByClientId,
    Command,
    Deposit,
    Modify,
    Place,
    SetLeverage,
    SetMarketStatus,
    SetMarkPrice,
    SetRisk,
    TimerFired,
    Transfer,
)
from shards.model.markets import MarketStatus
from shards.model.orders import Kind, NewOrder, Order, Side, TimeInForce, Trigger, WatchedPrice
from shards.model.replies import OrderReply, Reply
from tests.model.futures_profiles import Profile, make_risk_terms
from tests.model.futures_reference import FuturesReference

OPEN_COUNT_MAX = 80  # the reference sorts all of them for every order
TIFS = (*[TimeInForce.GTC] * 6, TimeInForce.IOC, TimeInForce.POST_ONLY, TimeInForce.FOK, TimeInForce.FOK)
SIDES = (Side.BUY, Side.SELL)
TAKING = {Side.BUY: 1, Side.SELL: -1}
TRIGGERS = (Kind.STOP, Kind.STOP_MARKET, Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_MARKET, Kind.TRAILING_STOP_MARKET)


class Traders:
    """Generates the next command; looks at the reference to refer to existing orders."""

    def __init__(self, profile: Profile, chance: random.Random, reference: FuturesReference) -> None:
        self.profile = profile
        self.chance = chance
        self.reference = reference
        self.accounts = [f"trader-{number}" for number in range(profile.accounts)]
        self.known: deque[Order] = deque(maxlen=40)
        self.placed: deque[Place] = deque(maxlen=10)
        self.references = 0
        self.now_ms = 0
        makers: tuple[tuple[Callable[[], Command], int], ...] = (
            (self.place, profile.place),
            (self.place_trigger, profile.trigger),
            (self.place_again, 2),
            (self.modify, profile.modify),
            (self.cancel, profile.cancel),
            (self.cancel_by_client_id, 2),
            (self.cancel_batch, 2),
            (lambda: CancelAll(self.account(), 1, self.chance.random() < 0.4), 1),
            (lambda: CancelAllAfter(1, self.account(), self.chance.choice((0, 100, 1_000))), 1),
            (lambda: SetMarkPrice(1, self.chance.choice((0, self.price()))), profile.mark),
            (self.set_leverage, profile.leverage),
            (self.move, 2),
            (self.set_risk, 1 if reference.has_risk_terms or chance.random() < 0.3 else 0),
            (self.squeeze, 3 if reference.has_risk_terms else 0),
        )
        self.makers, self.weights = zip(*makers, strict=True)

    def opening(self) -> Iterator[Command]:
        """Commands before the first order."""
        for account in self.accounts:
            for wallet in Wallet:
                yield self.deposit(account, self.profile.funds * self.chance.randint(1, 4), wallet)

    def next(self) -> Command:
        self.now_ms += self.chance.choice((0, 1, 40))
        if any(due_ms <= self.now_ms for due_ms in self.reference.timers.values()):
            return TimerFired()
        if self.chance.random() < (0.1 if self.reference.market.status is MarketStatus.HALTED else 0.001):
            halted = self.reference.market.status is MarketStatus.HALTED
            status = MarketStatus.DELISTED if self.chance.random() < 0.2 else MarketStatus.HALTED
            return SetMarketStatus(1, MarketStatus.LISTED if halted else status)
        if len(self.open) > OPEN_COUNT_MAX:
            return CancelAll(self.account(), 1)
        make: Callable[[], Command] = self.chance.choices(self.makers, self.weights)[0]
        return make()

    @property
    def open(self) -> list[Order]:
        return self.reference.resting + self.reference.waiting

    def account(self) -> str:
        return self.chance.choice(self.accounts)

    def price(self) -> int:
        return self.profile.middle + self.chance.randint(-self.profile.reach, self.profile.reach)

    def lots(self) -> int:
        return self.chance.choice((1, 2, 5, self.chance.randint(1, 30), self.chance.randint(1, 300)))

    def new(self, side: Side, kind: Kind, price: int, quantity: int) -> NewOrder:
        """An order with the fields common to all."""
        tif = self.chance.choice(TIFS) if kind in (Kind.LIMIT, Kind.STOP, Kind.TAKE_PROFIT) else TimeInForce.GTC
        name = f"c{self.chance.randint(1, 5)}" if self.chance.random() < 0.15 else ""
        signed_ms = self.now_ms - self.chance.randint(0, 3) if self.chance.random() < 0.5 else 0
        return NewOrder(1, self.account(), side, kind, tif, price, quantity, 0, name, signed_ms)

    def place(self) -> Place:
        side, quantity = self.chance.choice(SIDES), self.lots()
        market = self.chance.random() < 0.12
        kind, price = (Kind.MARKET, 0) if market else (Kind.LIMIT, self.price())
        new = self.new(side, kind, price, quantity)
        reduces = self.chance.random() < self.profile.reduce
        size = self.reference.wallets[new.account].size
        if reduces and size and self.chance.random() < 0.8:
            new = replace(new, side=Side.SELL if size > 0 else Side.BUY)
            if price and self.reference.mark and self.chance.random() < 0.5:  # a little worse than the mark price
                away = self.chance.randint(0, max(2, self.profile.reach // 4)) * (1 if size < 0 else -1)
                new = replace(new, price=max(1, self.reference.mark + away))
        profit, loss = (self.attached(new, direction) for direction in (1, -1))
        place = Place(replace(new, reduce_only=reduces, take_profit=profit, stop_loss=loss))
        self.placed.append(place)
        return place

    def attached(self, new: NewOrder, direction: int) -> Trigger | None:
        if self.chance.random() >= self.profile.attach:
            return None
        away = self.chance.randint(-1 if self.chance.random() < 0.1 else 1, max(2, self.profile.reach // 2))
        price = (new.price or self.profile.middle) + TAKING[new.side] * direction * away
        kind = Kind.TAKE_PROFIT_MARKET if direction > 0 else Kind.STOP_MARKET
        return Trigger(kind, max(1, price), self.chance.choice(list(WatchedPrice)), self.chance.random() < 0.2)

    def place_trigger(self) -> Place:
        chance, kind = self.chance, self.chance.choice(TRIGGERS)
        price = self.price() if kind in (Kind.STOP, Kind.TAKE_PROFIT) else 0
        new = self.new(chance.choice(SIDES), kind, price, self.lots())
        parents = [order for order in self.open if order not in self.reference.waiting]
        parent = chance.choice(parents) if parents and chance.random() < 0.35 else None
        if parent:
            quantity = new.quantity if chance.random() < 0.5 else 0
            account = parent.account if chance.random() < 0.95 else new.account
            side = Side.SELL if parent.side is Side.BUY else Side.BUY
            new = replace(new, account=account, side=side, quantity=quantity)
        trailing = kind is Kind.TRAILING_STOP_MARKET
        trigger = Trigger(
            kind,
            0 if trailing else self.price(),
            chance.choice(list(WatchedPrice)),
            chance.random() < 0.3,
            self.price() if trailing and chance.random() < 0.5 else 0,
            chance.randint(10, 60) * (100 if self.profile.middle < 100 else 1) if trailing else 0,
            parent.id if parent else 0,
        )
        closes = kind in (Kind.STOP_MARKET, Kind.TAKE_PROFIT_MARKET) and not parent and chance.random() < 0.25
        new = replace(new, trigger=trigger, close_position=closes, quantity=0 if closes else new.quantity)
        place = Place(replace(new, reduce_only=not closes and chance.random() < 0.4))
        self.placed.append(place)
        return place

    def place_again(self) -> Place:
        """An exact repeat within the time window of signed requests; or one with another price."""
        recent = [place for place in self.placed if self.now_ms - place.order.signed_ms < 5_000]
        if not recent:
            return self.place()
        place = self.chance.choice(recent)
        new = place.order
        if self.chance.random() < 0.2 and not (new.reduce_only or new.close_position or new.trigger):
            return Place(replace(new, quantity=new.quantity + 1))
        return place

    def some_order(self) -> Order | None:
        among = self.open if self.chance.random() < 0.85 else [*self.known]
        return self.chance.choice(among) if among else None

    def owner(self, order: Order) -> str:
        return order.account if self.chance.random() < 0.96 else self.account()

    def modify(self) -> Command:
        order = self.some_order()
        if order is None:
            return self.place()
        price, quantity = self.price(), order.filled + self.lots()
        stop_price = self.price() if order.trigger else 0
        chosen = self.chance.choice(((price, 0, 0), (0, quantity, 0), (price, quantity, 0), (0, 0, stop_price)))
        if self.chance.random() < 0.1:
            chosen = (order.price, self.chance.choice((0, order.quantity, max(1, order.filled))), 0)
        return Modify(order.id, self.owner(order), *(chosen if any(chosen) else (price, 0, 0)))

    def cancel(self) -> Command:
        order = self.some_order()
        if order is None:
            return self.place()
        number = order.id if self.chance.random() < 0.98 else order.id + 10**6
        return Cancel(number, self.owner(order))

    def cancel_by_client_id(self) -> Command:
        return CancelByClientId(1, self.account(), f"c{self.chance.randint(1, 5)}")

    def cancel_batch(self) -> Command:
        account = self.account()
        found = [order for order in (self.some_order() for _ in range(5)) if order]
        ids = [order.id for order in found if order.account == account or self.chance.random() < 0.3]
        names = [f"c{self.chance.randint(1, 5)}" for _ in range(2)]
        return CancelBatch(1, account, [*ids, *ids[:1]]) if ids else CancelBatch(1, account, [], names)

    def set_leverage(self) -> SetLeverage:
        """No more than the API accepts."""
        most = self.reference.brackets[0].max_leverage if self.reference.has_risk_terms else 125
        default = self.reference.terms.default_leverage
        return SetLeverage(self.account(), 1, min(most, self.chance.choice((1, 3, default, 20, 125))), default)

    def set_risk(self) -> SetRisk:
        tightness = self.chance.choice((1, 1, 2))
        fee = None if tightness == 1 else self.references % 3  # sometimes unchanged, sometimes 0
        return SetRisk(1, RiskChange(make_risk_terms(self.profile, tightness).brackets, fee))

    def squeeze(self) -> Command:
        """Put an account at risk: first withdraw everything possible, then move the mark price far enough."""
        reference = self.reference
        held = [account for account in self.accounts if reference.wallets[account].size]
        if not held:
            return self.move()
        account = self.chance.choice(held)
        if reference.free(account) > 0:
            return self.deposit(account, -reference.free(account), Wallet.FUTURES)
        size = reference.wallets[account].size
        away = max(0, reference.surplus(account)) // (abs(size) * reference.unit) + 1
        return SetMarkPrice(1, max(1, reference.mark - (away if size > 0 else -away)))

    def deposit(self, account: str, amount: int, wallet: Wallet) -> Deposit:
        self.references += 1
        return Deposit(account, "USDT", amount, f"r{self.references}", wallet)

    def move(self) -> Command:
        amount = self.chance.randint(1, self.profile.funds)
        if self.chance.random() < 0.5:
            return Transfer(self.account(), "USDT", self.chance.choice(list(Wallet)), amount)
        return self.deposit(self.account(), self.chance.choice((amount, -amount)), Wallet.FUTURES)

    def hear(self, reply: Reply | None) -> None:
        if isinstance(reply, OrderReply):
            self.known.append(reply.order)
