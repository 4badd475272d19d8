"""Files that are whole or not there."""

from pathlib import Path

import pytest

from storage.files import aside, describe_fault, put, write_whole


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


def test_a_file_made_aside_is_there_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with aside(path, replace=False) as made:
        made.write_bytes(b"one")
        assert not path.exists()
    with pytest.raises(FileExistsError), aside(path, replace=False) as made:
        made.write_bytes(b"two")
    with pytest.raises(ValueError), aside(path, replace=True) as made:
        made.write_bytes(b"half of what")
        raise ValueError
    assert path.read_bytes() == b"one"
    with aside(path, replace=True) as made:
        made.write_bytes(b"two")
    assert path.read_bytes() == b"two"
    with pytest.raises(FileExistsError), aside(tmp_path / "other", replace=False) as made:
        made.write_bytes(b"ours")
        (tmp_path / "other").write_bytes(b"theirs")
    assert (tmp_path / "other").read_bytes() == b"theirs"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "other"]


def test_a_fault_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        (tmp_path / "none").read_bytes()
    assert describe_fault(caught.value) == f"{tmp_path / 'none'} cannot be used (No such file or directory)"
    assert describe_fault(OSError("odd"), tmp_path) == f"{tmp_path} cannot be used (odd)"
