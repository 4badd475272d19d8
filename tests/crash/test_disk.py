"""A full disk: certainly not executed, reads go on, and it goes on by itself when there is room again."""

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from storage.journal import START, Journal, Record, StorageFull
from tests.crash.calls import Call
from tests.crash.floor import Floor
from tests.crash.processes import BACK_S, check_at_rest, shard_process
from tests.crash.settings import make_random, times
from tests.crash.storm import Stage, Storm
from tests.exchange import Exchange, kill, until

DISK: Final = "100m"
POINTS: Final = 20


class Disk:
    """A file that takes all room there is but a few bytes."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self, spare: int) -> None:
        """Leave ``spare`` bytes."""
        with self._ballast.open("wb", buffering=0) as file:
            for piece in (2**20, 512):
                try:
                    while file.write(bytes(piece)):
                        pass
                except OSError:
                    continue  # no room for a whole piece
            file.truncate(max(0, file.tell() - spare))

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink()


@pytest.fixture
def small_stage() -> Iterator[Stage]:
    """An exchange on a small file system of its own."""
    exchange = Exchange(2)
    exchange.data.mkdir()
    options = f"size={DISK},mode=700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(exchange.data)], capture_output=True)
    try:
        if mounted.returncode:
            pytest.skip("a file system can be mounted by root only")
        exchange.start()
        yield Stage(exchange, Floor(exchange))
        check_at_rest(exchange)
    finally:
        exchange.stop()
        if not mounted.returncode:
            subprocess.run(["umount", "--lazy", str(exchange.data)], check=True)
        exchange.close()


@pytest.mark.parametrize("number", range(times(1)))
def test_a_full_disk(small_stage: Stage, number: int) -> None:
    """Full at one point or another, in the midst of a batch; once with a shard that starts on the full disk.

    On a young folder: an older one has files that it can go on writing to.
    """
    disk = Disk(small_stage.exchange.data)
    take_room_for_metrics(small_stage.exchange.data / "run" / "metrics")
    with Storm(small_stage) as storm:

        def await_call(fits: Callable[[Call], bool], what: str) -> None:
            seen = len(storm.load.calls)
            until(lambda: any(fits(call) for call in storm.load.calls[seen:]), BACK_S, what)

        def blow() -> None:
            disk.fill(storm.rnd.randrange(0, 65_536))
            await_call(is_refused_for_room, "STORAGE_FULL")
            await_call(is_read, "reads go on")
            disk.free()
            await_call(is_placed, "it goes on")

        def blow_and_kill() -> None:
            disk.fill(0)
            await_call(is_refused_for_room, "STORAGE_FULL")
            pid = shard_process(storm.exchange, 0)
            kill(pid)
            shard_process(storm.exchange, 0, after=pid)
            disk.free()
            await_call(is_placed, "it goes on")

        storm.strike(POINTS, blow)
        storm.check_only(is_refused_for_room)
        storm.strike(1, blow_and_kill)


def take_room_for_metrics(folder: Path) -> None:
    """The web side's counts lie in sparse files; what becomes of those is not the matter here."""
    for path in folder.iterdir():
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def is_refused_for_room(call: Call) -> bool:
    return call.error == "STORAGE_FULL"


def is_read(call: Call) -> bool:
    return call.what in ("balances", "orders") and call.status == 200


def is_placed(call: Call) -> bool:
    return call.what == "place" and call.status == 200


def test_a_batch_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    """At any size of the file; the same records go in once there is room."""
    rnd = make_random()
    for _ in range(times(50)):
        path = tmp_path / "journal.sqlite"
        journal = Journal(path)
        written = write_until_full(journal, rnd)
        assert [*Journal(path, read_only=True).read(START)] == written
        journal._db.execute("PRAGMA max_page_count = 1000000")
        more = make_records(len(written), 5, rnd)
        journal.append(more)
        journal.close()
        assert [*Journal(path, read_only=True).read(START)] == [*written, *more]
        for left in tmp_path.iterdir():
            left.unlink()


def write_until_full(journal: Journal, rnd: random.Random) -> list[Record]:
    """Batches until one does not fit; what did."""
    journal._db.execute(f"PRAGMA max_page_count = {rnd.randint(8, 60)}")
    written: list[Record] = []
    while True:
        batch = make_records(len(written), rnd.randint(1, 20), rnd)
        try:
            journal.append(batch)
        except StorageFull:
            assert journal.last.sequence == len(written)
            return written
        written += batch


def make_records(after: int, count: int, rnd: random.Random) -> list[Record]:
    """Records of any size."""
    numbers = range(after + 1, after + count + 1)
    return [Record(number, 1_000 + number, -1, 0, rnd.randbytes(rnd.randint(1, 3_000))) for number in numbers]
