"""One moment of journals that go on: never a receiver's later state beside a sender's earlier one."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import repeat
from pathlib import Path

import pytest

from storage.journal import Journal, Record
from storage.moment import NoMoment, find_moment


class Watched(Journal):
    """A journal that is looked at; before each look something may happen."""

    acts: Iterator[Callable[[], object] | None] = iter(())

    def last_sequence(self) -> int:
        act = next(self.acts, None)
        if act is not None:
            act()
        return super().last_sequence()


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

    def send() -> None:
        write(sender)
        write(receiver)

    receiver.acts = iter([send, None, send])
    with find_moment([sender, receiver], reference, 10) as moment:
        assert moment.ends == [2, 2]


def test_reference_data_are_of_the_same_moment(files: tuple[Path, list[Watched]]) -> None:
    """An asset is added and then paid out before the journals are looked at; what comes later is not in it."""
    reference, (journal, _) = files

    def add() -> None:
        with closing(sqlite3.connect(reference)) as db, db:
            db.execute("INSERT INTO assets VALUES ('DF')")
        write(journal)

    journal.acts = iter([add, None, add, None])
    with find_moment([journal], reference, 10) as moment:
        add()
        ((assets,),) = moment.reference.execute("SELECT count(*) FROM assets").fetchall()
    assert (assets, moment.ends) == (2, [2])


def test_without_a_moment_it_is_said(files: tuple[Path, list[Watched]]) -> None:
    reference, (journal, _) = files
    journal.acts = repeat(lambda: write(journal))
    with pytest.raises(NoMoment, match="try again"), find_moment([journal], reference, 0.05):
        pass
