"""A mark tells how much was acknowledged, whatever became of one of its slots."""

from pathlib import Path

import pytest

from storage.mark import Marked, MarkWriter, mark_path, read_mark


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return mark_path(tmp_path / "journal.sqlite")


def test_the_last_one_counts(path: Path) -> None:
    """Beyond 32 bits, too, and with a writer that comes later."""
    marked = None
    for sequence in (1, 2, 3, 2**63 - 1):
        writer = MarkWriter(path)
        assert read_mark(path) == marked
        marked = Marked(sequence, 2**32 - sequence % 5)
        writer.put(marked)
        writer.close()
        assert read_mark(path) == marked
    assert (path.name, path.stat().st_size, path.stat().st_mode & 0o777) == ("journal.mark", 1_024, 0o600)


@pytest.mark.parametrize("last", [6, 7])
def test_a_damaged_slot_does_not(path: Path, last: int) -> None:
    """Whichever byte of it, or all: the one before is there."""
    writer = MarkWriter(path)
    for sequence in (last - 1, last):
        writer.put(Marked(sequence, 10 * sequence))
    writer.close()
    written = path.read_bytes()
    begin = written.index(last.to_bytes(8, "little"))
    for place in range(begin, begin + 20):
        path.write_bytes(written[:place] + bytes([written[place] ^ 1]) + written[place + 1 :])
        assert read_mark(path) == Marked(last - 1, 10 * (last - 1))
    path.write_bytes(written[:begin] + bytes(20) + written[begin + 20 :])
    assert read_mark(path) == Marked(last - 1, 10 * (last - 1))


@pytest.mark.parametrize("size", [0, 1, 600])
def test_its_space_is_there_before_it_is_needed(path: Path, size: int) -> None:
    """A full disk does not keep it from being written."""
    path.write_bytes(bytes(size))
    MarkWriter(path).close()
    assert path.stat().st_size == 1_024 and read_mark(path) is None


def test_without_a_disk_to_write_to_it_is_left_out(tmp_path: Path) -> None:
    """It only counts where another file is lost as well."""
    writer = MarkWriter(tmp_path / "none" / "journal.mark")
    writer.put(Marked(1, 2))
    writer.close()
    assert read_mark(tmp_path / "none" / "journal.mark") is None
