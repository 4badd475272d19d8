"""Files that are whole or not there."""

from pathlib import Path

import pytest

from storage.files import put, write_whole


def test_a_file_is_put_whole_or_not_at_all(tmp_path: Path) -> None:
    """And it is its owner's alone, with all its room."""
    path = tmp_path / "file"
    put(path, bytes(100_000))
    with pytest.raises(TypeError):
        put(path, "no bytes")  # type: ignore[arg-type]
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    found = path.stat()
    assert found.st_size == 100_000 <= found.st_blocks * 512
    assert found.st_mode & 0o077 == 0


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    """Interrupted in the middle, what stood there before still does, and nothing is left beside it."""
    path = tmp_path / "file"
    write_whole(path, b"before")
    with pytest.raises(TypeError):
        write_whole(path, b"half of what", "was to be written")  # type: ignore[arg-type]
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"before"
