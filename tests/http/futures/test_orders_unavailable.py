"""Orders of an exchange that cannot do what it is asked: full mailboxes, no answer, a dead shard."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.exchange import Exchange, kill, until
from tests.http.futures.actor import Actor, new_order
from tests.http.futures.caller import Answer
from tests.http.futures.trader import list_contract
from tests.http.test_unavailable import begin, paused, queue_depth
from tests.http.venue import Venue

DEPTH = 6


@pytest.fixture(scope="module")
def small() -> Iterator[Venue]:
    """Two shards with room for six messages each."""
    with Exchange(2, {"SHARDEX_QUEUE_DEPTH": str(DEPTH)}) as exchange:
        yield Venue(exchange)


def calls(own: Actor, symbol: str, order: int) -> list[Callable[[], Answer]]:
    """Every kind of call that asks the market's shard for a change; the cancels first."""
    return [
        partial(own.try_cancel, symbol, order),
        partial(own.try_cancel_client_id, symbol, "one"),
        partial(own.call, "DELETE", "/v1/batchOrders", symbol=symbol, orderIdList=f"[{order}]"),
        partial(own.call, "DELETE", "/v1/allOpenOrders", symbol=symbol),
        partial(own.try_place, symbol, "BUY", "100", "1"),
        partial(own.place_batch, new_order(symbol, "BUY", "100", "1")),
    ]


def test_mailbox_full_and_no_answer(small: Venue) -> None:
    """Nothing of what was refused or not answered is carried out later."""
    symbol, elsewhere = list_contract(small, 0), list_contract(small, 1)
    own = Actor(small, 0)
    order = own.place(symbol, "BUY", "100", "1", newClientOrderId="one", takeProfitPrice="150")["orderId"]
    opened, held = own.open(symbol), own.held()
    with ThreadPoolExecutor(DEPTH) as pool, paused([small.exchange.shard_pid(0)]):
        holders = begin(pool, small, calls(own, symbol, order))
        assert [call().brief() for call in calls(own, symbol, order)] == ["503 -1008"] * DEPTH
        assert own.modify(symbol, order, price="101").brief() == "503 -1008"
        countdown = own.call("POST", "/v1/countdownCancelAll", symbol=symbol, countdownTime=1)
        assert countdown.brief() == "503 -1008"
        # a place in every mailbox or in none: the order on the shard that goes on is not placed either
        both = own.place_batch(new_order(elsewhere, "BUY", "100", "1"), new_order(symbol, "BUY", "100", "1"))
        assert both.brief() == "503 -1008"
        # what is known without asking a shard
        assert own.try_cancel(elsewhere, order).brief() == "400 -2011"
        assert own.try_place(symbol, "BUY", "0", "1").brief() == "400 -1013"
        assert own.place_batch(new_order(symbol, "BUY", "0", "1")).ok()[0]["code"] == -1013
        assert [holder.result().brief() for holder in holders] == ["408 -1007"] * DEPTH
    until(lambda: queue_depth(small) == 0, 10, "the mailbox is empty")
    assert (own.open(symbol), own.open(elsewhere), own.held()) == (opened, [], held)
    own.cancel(symbol, order)
    assert (own.open(symbol), own.held()) == ([], 0)


def test_shard_dies_with_commands_in_its_mailbox(small: Venue) -> None:
    """A cancel may be repeated in any case; of a new order nobody can say."""
    symbol, elsewhere = list_contract(small, 1), list_contract(small, 0)
    own = Actor(small, 0)
    order = own.place(symbol, "BUY", "100", "1", newClientOrderId="one")["orderId"]
    shard = small.exchange.shard_pid(1)
    orders = [new_order(each, "BUY", "90", "1", newClientOrderId="two") for each in (elsewhere, symbol)]
    with ThreadPoolExecutor(DEPTH) as pool:
        os.kill(shard, signal.SIGSTOP)
        try:
            begun = begin(pool, small, [*calls(own, symbol, order)[:5], partial(own.place_batch, *orders)])
        finally:
            kill(shard)
        *answers, batch = [call.result() for call in begun]
    assert [answer.brief() for answer in answers] == ["503 -1001"] * 4 + ["408 -1007"]
    mixed = batch.ok()
    assert (mixed[0]["status"], mixed[1]["code"]) == ("NEW", -1007)
    small.exchange.wait_ready()
    assert own.open(symbol) == [order]  # killed before it read them
    own.cancel(symbol, order)
    own.cancel_all(elsewhere)
    assert own.available() == 1_000_000
