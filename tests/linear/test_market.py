"""One market is linearizable: one order of all that 16 clients did at once explains each of their answers.

Through gunicorn and the engine, from what the clients saw alone; tests/model says what is right.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pytest

from tests.crash.floor import Floor
from tests.crash.processes import BACK_S, check_at_rest, shard_process
from tests.crash.settings import make_random
from tests.exchange import Exchange, kill, until
from tests.linear.clients import Scene, record
from tests.linear.history import Op
from tests.linear.market import MarketModel
from tests.linear.search import Search, Undecided, prove
from tests.model.seeds import read_count

OPS: Final = 2_000  # of one history
STORM_OPS: Final = 600
KILLS: Final = 3  # in the midst of these
TRIES: Final = 4  # histories until one is decided
HISTORIES: Final = read_count("SHARDEX_LINEAR_HISTORIES", 1)  # each on a market of its own


@pytest.fixture(scope="module")
def floor() -> Iterator[Floor]:
    with Exchange(2) as exchange:
        yield Floor(exchange)
        check_at_rest(exchange)


def check_explained(ops: Sequence[Op], model: MarketModel) -> None:
    search = Search(ops, model)
    order = search.run()
    unknown = sum(not op.is_known for op in ops)
    print(f"{len(ops)} operations, {unknown} of them with an unknown outcome; {search.steps} steps of the model")
    if order is None:
        explained = {id(op) for op in search.longest}
        left = sorted((op for op in ops if id(op) not in explained and op.is_known), key=lambda op: op.ended)
        pytest.fail("no order explains:\n" + "\n".join(map(str, left[:20])))
    prove(order, ops, model)


@pytest.mark.timeout(120 * HISTORIES)
def test_in_calm(floor: Floor) -> None:
    rnd = make_random()
    for _ in range(HISTORIES):
        scene = Scene(floor)
        ops = record(scene, rnd, OPS, lambda noted: None)
        check_explained(ops, scene.model)


@pytest.mark.timeout(120 * HISTORIES)
def test_while_its_shard_is_killed(floor: Floor) -> None:
    rnd = make_random()

    def kill_often(noted: Callable[[], int]) -> None:
        for number in range(KILLS):
            goal = STORM_OPS * (number + 1) // (KILLS + 1)
            until(lambda goal=goal: noted() >= goal, BACK_S, f"{goal} operations")  # type: ignore[misc]
            kill(shard_process(floor.exchange, 0))

    for _ in range(HISTORIES):
        check_decided(floor, rnd, kill_often)


def check_decided(floor: Floor, rnd: random.Random, kill_often: Callable[[Callable[[], int]], None]) -> None:
    """Calls without an answer may lie anywhere: where so many fell together that a search gives up, another history."""
    for left in reversed(range(TRIES)):
        scene = Scene(floor)
        ops = record(scene, rnd, STORM_OPS, kill_often)
        try:
            check_explained(ops, scene.model)
            return
        except Undecided:
            if not left:
                raise
