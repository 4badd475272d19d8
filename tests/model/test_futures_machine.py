"""Spot and futures markets of one exchange under random trading, late delivery, death and recovery; every invariant."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import multiple, rule
from msgspec.structs import replace

from shards.model.accounting import Wallet
from shards.model.brackets import RiskChange, RiskTerms, make_brackets
from shards.model.commands import (
    AddMarket,
    CancelAll,
    CancelAllAfter,
    CancelBatch,
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
from shards.model.markets import FuturesTerms, Market, MarketStatus, Product
from shards.model.orders import Kind, NewOrder, Order, Side, TimeInForce, Trigger, WatchedPrice
from tests.model.exchange_machine import ACCOUNTS, Exchange, accounts, client_ids, eager, run

FUTURES = {11: "BTCUSDT", 12: "ETHUSDT"}  # the first shares its symbol with a spot market
FUNDS = 25_000  # units; a lot costs about 700, so that money and the position limit run out at times
TERMS = FuturesTerms(10**6, 60_000, 1, 125, 5, 5_000, 20_000, 20_000)
RISKS = [  # a tick is a hundredth of the price: one is within the first ratio, two within the band
    RiskTerms(make_brackets([(20_000, 40, 12_000), (40_000, 10, 22_000), (60_000, 5, 32_000)])),
    RiskTerms(make_brackets([(30_000, 10, 5_000), (60_000, 3, 105_000)])),
]
CHANGES = [*(RiskChange(terms.brackets) for terms in RISKS), RiskChange(None, 0), RiskChange(RISKS[0].brackets, 7)]
OTHER = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}

markets = st.sampled_from((11, 11, 11, 12))
prices = st.integers(97, 103)
lots = st.sampled_from((1, 2, 3, 5, 8, 40))
watched = st.sampled_from(WatchedPrice)
sides = st.sampled_from(Side)
tifs = st.sampled_from((*[TimeInForce.GTC] * 5, TimeInForce.IOC, TimeInForce.POST_ONLY, TimeInForce.FOK))
names = st.sampled_from(("", "", "one", "two"))
rarely = st.sampled_from((False, False, False, True))


@st.composite
def regular_orders(draw: st.DrawFn) -> NewOrder:
    market, side, price = draw(st.sampled_from((False, False, False, True))), draw(sides), draw(prices)
    sign = 1 if side is Side.BUY else -1
    kinds = (Kind.TAKE_PROFIT_MARKET, sign), (Kind.STOP_MARKET, -sign)
    children = [
        Trigger(kind, price + away * draw(st.integers(1, 3)), draw(watched)) if draw(rarely) else None
        for kind, away in kinds
    ]
    return NewOrder(
        market=draw(markets),
        account=draw(accounts),
        side=side,
        kind=Kind.MARKET if market else Kind.LIMIT,
        tif=TimeInForce.GTC if market else draw(tifs),
        price=0 if market else price,
        quantity=draw(lots),
        quote_quantity=0,
        client_id=draw(names),
        signed_ms=draw(st.sampled_from((0, 1, 2))),
        reduce_only=draw(rarely),
        take_profit=children[0],
        stop_loss=children[1],
    )


@st.composite
def trigger_orders(draw: st.DrawFn) -> NewOrder:
    kind = draw(st.sampled_from([kind for kind in Kind if kind > Kind.MARKET]))
    trailing, priced = kind is Kind.TRAILING_STOP_MARKET, kind in (Kind.STOP, Kind.TAKE_PROFIT)
    closes = kind in (Kind.STOP_MARKET, Kind.TAKE_PROFIT_MARKET) and draw(rarely)
    stop_price, callback = (0, draw(st.sampled_from((50, 150)))) if trailing else (draw(prices), 0)
    return NewOrder(
        market=draw(markets),
        account=draw(accounts),
        side=draw(sides),
        kind=kind,
        tif=draw(tifs) if priced else TimeInForce.GTC,
        price=draw(prices) if priced else 0,
        quantity=0 if closes else draw(lots),
        quote_quantity=0,
        client_id=draw(names),
        reduce_only=not closes and draw(rarely),
        close_position=closes,
        trigger=Trigger(kind, stop_price, draw(watched), draw(rarely), 0, callback),
    )


class FuturesExchange(Exchange):
    """The spot exchange, and on the same shards two futures markets."""

    def prepare(self) -> None:
        super().prepare()
        for number, symbol in FUTURES.items():
            units = 8, 6, 7, 3, 1, 3  # a lot costs 7 units of USDT at one tick
            fees = 1_000, 2, 5, MarketStatus.LISTED
            market = Market(number, Product.FUTURES, symbol, symbol[:-4], "USDT", *units, *fees, TERMS)
            self.world.call(AddMarket(market if number == 12 else replace(market, risk=RISKS[0])))
        for account in ACCOUNTS[:4]:
            self.world.call(Deposit(account, "USDT", FUNDS, "opening-futures", Wallet.FUTURES))

    @rule(target=Exchange.requests, batch=st.lists(regular_orders(), min_size=2, max_size=8), eager=eager)
    def place_futures(self, batch: list[NewOrder], eager: bool) -> Any:
        messages = [self.stamped(new) for new in batch]
        self._send(eager, *messages)
        return multiple(*(place for place in messages if place.order.client_id))

    @rule(batch=st.lists(regular_orders(), min_size=4, max_size=10))
    def trade_futures(self, batch: list[NewOrder]) -> None:
        self._send(True, *map(self.stamped, batch))

    @rule(data=st.data(), new=trigger_orders(), eager=eager, alone=st.booleans())
    def place_trigger(self, data: st.DataObject, new: NewOrder, eager: bool, alone: bool) -> None:
        parents = [order for order in self.open_futures() if order.trigger is None]
        if parents and not alone:
            parent = data.draw(st.sampled_from(parents))
            assert new.trigger is not None
            terms = {"market": parent.market, "account": parent.account, "side": OTHER[parent.side]}
            trigger = replace(new.trigger, parent=parent.id)
            new = replace(new, **terms, trigger=trigger, reduce_only=True, close_position=False)
        self._send(eager, Place(new))

    @rule(
        data=st.data(),
        change=st.sampled_from(({"price"}, {"quantity"}, {"price", "quantity"}, {"stop_price"})),
        price=prices,
        more=lots,
        eager=eager,
    )
    def modify(self, data: st.DataObject, change: set[str], price: int, more: int, eager: bool) -> None:
        found = self.open_futures()
        if found:
            order = data.draw(st.sampled_from(found))
            new = {"price": price, "quantity": order.filled + more, "stop_price": price}
            self._send(eager, Modify(order.id, order.account, **{name: new[name] for name in change}))

    @rule(data=st.data(), name=client_ids, eager=eager)
    def cancel_batch(self, data: st.DataObject, name: str, eager: bool) -> None:
        found = self.open_futures()
        if found:
            chosen = data.draw(st.lists(st.sampled_from(found), min_size=1, max_size=5))
            market, account = chosen[0].market, chosen[0].account
            self._send(eager, CancelBatch(market, account, [order.id for order in chosen], [name]))

    @rule(account=accounts, market=markets, triggers_only=st.booleans(), eager=eager)
    def cancel_all_futures(self, account: str, market: int, triggers_only: bool, eager: bool) -> None:
        self._send(eager, CancelAll(account, market, triggers_only))

    @rule(account=accounts, market=markets, after_ms=st.sampled_from((0, 1, 60, 1_000)), eager=eager)
    def count_down(self, account: str, market: int, after_ms: int, eager: bool) -> None:
        self._send(eager, CancelAllAfter(market, account, after_ms))

    @rule(eager=eager)
    def tick(self, eager: bool) -> None:
        """As a shard does when a countdown has run out."""
        for engine in self.world.engines:
            due_ms = engine.due_ms()
            if due_ms is not None and due_ms <= self.world.now_ms:
                self.world.submit(TimerFired(), engine.shard)
        self._send(eager)

    @rule(market=markets, price=st.sampled_from((0, 98, 100, 102)), eager=eager)
    def set_mark(self, market: int, price: int, eager: bool) -> None:
        self._send(eager, SetMarkPrice(market, price))

    @rule(market=markets, change=st.sampled_from(CHANGES), eager=eager)
    def set_risk(self, market: int, change: RiskChange, eager: bool) -> None:
        self._send(eager, SetRisk(market, change))

    @rule(account=accounts, market=markets, leverage=st.sampled_from((1, 3, 10, 125)), eager=eager)
    def set_leverage(self, account: str, market: int, leverage: int, eager: bool) -> None:
        self._send(eager, SetLeverage(account, market, leverage))

    @rule(account=accounts, to=st.sampled_from(Wallet), amount=st.sampled_from((7, 5_000, 20_000)), eager=eager)
    def transfer(self, account: str, to: Wallet, amount: int, eager: bool) -> None:
        self._send(eager, Transfer(account, "USDT", to, amount))

    @rule(market=markets, end=rarely, eager=eager)
    def operate_futures(self, market: int, end: bool, eager: bool) -> None:
        """A listed market is halted, a halted one listed again or delisted, if nobody has a position in it."""
        status = self.world.engine_of(market).markets[market].market.status
        listed = status is MarketStatus.LISTED
        again = MarketStatus.DELISTED if end else MarketStatus.LISTED
        self._send(eager, SetMarketStatus(market, MarketStatus.HALTED if listed else again))

    def stamped(self, new: NewOrder) -> Place:
        second_ms = self.world.now_ms - self.world.now_ms % 1_000
        return Place(replace(new, signed_ms=second_ms + new.signed_ms if new.signed_ms else 0))

    def open_futures(self) -> list[Order]:
        found = [self.world.engine_of(number).markets[number].open.values() for number in FUTURES]
        return [order for orders in found for order in orders]


@pytest.mark.timeout(600)  # a failure is made small, which takes longer than to find it
def test_no_mixture_of_futures_delay_and_death_violates_an_invariant() -> None:
    run(FuturesExchange, 200)
