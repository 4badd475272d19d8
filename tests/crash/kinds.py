"""The kinds of faults: how many of each make up a round, their victims, and whose calls may fail."""

from collections.abc import Callable, Set
from math import inf
from typing import Final, NamedTuple

from loadtest.http import NO_CONNECTION
from tests.crash import faults
from tests.crash.calls import Call
from tests.crash.storm import Storm

Harm = Callable[[Call, Set[int]], bool]


class Kind(NamedTuple):
    """One kind of fault."""

    name: str
    share: int  # number per round, on spot and futures together
    strike: Callable[[Storm, int], float]  # given the victim shard; returns the time of the fault
    hits: str  # whose recovery is measured: "shard", the victim; "shards", all; "archive"; "anybody"
    is_harmed: Harm  # whether a call may fail, given this storm's victim shards
    again_s: float = inf  # targets: p99 until the victim serves again; then the longest wait of any caller
    slowest_s: float = inf


def of_a_victim(call: Call, victims: Set[int]) -> bool:
    """Callers of other shards are never affected."""
    return bool(call.shards & victims)


def of_a_victims_money(call: Call, victims: Set[int]) -> bool:
    """Includes calls whose account is kept on a victim, which only decides about funds."""
    return call.owner.account_shard in victims or of_a_victim(call, victims)


def by_its_worker(call: Call, _: Set[int]) -> bool:
    """The connection was to the worker that died."""
    return call.status == 0


def before_its_answer(call: Call, _: Set[int] = frozenset()) -> bool:
    """The connection ended, but not in the middle of a response."""
    return call.status == 0 and call.error in ("", NO_CONNECTION)


def by_an_orderly_end(call: Call, victims: Set[int]) -> bool:
    """No connection, or an error response because the engine is down."""
    return before_its_answer(call, victims) or call.status in (408, 500, 503, 504)


def a_query(call: Call, _: Set[int]) -> bool:
    """Trading is not affected."""
    return call.needs_history


def anything(_call: Call, _: Set[int]) -> bool:
    """Any call may fail."""
    return True


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("shard", 10, faults.kill_a_shard, "shard", of_a_victim, again_s=2.0),
        Kind("worker", 30, faults.kill_a_worker, "anybody", by_its_worker, slowest_s=1.0),
        Kind("archive", 5, faults.kill_the_archive, "archive", a_query),
        Kind("supervisor", 5, faults.kill_the_supervisor, "shards", anything),
        Kind("everything", 5, faults.kill_all, "shards", anything),
        Kind("recovery", 5, faults.kill_in_recovery, "shard", of_a_victim),
        Kind("snapshot", 5, faults.kill_in_snapshot, "shard", of_a_victim),
        Kind("stop", 3, faults.stand_still, "shard", of_a_victims_money),
        Kind("write", 3, faults.fail_writes, "shard", of_a_victims_money),
        Kind("sync", 3, faults.fail_syncs, "shard", of_a_victims_money),
        Kind("term", 3, faults.end_orderly, "shards", by_an_orderly_end),
        Kind("hup", 3, faults.reload, "anybody", before_its_answer),
    )
}
