"""A first mark, or first risk terms, while orders rest or are under way: nothing may lose what is not held for it."""

import pytest
from msgspec.structs import replace

from shards.engine.engine import MAILBOX, Engine
from shards.model.accounting import Wallet
from shards.model.brackets import RiskChange, RiskTerms, make_brackets
from shards.model.commands import (
    AddMarket,
    Command,
    Deposit,
    Modify,
    Place,
    SetLeverage,
    SetMarkPrice,
    SetRisk,
    SetRules,
)
from shards.model.orders import EndReason, Kind, NewOrder, Order, Side, Status, TimeInForce, Trigger, WatchedPrice
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, Rejected
from tests.model.colluders import BRACKETS, USDT, make_market
from tests.model.stage import BUY, MARKET, SELL, UNIT, Stage, ended

TERMS = RiskTerms(make_brackets(BRACKETS))
LOTS = 100


def waiting(*, risk: bool) -> Stage:
    """The poor one can buy a hundred lots at twice the price, with the margin for it and no more."""
    stage = Stage(risk=risk)
    stage.world.call(SetLeverage(stage.poor, MARKET, 75))
    stage.pay(stage.poor, 84_000 // 75 * LOTS * UNIT)
    return stage


def came(stage: Stage, how: str) -> None:
    """A first mark of 42,000, or with it there the first risk terms."""
    if how == "terms":
        stage.world.call(SetRisk(MARKET, RiskChange(TERMS.brackets)))
    else:
        stage.mark(42_000)


def prepared(how: str) -> Stage:
    stage = waiting(risk=how == "mark")
    if how == "terms":
        stage.mark(42_000)
    return stage


def over(stage: Stage, order: Order) -> tuple[Status, EndReason]:
    """How it has ended; its hold is back."""
    stage.world.drain()
    assert stage.world.violations() == [] and stage.world.unfaithful() == []
    found = [each for each in ended(stage.world) if each.id == order.id]
    assert found, "it is open still"
    return found[0].status, found[0].end_reason


@pytest.mark.parametrize("how", ["mark", "terms"])
@pytest.mark.parametrize(("side", "price"), [(BUY, 84_000), (BUY, 42_001), (SELL, 41_999)])
def test_what_would_lose_by_it_expires(how: str, side: Side, price: int) -> None:
    """With what is attached to it; nobody fills it with a debt."""
    stage = prepared(how)
    beyond = 1 if side is BUY else -1
    terms = Trigger(Kind.TAKE_PROFIT_MARKET, price + beyond, WatchedPrice.CONTRACT)
    order = stage.place(stage.poor, side, price, LOTS, take_profit=terms)
    came(stage, how)
    assert over(stage, order) == (Status.EXPIRED, EndReason.MARGIN)
    assert stage.held() == 0 and not stage.machine.open and not stage.machine.triggers.waiting


@pytest.mark.parametrize("how", ["mark", "terms"])
@pytest.mark.parametrize(("side", "price"), [(BUY, 42_000), (SELL, 42_000), (SELL, 84_000)])
def test_what_would_not_stays(how: str, side: Side, price: int) -> None:
    stage = prepared(how)
    order = stage.place(stage.poor, side, price, 1)
    came(stage, how)
    assert order.id in stage.machine.open and stage.world.violations() == []


@pytest.mark.parametrize(("rules", "open_count"), [(0, 1), (1, 0)])
def test_by_the_first_rules_it_stays(rules: int, open_count: int) -> None:
    """A journal of them comes to what it came to."""
    engine = Engine(0, 1)
    commands: tuple[Command, ...] = (
        *([SetRules(rules)] if rules else []),
        AddMarket(make_market(MARKET)),
        Deposit("poor", "USDT", 10**12, "funds", Wallet.FUTURES),
        Place(NewOrder(MARKET, "poor", BUY, Kind.LIMIT, TimeInForce.GTC, 84_000, LOTS, 0)),
        SetMarkPrice(MARKET, 42_000),
    )
    for sequence, command in enumerate(commands, 1):
        engine.apply(sequence, 1_000, MAILBOX, 0, command)
    assert len(engine.markets[MARKET].open) == open_count


def test_what_holds_its_loss_stays() -> None:
    """The mark that it was granted with was taken away again."""
    stage = prepared("mark")
    stage.mark(42_000)
    order = stage.place(stage.poor, BUY, 42_100, 1)
    for mark in (0, 42_000):
        stage.mark(mark)
        assert order.id in stage.machine.open
    stage.mark(0)
    stage.mark(41_999)
    assert over(stage, order) == (Status.EXPIRED, EndReason.MARGIN)


def test_what_only_reduces_expires_too() -> None:
    stage = waiting(risk=False)
    stage.mark(42_000)
    stage.place(stage.rich, SELL, 42_000, LOTS)
    assert stage.place(stage.poor, BUY, 42_000, LOTS).filled == LOTS
    lost, kept = (stage.place(stage.poor, SELL, price, 10, reduce_only=True) for price in (41_900, 42_000))
    stage.world.call(SetRisk(MARKET, RiskChange(TERMS.brackets)))
    assert over(stage, lost) == (Status.EXPIRED, EndReason.MARGIN)
    assert kept.id in stage.machine.open


def test_the_rest_of_an_order_that_makes_the_first_mark_does_not_rest() -> None:
    """Ten lots at half the price are the first to be traded, and by that price the others would lose."""
    stage = waiting(risk=True)
    stage.place(stage.rich, SELL, 42_000, 10)
    order = stage.place(stage.poor, BUY, 84_000, LOTS)
    assert (order.filled, order.status, order.end_reason) == (10, Status.EXPIRED, EndReason.MARGIN)
    assert stage.held() == 0
    rest = stage.place(stage.poor, BUY, 42_000, LOTS)
    assert rest.status is Status.OPEN and stage.world.violations() == []


def test_an_order_that_makes_the_first_mark_stays_within_the_band() -> None:
    stage = waiting(risk=True)
    for price in (42_000, 39_900, 39_899):  # within 5 %, and a tick beyond
        stage.place(stage.poor, BUY, price, 10)
    requested = stage.order(stage.rich, SELL, 1, 30)
    whole = Place(replace(requested.order, tif=TimeInForce.FOK))
    assert stage.world.call(whole) == Rejected(RejectReason.CANNOT_FILL)
    order = stage.place(stage.rich, SELL, 1, 30)
    assert (order.filled, order.status, order.end_reason) == (20, Status.EXPIRED, EndReason.MARGIN)


def test_without_risk_terms_an_order_that_makes_the_first_mark_goes_to_its_limit() -> None:
    stage = waiting(risk=False)
    for price in (42_000, 39_899):
        stage.place(stage.poor, BUY, price, 10)
    assert stage.place(stage.rich, SELL, 1, 20).status is Status.FILLED


@pytest.mark.parametrize("shards", [1, 2])
def test_a_sale_counts_at_the_price_at_which_it_fills(shards: int) -> None:
    """However low its own is: a position is never larger than its leverage allows."""
    stage = Stage(shards)
    stage.world.call(SetLeverage(stage.poor, MARKET, 100))
    stage.pay(stage.poor, 100_000 * USDT)
    most = BRACKETS[0][0] // (50_000 * UNIT)
    stage.place(stage.rich, BUY, 50_000, 2 * most)
    for price in (50_000, 1):
        requested = stage.order(stage.poor, SELL, price, most + 1)
        assert stage.world.call(requested) == Rejected(RejectReason.POSITION_LIMIT)
    resting = stage.place(stage.poor, SELL, 50_001, most - 10)
    change = Modify(resting.id, stage.poor, 1, most + 1)
    assert stage.world.call(change) == Rejected(RejectReason.POSITION_LIMIT)
    changed = stage.world.call(Modify(resting.id, stage.poor, 1, most))
    assert isinstance(changed, OrderReply) and changed.order.filled == most
    assert stage.world.violations() == []


@pytest.mark.parametrize("enough", [True, False])
def test_terms_that_come_before_the_grant(enough: bool) -> None:
    """Asked for without, it holds no loss; by the terms it must, so it is asked for again."""
    stage = Stage(risk=False)
    stage.mark(42_000)
    stage.world.call(SetLeverage(stage.poor, MARKET, 75))
    stage.pay(stage.poor, (43_500 // 75 + 1_500) * LOTS * UNIT - (not enough))
    call = stage.ask(stage.order(stage.poor, BUY, 43_500, LOTS))
    stage.between(SetRisk(MARKET, RiskChange(TERMS.brackets)))
    stage.world.drain()
    assert stage.world.violations() == []
    if enough:
        assert isinstance(call.reply, OrderReply) and call.reply.order.loss == 1_500
    else:
        assert stage.end(call) is RejectReason.INSUFFICIENT_MARGIN
