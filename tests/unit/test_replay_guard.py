"""Signed requests seen lately."""

from msgspec.structs import astuple, replace

from shards.engine.market.replay_guard import Replays
from shards.limits import REPLAY_CLOCK_MS, REPLAY_WINDOW_MS
from shards.model.orders import EndReason, Kind, NewOrder, Order, Side, Status, TimeInForce, Trigger

NEW = NewOrder(1, "alice", Side.BUY, Kind.LIMIT, TimeInForce.GTC, 100, 5, 0, "one", 777)


def placed(new: NewOrder, number: int = 1) -> Order:
    return Order(number, *astuple(new)[:10], 0, 0, 0, Status.OPEN, EndReason.NONE, 0, 0)  # type: ignore[call-arg]


def test_the_very_same_request_is_found() -> None:
    replays, order = Replays(), placed(NEW)
    replays.remember(NEW, order, 0)
    assert replays.find(NEW) is order


def test_any_difference_makes_another_request() -> None:
    replays = Replays()
    replays.remember(NEW, placed(NEW), 0)
    for change in (
        {"account": "bob"},
        {"client_id": "two"},
        {"signed_ms": 778},
        {"side": Side.SELL},
        {"tif": TimeInForce.IOC},
        {"price": 101},
        {"quantity": 6},
        {"reduce_only": True},
        {"trigger": Trigger(Kind.STOP, 90)},
    ):
        assert replays.find(replace(NEW, **change)) is None


def test_requests_of_other_content_do_not_push_each_other_out() -> None:
    replays = Replays()
    requested = [replace(NEW, quantity=quantity) for quantity in (1, 2, 3)]
    orders = [placed(new, new.quantity) for new in requested]
    for new, order in zip(requested, orders, strict=True):
        replays.remember(new, order, 0)
    assert [replays.find(new) for new in requested] == orders


def test_a_request_without_client_id_or_signature_cannot_come_again() -> None:
    replays = Replays()
    for change in ({"client_id": ""}, {"signed_ms": 0}):
        new = replace(NEW, **change)
        replays.remember(new, placed(new), 0)
        assert replays.find(new) is None
    assert replays.dump() == []


def test_requests_are_forgotten_when_their_window_has_passed_and_not_before() -> None:
    replays = Replays()
    first, second = NEW, replace(NEW, signed_ms=778)
    replays.remember(first, placed(first), 0)
    replays.remember(second, placed(second), 10)
    replays.expire(REPLAY_WINDOW_MS - 1)
    assert replays.find(first) is not None
    replays.expire(REPLAY_WINDOW_MS)
    assert replays.find(first) is None and replays.find(second) is not None
    replays.expire(REPLAY_WINDOW_MS + 10)
    assert replays.dump() == []


def test_a_request_is_kept_for_as_long_as_its_own_window() -> None:
    replays, new = Replays(), replace(NEW, window_ms=60_000)
    replays.remember(new, placed(new), 0)
    replays.expire(60_000 + 1_000)
    assert replays.find(new) is not None
    replays.expire(60_000 + REPLAY_CLOCK_MS)
    assert replays.find(new) is None


def test_a_dump_gives_back_the_same_memory_oldest_first() -> None:
    replays, again = Replays(), Replays()
    for number in (3, 1, 2):
        new = replace(NEW, signed_ms=number)
        replays.remember(new, placed(new, number), number)
    assert [replay.order.id for replay in replays.dump()] == [3, 1, 2]
    for replay in replays.dump():
        again.restore(replay)
    assert again.dump() == replays.dump()
    assert again.find(replace(NEW, signed_ms=1)) is not None


def test_what_becomes_of_an_order_does_not_change_its_request() -> None:
    replays, order, again = Replays(), placed(NEW), Replays()
    replays.remember(NEW, order, 0)
    order.kind, order.quantity = Kind.MARKET, 1
    for replay in replays.dump():
        again.restore(replay)
    assert again.find(NEW) is order


def test_the_order_found_is_the_live_one() -> None:
    replays, order = Replays(), placed(NEW)
    replays.remember(NEW, order, 0)
    order.status = Status.CANCELED
    found = replays.find(NEW)
    assert found is not None and found.status is Status.CANCELED
