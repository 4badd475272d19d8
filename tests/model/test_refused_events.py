"""The events of rejected commands: one for each that was requested, with what it asked for, and why not."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from shards.model.commands import Cancel, CancelBatch, CancelByClientId, Command, Modify
from shards.model.events import Attempt, CommandRejected
from shards.model.ids import make_number
from shards.model.orders import Order, Side
from tests.model.test_futures import ACCOUNTS, make_world, order, placed
from tests.model.world import World

Naming = Cancel | CancelByClientId | CancelBatch | Modify

OWN, OTHER = ACCOUNTS[:2]
NONE = make_number(1, 10**6)
NOWHERE = make_number(9, 1)
OPEN = {"order": make_number(1, 1)}
BEYOND = 2**63  # no integer of the archive
NAMINGS: tuple[tuple[str, Callable[[Order], Naming], list[dict[str, Any]]], ...] = (
    ("other", lambda bid: Cancel(bid.id, OTHER), [{**OPEN, "reason": "not_owner"}]),
    ("none", lambda bid: Cancel(NONE, OWN), [{"order": NONE}]),
    ("nowhere", lambda bid: Cancel(NOWHERE, OWN), [{"order": NOWHERE, "market": 0}]),
    ("beyond", lambda bid: Cancel(BEYOND, OWN), [{"order": 0, "market": 0}]),
    ("highest", lambda bid: Cancel(BEYOND - 1, OWN), [{"order": BEYOND - 1, "market": 0}]),
    ("negative", lambda bid: Cancel(-1, OWN), [{"order": 0, "market": 0}]),
    ("named", lambda bid: CancelByClientId(1, OTHER, "mine"), [{"client_id": "mine"}]),
    (
        "batch",
        lambda bid: CancelBatch(1, OWN, [NONE, bid.id, bid.id], ["mine", "none"]),
        [{"order": NONE}, {"client_id": "none", "position": 1}],
    ),
    ("batch of other", lambda bid: CancelBatch(1, OTHER, [bid.id], []), [{**OPEN, "reason": "not_owner"}]),
    (
        "batch nowhere",
        lambda bid: CancelBatch(9, OWN, [bid.id], ["mine"]),
        [
            {**OPEN, "reason": "unknown_market", "market": 0},
            {"client_id": "mine", "reason": "unknown_market", "market": 0, "position": 1},
        ],
    ),
    ("changed by other", lambda bid: Modify(bid.id, OTHER, 0, 5), [{**OPEN, "price": 400_000, "quantity": 5}]),
    (
        "no change",
        lambda bid: Modify(bid.id, OWN),
        [{**OPEN, "reason": "nothing_changes", "price": 400_000, "quantity": 10}],
    ),
    ("none changed", lambda bid: Modify(NONE, OWN, 1, 0, 3), [{"order": NONE, "price": 1, "stop_price": 3}]),
    ("nowhere changed", lambda bid: Modify(NOWHERE, OWN, 1), [{"order": NOWHERE, "price": 1, "market": 0}]),
    (
        "too dear",
        lambda bid: Modify(bid.id, OWN, 0, 10**6),
        [{**OPEN, "reason": "insufficient_margin", "price": 400_000, "quantity": 10**6}],
    ),
)


def rejected(world: World, command: Command) -> list[dict[str, Any]]:
    """What the events say of it, but for when."""
    before = world.events()
    call = world.submit(command, world.engine_of(1).shard)
    world.drain()
    assert call.reply is not None and world.unfaithful() == []
    found = [event for event in world.events() if isinstance(event, CommandRejected) and event not in before]
    assert {event.time_ms for event in found} <= {world.now_ms}
    names = CommandRejected.__struct_fields__
    return [{name: getattr(event, name) for name in names if name not in ("sequence", "time_ms")} for event in found]


@pytest.fixture
def world() -> World:
    world = make_world(1)
    world.archiving = True
    return world


@pytest.mark.parametrize(("make", "told"), [case[1:] for case in NAMINGS], ids=[case[0] for case in NAMINGS])
def test_each_has_its_own(world: World, make: Callable[[Order], Naming], told: list[dict[str, Any]]) -> None:
    """By default: a cancel of an order that is not open."""
    bid = placed(world, order(OWN, Side.BUY, 400_000, 10, client_id="mine"))
    command = make(bid)
    attempt = Attempt.MODIFY if isinstance(command, Modify) else Attempt.CANCEL
    usual = {"position": 0, "attempt": attempt, "account": command.account, "market": 1, "reason": "unknown_order"}
    rest = {"order": 0, "client_id": "", "new": None, "price": 0, "quantity": 0, "stop_price": 0}
    assert rejected(world, command) == [usual | rest | each for each in told]


def test_what_had_ended_is_not_open(world: World) -> None:
    """Whether the archive has it or not; what ends with the batch itself was not rejected."""
    bid = placed(world, order(OWN, Side.BUY, 400_000, 10))
    batch = CancelBatch(1, OWN, [bid.id, bid.id], [])
    assert rejected(world, batch) == []
    told = rejected(world, batch)
    assert [(each["order"], each["reason"], each["position"]) for each in told] == [
        (bid.id, "unknown_order", 0),
        (bid.id, "unknown_order", 1),
    ]
    assert [each["reason"] for each in rejected(world, Cancel(bid.id, OTHER))] == ["unknown_order"]


@pytest.mark.parametrize("shard_count", [1, 4])
@pytest.mark.parametrize("account", [OWN, "poor", *(f"poor-{number}" for number in range(4))])
def test_the_event_of_a_rejected_order_shows_all_of_it(account: str, shard_count: int) -> None:
    """Wherever its account is kept; an account that has nothing, and one that asks for too much."""
    world = make_world(shard_count)
    world.archiving = True
    place = order(account, Side.BUY, 400_000, 10**6, client_id="mine")
    (told,) = rejected(world, place)
    assert (told["attempt"], told["account"], told["market"]) == (Attempt.PLACE, account, 1)
    assert (told["reason"], told["client_id"], told["new"]) == ("insufficient_margin", "mine", place.order)
    nowhere = replace(place, order=replace(place.order, market=9))
    (told,) = rejected(world, nowhere)
    assert (told["reason"], told["market"], told["new"]) == ("unknown_market", 0, nowhere.order)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_event_of_a_rejected_change_shows_all_of_it(account: str) -> None:
    """Wherever its account is kept."""
    world = make_world(4)
    world.archiving = True
    bid = placed(world, order(account, Side.BUY, 400_000, 10))
    (told,) = rejected(world, Modify(bid.id, account, 0, 10**6))
    assert (told["attempt"], told["account"], told["market"]) == (Attempt.MODIFY, account, 1)
    assert (told["reason"], told["order"], told["new"]) == ("insufficient_margin", bid.id, None)
    assert (told["price"], told["quantity"]) == (400_000, 10**6)
