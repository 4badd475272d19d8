"""A shard stands still (SIGSTOP) for longer than an order's deadline: callers are answered in time, nothing is late."""

import time
from collections.abc import Iterator, Sequence
from typing import Final

from loadtest.outcome import Outcome
from loadtest.reader import Reader
from shards.limits import DEADLINE_BULK_MS, DEADLINE_MS
from tests.crash.calls import Call, now
from tests.crash.floor import Floor
from tests.crash.processes import shard_process, stopped
from tests.crash.settings import times
from tests.crash.storm import Stage, Storm, check_nothing

STILL: Final = 0  # the shard
STILL_S: Final = DEADLINE_MS / 1_000 + 1
LATE_S: Final = 1.0  # this machine has other work, too
BULK: Final = ("cancel_all", "orders", "trades")


def test_a_shard_stands_still_beyond_every_deadline(stage: Stage) -> None:
    """All answers come by their deadline, and nothing is executed past it."""
    spans: list[tuple[float, float]] = []
    with Storm(stage) as storm:

        def stand_still() -> None:
            with stopped(shard_process(storm.exchange, STILL)):
                start = now()
                time.sleep(STILL_S)
                spans.append((start, now()))

        storm.strike(times(2), stand_still)
    calls = storm.load.calls
    check_nothing([f"{call}: after {call.seconds:.2f} s" for call in calls if call.seconds > deadline_s(call) + LATE_S])
    storm.check_only(lambda call: call.owner.account_shard == STILL or STILL in call.shards)
    expired = list(find_expired(calls, spans))
    assert expired, "nobody placed an order while the shard stood still"
    check_nothing([f"{call} was placed later" for call in expired if exists(stage.floor, call)])


def deadline_s(call: Call) -> float:
    """When there must be an answer."""
    return (DEADLINE_BULK_MS if call.verb in BULK else DEADLINE_MS) / 1_000


def find_expired(calls: Sequence[Call], spans: Sequence[tuple[float, float]]) -> Iterator[Call]:
    """New orders that nobody can have seen before their deadline: the shard stood still from before to after it."""
    repeated = {client_id_of(call) for call in calls if call.verb == "repeat"}  # that one may have placed it
    for call in calls:
        within = any(start <= call.started and call.ended <= end for start, end in spans)
        unanswered = call.verb == "place" and call.outcome is Outcome.UNKNOWN and client_id_of(call) not in repeated
        if unanswered and within and STILL in call.shards:
            yield call


def exists(floor: Floor, call: Call) -> bool:
    """Whether there is an order of this client id."""
    with Reader(floor.exchange.base_url, call.owner) as reader:
        return reader.spot(f"/orders/by-client-id/{call.sent['symbol']}/{client_id_of(call)}") is not None


def client_id_of(call: Call) -> str:
    """Of a new order."""
    return str(call.sent["client_order_id"])
