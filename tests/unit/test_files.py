"""Files that are whole or not there."""

from pathlib import Path

import pytest

from storage.files import create_once, write_whole


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    """Interrupted in the middle, what stood there before still does, and nothing is left beside it."""
    path = tmp_path / "file"
    write_whole(path, b"before")
    with pytest.raises(TypeError):
        write_whole(path, b"half of what", "was to be written")  # type: ignore[arg-type]
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"before"


def test_who_comes_first_decides(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert [create_once(path, content) for content in (b"first", b"second")] == [b"first", b"first"]
