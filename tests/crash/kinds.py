"""The kinds of blows: how many of each make a round, whom they hit, and whose calls may come to nothing."""

from collections.abc import Callable, Set
from math import inf
from typing import Final, NamedTuple

from loadtest.http import NO_CONNECTION
from tests.crash import blows
from tests.crash.calls import Call
from tests.crash.storm import Storm

Harm = Callable[[Call, Set[int]], bool]


class Kind(NamedTuple):
    """One kind of blow."""

    name: str
    share: int  # of one round, on spot and futures together
    strike: Callable[[Storm, int], float]  # given the shard to hit; the moment of the stroke
    hits: str  # whose return is measured: "shard", the one hit; "shards", all; "archive"; "anybody"
    is_harmed: Harm  # whether a call may come to nothing, given the shards that are hit in this storm
    again_s: float = inf  # until who was hit serves again, p99, and until anybody is answered: what is to be reached
    slowest_s: float = inf


def of_a_victim(call: Call, victims: Set[int]) -> bool:
    """Callers of other shards never notice."""
    return bool(call.shards & victims)


def of_a_victims_money(call: Call, victims: Set[int]) -> bool:
    """Also where a shard is only asked whether there is money."""
    return call.account.account_shard in victims or of_a_victim(call, victims)


def by_its_worker(call: Call, _: Set[int]) -> bool:
    """The connection was to a worker that died."""
    return call.status == 0


def before_its_answer(call: Call, _: Set[int] = frozenset()) -> bool:
    """The connection ended, and not in the middle of an answer."""
    return call.status == 0 and call.error in ("", NO_CONNECTION)


def by_an_orderly_end(call: Call, victims: Set[int]) -> bool:
    """No connection, or the engine away: told in words."""
    return before_its_answer(call, victims) or call.status in (408, 500, 503, 504)


def a_query(call: Call, _: Set[int]) -> bool:
    """Trading goes on."""
    return call.needs_history


def anything(_call: Call, _: Set[int]) -> bool:
    """Nobody is spared."""
    return True


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("shard", 10, blows.kill_a_shard, "shard", of_a_victim, again_s=2.0),
        Kind("worker", 30, blows.kill_a_worker, "anybody", by_its_worker, slowest_s=1.0),
        Kind("archive", 5, blows.kill_the_archive, "archive", a_query),
        Kind("supervisor", 5, blows.kill_the_supervisor, "shards", anything),
        Kind("everything", 5, blows.kill_all, "shards", anything),
        Kind("recovery", 5, blows.kill_in_recovery, "shard", of_a_victim),
        Kind("snapshot", 5, blows.kill_in_snapshot, "shard", of_a_victim),
        Kind("stop", 3, blows.stand_still, "shard", of_a_victims_money),
        Kind("write", 3, blows.fail_writes, "shard", of_a_victims_money),
        Kind("sync", 3, blows.fail_syncs, "shard", of_a_victims_money),
        Kind("term", 3, blows.end_orderly, "shards", by_an_orderly_end),
        Kind("hup", 3, blows.reload, "anybody", before_its_answer),
    )
}
