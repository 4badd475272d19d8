"""An engine applies what follows, and nothing else."""

import gc
from collections.abc import Callable
from typing import get_args, get_type_hints

import pytest
from msgspec.structs import replace

from loadtest.bench.seeding import START_MS, full_book
from shards.engine.engine import MAILBOX, Engine
from shards.engine.order_entry import AskAccountShard
from shards.limits import RULES
from shards.model.brackets import Bracket, RiskChange
from shards.model.codec import decode_input, encode
from shards.model.commands import (
    AddMarket,
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
    SetRules,
)
from shards.model.ids import make_number
from shards.model.links import LinkMessage, Settle
from shards.model.markets import MarketStatus
from tests.unit.archive.samples import BTC_FUTURES, DFUSDT


def test_a_link_message_out_of_turn_is_not_applied() -> None:
    """Twice, or with one missing: the mailbox keeps such away, and a journal that has them is damaged."""
    engine = Engine(0, 2)
    engine.apply(1, 1_000, 1, 1, Settle([]))
    for number in (1, 3):
        with pytest.raises(AssertionError):
            engine.apply(2, 1_000, 1, number, Settle([]))
    assert (engine.sequence, engine.received) == (1, {1: 1})


@pytest.mark.parametrize(("sequence", "stamp_ms"), [(1, 1_000), (3, 1_000), (2, 999)])
def test_an_input_that_does_not_follow_is_not_applied(sequence: int, stamp_ms: int) -> None:
    engine = Engine(0, 1)
    engine.apply(1, 1_000, MAILBOX, 0, Deposit("alice", "USDT", 5, "one"))
    with pytest.raises(AssertionError):
        engine.apply(sequence, stamp_ms, MAILBOX, 0, Deposit("alice", "USDT", 5, "two"))
    assert engine.accounts.wallets.available("alice", "USDT") == 5


def test_every_message_has_its_handler() -> None:
    assert set(Engine(0, 1).handlers) == {*get_args(Command), *get_args(LinkMessage)}


def test_every_command_that_may_need_another_shard_can_ask_it() -> None:
    assert set(Engine(0, 1).asking) == set(get_args(get_type_hints(AskAccountShard)["command"]))


def test_resting_orders_are_nothing_that_the_garbage_collector_looks_at() -> None:
    """A full collection looks at everything it may have to free: with a million orders the shard would stand still."""
    engine, count = Engine(0, 1), 5_000
    gc.collect()
    before = len(gc.get_objects())
    for number, command in enumerate(full_book(count, 0, levels=10), 1):
        if isinstance(command, Place):
            command = replace(command, order=replace(command.order, signed_ms=START_MS))
        engine.apply(number, START_MS, MAILBOX, 0, decode_input(encode(command)))
    gc.collect()
    assert len(gc.get_objects()) - before < count / 10
    assert len(engine.markets[1].open) == len(engine.markets[1].replays.dump()) == count


@pytest.mark.parametrize("rules", range(RULES + 1))
@pytest.mark.parametrize("market", [1, 3, 9], ids=["spot", "futures", "none"])
@pytest.mark.parametrize(
    "make",
    [
        lambda market: SetMarkPrice(market, 47_000),
        lambda market: SetRisk(market, RiskChange([Bracket(10**12, 20, 10_000)])),
        lambda market: SetMarketStatus(market, MarketStatus.HALTED),
        lambda market: CancelAllAfter(market, "alice", 1_000),
        lambda market: CancelAll("alice", market, triggers_only=True),
        lambda market: CancelAll("alice", market),
        lambda market: CancelBatch(market, "alice", [make_number(market, 1)], ["mine"]),
        lambda market: CancelByClientId(market, "alice", "mine"),
        lambda market: Cancel(make_number(market, 1), "alice"),
        lambda market: Modify(make_number(market, 1), "alice", 1, 1, 1),
        lambda market: SetLeverage("alice", market, 5, 20),
    ],
)
def test_a_command_for_a_market_of_the_other_product_is_answered(
    make: Callable[[int], Command], market: int, rules: int
) -> None:
    """A journaled input that raised would end its shard at every start."""
    engine, given = Engine(0, 1), [SetRules(rules)] if rules else []
    for sequence, command in enumerate((*given, AddMarket(DFUSDT), AddMarket(BTC_FUTURES), make(market)), 1):
        reply = engine.apply(sequence, 1_000, MAILBOX, 0, command)
    assert reply is not None
