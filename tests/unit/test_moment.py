"""One moment of journals that go on: never a receiver's later state beside a sender's earlier one."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.journal import Journal, Record
from storage.moment import NoMoment, find_moment


class Watched(Journal):
    """A journal that others write to whenever it is looked at, a few times."""

    on_look: Callable[[], object] = staticmethod(lambda: None)  # type: ignore[assignment]
    times = 0

    def last_sequence(self) -> int:
        found = super().last_sequence()
        if self.times:
            self.times -= 1
            self.on_look()
        return found


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[Path, list[Watched]]]:
    """A reference file and the journals of two shards."""
    reference = tmp_path / "reference.sqlite"
    with closing(sqlite3.connect(reference)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE assets (symbol TEXT)")
        db.commit()
        journals = [Watched(tmp_path / f"{name}.sqlite") for name in ("first", "second")]
        yield reference, journals
        for journal in journals:
            journal.close()


def write(journal: Journal) -> None:
    journal.append([Record(journal.last.sequence + 1, 1_000, -1, 0, b"[]")])


def test_a_message_received_between_two_looks_was_sent_in_the_same_moment(files: tuple[Path, list[Watched]]) -> None:
    """The first shard is looked at; then it sends, and the second one receives before it is looked at."""
    reference, (sender, receiver) = files
    sender.times, sender.on_look = 5, lambda: (write(sender), write(receiver))  # type: ignore[assignment]
    with find_moment([sender, receiver], reference, 10) as moment:
        sent, received = moment.ends
    assert sent == received == 5


def test_reference_data_are_of_the_same_moment(files: tuple[Path, list[Watched]]) -> None:
    """An asset is added and then paid out while the journals are looked at; what comes later is not in it."""
    reference, (journal, _) = files

    def add() -> None:
        with closing(sqlite3.connect(reference)) as db, db:
            db.execute("INSERT INTO assets VALUES ('DF')")
        write(journal)

    journal.times, journal.on_look = 3, add  # type: ignore[assignment]
    with find_moment([journal], reference, 10) as moment:
        add()
        ((assets,),) = moment.reference.execute("SELECT count(*) FROM assets").fetchall()
    assert (assets, moment.ends) == (3, [3])


def test_without_a_moment_it_is_said(files: tuple[Path, list[Watched]]) -> None:
    reference, (journal, _) = files
    journal.times, journal.on_look = 10**9, lambda: write(journal)  # type: ignore[assignment]
    with pytest.raises(NoMoment, match="try again"), find_moment([journal], reference, 0.05):
        pass
