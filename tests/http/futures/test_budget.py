"""Weight, orders and bans: sliding, shared by workers, never too little counted."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from web.ratelimit.budget import Budget, Spent
from web.ratelimit.limits import (
    BAN_S,
    BAN_S_MAX,
    REFUSED_COUNT_MAX,
    SPAN_S,
    TABLES_LOOK_S,
    TALLY_SET_COUNT,
    TALLY_WAY_COUNT,
    WINDOW_S,
)
from web.ratelimit.shared_tables import SPAN_COUNT, Ban, Table, Tables, make_tag

IP = "192.0.2.1"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


Make = Callable[..., Budget]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(tmp_path: Path, clock: Clock) -> Iterator[Make]:
    made: list[Budget] = []

    def make_one(slot: str = "0", weight_max: int = 100, order_count_max: int = 10) -> Budget:
        made.append(Budget(tmp_path / "limits", slot, weight_max, order_count_max, clock))
        return made[-1]

    yield make_one
    for budget in made:
        budget.close()


def warnings(caplog: pytest.LogCaptureFixture) -> int:
    """How often a worker has said that it counts alone."""
    return sum("limits are kept by this worker alone" in record.message for record in caplog.records)


def granted(budget: Budget, count: int, weight: int = 1, ip: str = IP) -> int:
    return sum(not budget.spend_weight(ip, weight).wait_s for _ in range(count))


def test_one_worker(make: Make) -> None:
    budget = make()
    assert budget.spend_weight(IP, 40) == Spent(40)
    assert budget.spend_weight(IP, 60) == Spent(100)
    refused = budget.spend_weight(IP, 1)
    assert refused.used == 100 and 0 < refused.wait_s <= WINDOW_S + SPAN_S and not refused.banned
    assert budget.spend_weight("192.0.2.2", 1) == Spent(1)


def test_a_refused_request_uses_nothing(make: Make) -> None:
    budget = make()
    assert budget.spend_weight(IP, 90).used == 90
    assert budget.spend_weight(IP, 11).wait_s
    assert budget.spend_weight(IP, 10) == Spent(100)


def test_no_weight_is_always_granted(make: Make) -> None:
    budget = make()
    assert granted(budget, 101) == 100
    assert budget.spend_weight(IP, 0) == Spent(100)


def test_weight_comes_back_after_the_announced_wait(make: Make, clock: Clock) -> None:
    budget = make()
    granted(budget, 100)
    wait_s = budget.spend_weight(IP, 1).wait_s
    clock.now_s += wait_s - 1.001
    assert budget.spend_weight(IP, 1).wait_s
    clock.now_s += 1.001
    assert budget.spend_weight(IP, 100) == Spent(100)


def test_no_minute_has_more_than_the_limit(make: Make, clock: Clock) -> None:
    budget = make()
    moments: list[float] = []
    for _ in range(4 * 60 * 10):
        clock.now_s += 0.1
        if not budget.spend_weight(IP, 1).wait_s:
            moments.append(clock.now_s)
    most = max(sum(start <= moment < start + WINDOW_S for moment in moments) for start in moments)
    assert most == 100


def test_orders_are_the_accounts(make: Make) -> None:
    budget = make()
    assert budget.count_orders(IP, "alice", 5) == Spent(5)
    assert budget.count_orders("192.0.2.2", "alice", 5) == Spent(10)
    assert budget.count_orders(IP, "alice", 1).wait_s
    assert budget.count_orders(IP, "bob", 1) == Spent(1)
    assert budget.spend_weight(IP, 100) == Spent(100)  # its own account of things


def test_two_workers(make: Make, clock: Clock) -> None:
    first, second = make("0"), make("1")
    clock.now_s += TABLES_LOOK_S
    assert sum(granted(worker, 1) for _ in range(200) for worker in (first, second)) == 100


def test_a_worker_follows_a_killed_one(make: Make, clock: Clock) -> None:
    first, second = make("0"), make("1")
    assert granted(first, 60) == 60
    follower = make("0")
    clock.now_s += TABLES_LOOK_S
    assert granted(second, 100) == 40
    assert granted(follower, 100) == 0


# Bans


def test_going_on_is_banned(make: Make, clock: Clock) -> None:
    first, second = make("0"), make("1")
    clock.now_s += TABLES_LOOK_S
    granted(first, 100)
    answers = [budget.spend_weight(IP, 1) for _ in range(REFUSED_COUNT_MAX // 2) for budget in (first, second)]
    assert all(answer.wait_s and not answer.banned for answer in answers)
    for budget in (first, second):
        assert budget.spend_weight(IP, 0) == Spent(100, BAN_S, banned=True)
        assert budget.spend_weight("192.0.2.2", 1).wait_s == 0
    clock.now_s += BAN_S - 0.5
    assert first.spend_weight(IP, 1) == Spent(0, 1, banned=True)
    clock.now_s += 0.5
    assert second.spend_weight(IP, 1) == Spent(1)


def get_banned(budget: Budget) -> int:
    """Go on until banned; how long for."""
    while not (answer := budget.spend_weight(IP, 100)).banned:
        pass
    return answer.wait_s


def test_bans_double_up_to_three_days(make: Make, clock: Clock) -> None:
    budget = make()
    lengths = []
    for _ in range(14):
        lengths.append(get_banned(budget))
        clock.now_s += lengths[-1] + 1
    assert lengths == [min(BAN_S * 2**step, BAN_S_MAX) for step in range(14)] and lengths[-1] == BAN_S_MAX
    clock.now_s += 24 * 3_600
    assert get_banned(budget) == BAN_S


def test_what_was_refused_during_a_ban_does_not_count(make: Make, clock: Clock) -> None:
    budget = make()
    assert get_banned(budget) == BAN_S
    for _ in range(3 * REFUSED_COUNT_MAX):
        assert budget.spend_weight(IP, 1).banned
    clock.now_s += BAN_S
    assert granted(budget, 100 + REFUSED_COUNT_MAX) == 100
    assert budget.spend_weight(IP, 1).wait_s == 2 * BAN_S


def test_two_workers_ban_once(make: Make) -> None:
    """A request that was let in just before the other worker's ban does not make it longer."""
    first, second = make("0"), make("1")
    first.count_orders(IP, "alice", 10)
    for _ in range(REFUSED_COUNT_MAX + 1):
        assert second.count_orders(IP, "alice", 1).wait_s
        assert first.count_orders(IP, "alice", 1).wait_s
    assert first.spend_weight(IP, 1) == Spent(0, BAN_S, banned=True)


def test_too_many_orders_count_towards_a_ban(make: Make) -> None:
    budget = make()
    assert budget.count_orders(IP, "alice", 10).used == 10
    for _ in range(REFUSED_COUNT_MAX):
        assert budget.count_orders(IP, "alice", 1).wait_s
    assert budget.spend_weight(IP, 0).banned


def test_bans_of_many(tmp_path: Path) -> None:
    """The tables stay as large as they are."""
    own = Tables(tmp_path / "limits", "0")
    for number in range(3_000):
        own.own.set_ban(make_tag(b"refused", str(number)), Ban(2_000_000 + number, 1))
    kept = sum(own.own.ban(make_tag(b"refused", str(number))) is not None for number in range(3_000))
    assert 900 < kept <= 1_024
    assert own.own.ban(make_tag(b"refused", "2999")) == (2_002_999, 1)
    own.close()


# Tables


def test_never_too_little_is_counted(tmp_path: Path) -> None:
    """A full set: whoever comes takes over the smallest count."""
    own = Tables(tmp_path / "limits", "0")
    set_of_one = [7 + TALLY_SET_COUNT * number for number in range(TALLY_WAY_COUNT + 1)]
    for number, tag in enumerate(set_of_one[:-1], 1):
        own.own.add(tag, 10 * number, 500)
    own.own.add(set_of_one[-1], 1, 500)
    assert own.own.spans(set_of_one[0], 500) == []
    assert own.own.spans(set_of_one[-1], 500) == [(500, 11)]
    assert own.own.spans(set_of_one[1], 500) == [(500, 20)]
    own.own.add(set_of_one[0], 1, 500 + SPAN_COUNT)  # by then all the others are past
    assert own.own.spans(set_of_one[0], 500 + SPAN_COUNT) == [(500 + SPAN_COUNT, 1)]
    own.close()


def test_a_million_callers_take_no_more_memory(make: Make, tmp_path: Path) -> None:
    budget = make()
    before = sum(path.stat().st_size for path in (tmp_path / "limits").iterdir())
    for number in range(20_000):
        budget.spend_weight(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 1)
    files = list((tmp_path / "limits").iterdir())
    assert sum(path.stat().st_size for path in files) == before < 1_000_000
    assert all(path.stat().st_mode & 0o077 == 0 for path in (*files, tmp_path / "limits"))


def test_what_is_no_table_is_passed_over(make: Make, tmp_path: Path, clock: Clock) -> None:
    budget = make()
    (tmp_path / "limits" / "9.table").write_bytes(b"\0" * 100)
    clock.now_s += TABLES_LOOK_S
    assert budget.spend_weight(IP, 1) == Spent(1)


def test_a_table_has_its_room_from_the_beginning(make: Make, tmp_path: Path) -> None:
    """On a disk that is full by then, a page without room ends whoever touches it."""
    make()
    found = (tmp_path / "limits" / "0.table").stat()
    assert found.st_blocks * 512 >= found.st_size


def test_a_worker_that_cannot_create_its_table(
    make: Make, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It keeps the limits alone and says so once; as soon as it can, all agree, and nothing is lost."""
    first = make("0")
    first.spend_weight(IP, 10)
    obstacle = tmp_path / "limits" / "1.table"
    obstacle.mkdir()
    second = make("1")
    clock.now_s += TABLES_LOOK_S
    assert second.spend_weight(IP, 20) == Spent(30)  # it reads what others have written
    clock.now_s += TABLES_LOOK_S
    assert first.spend_weight(IP, 5) == Spent(15)
    assert {path.name for path in obstacle.parent.iterdir()} == {"0.table", obstacle.name}
    obstacle.rmdir()
    clock.now_s += TABLES_LOOK_S
    assert second.spend_weight(IP, 1) == Spent(36)
    clock.now_s += TABLES_LOOK_S
    assert first.spend_weight(IP, 1) == Spent(37)
    assert second.spend_weight(IP, 1) == Spent(38)
    assert warnings(caplog) == 1


def test_a_worker_that_cannot_create_the_folder(make: Make, tmp_path: Path, clock: Clock) -> None:
    obstacle = tmp_path / "limits"
    obstacle.touch()
    budget = make()
    assert budget.spend_weight(IP, 1) == Spent(1)
    obstacle.unlink()
    clock.now_s += TABLES_LOOK_S
    assert budget.spend_weight(IP, 1) == Spent(2)
    assert make("1").spend_weight(IP, 1) == Spent(3)


def test_others_cannot_be_written(tmp_path: Path) -> None:
    Tables(tmp_path / "limits", "0").close()
    other = Table(tmp_path / "limits" / "0.table")
    with pytest.raises(TypeError):
        other.add(1, 1, 1)
    other.close()


def _hammer(folder: Path, slot: str, start: Barrier, results: "multiprocessing.Queue[int]") -> None:
    budget = Budget(folder, slot, 1_000, 10)
    start.wait(30)
    results.put(granted(budget, 2_000))


def test_processes_at_the_same_moment(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[int] = context.Queue()
    start = context.Barrier(3)
    workers = [
        context.Process(target=_hammer, args=(tmp_path / "limits", str(slot), start, results)) for slot in range(3)
    ]
    for worker in workers:
        worker.start()
    total = sum(results.get(timeout=30) for _ in workers)
    for worker in workers:
        worker.join()
    assert 900 <= total <= 1_000


def _spend_for_ever(folder: Path) -> None:
    budget = Budget(folder, "0", 10**6, 10)
    number = 0
    while True:
        budget.spend_weight(IP, 1)
        number += 1
        budget.spend_weight(str(number), 1)


def test_kill_at_any_instruction(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    reader = Budget(tmp_path / "limits", "1", 10**6, 10)
    used = 0
    for _ in range(5):
        worker = context.Process(target=_spend_for_ever, args=(tmp_path / "limits",))
        worker.start()
        end = time.monotonic() + 20
        while reader.spend_weight(IP, 0).used <= used and time.monotonic() < end:
            time.sleep(0.01)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        now = reader.spend_weight(IP, 0).used
        assert now > used
        used = now
    reader.close()
