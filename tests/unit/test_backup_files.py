"""The files of a backup: what is written is what is restored, or nothing is."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from storage.backup import (
    COPY_BYTES,
    BackupError,
    FileFacts,
    Manifest,
    check_room,
    copy_file,
    file_facts,
    is_backup,
    make_folder,
    read_manifest,
    restore,
    write_manifest,
)
from storage.folder import MANIFEST

MADE = Manifest(1, 1_000, 2_000, 2, [7, 9], {})
CONTENTS = {"shardex.json": b"{}", "shard-0/journal.sqlite": bytes(range(256)) * 40, "shard-1/journal.sqlite": b""}


def make_backup(folder: Path, contents: Mapping[str, bytes] = CONTENTS, **changes: int) -> Path:
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    files = {name: file_facts(folder / name) for name in contents}
    write_manifest(folder, msgspec.structs.replace(MADE, files=files, **changes))
    return folder


def test_what_was_written_is_restored(tmp_path: Path) -> None:
    backup = make_backup(tmp_path / "backup")
    assert is_backup(backup) and not is_backup(tmp_path)
    assert restore(backup, tmp_path / "restored") == read_manifest(backup)
    found = {name: (tmp_path / "restored" / name).read_bytes() for name in CONTENTS}
    assert found == CONTENTS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "restored"]


@pytest.mark.parametrize(("name", "content"), [("shardex.json", b"[]"), ("shard-1/journal.sqlite", b"."), ("", b"")])
def test_what_is_not_as_it_was_written_is_not_restored(tmp_path: Path, name: str, content: bytes) -> None:
    backup = make_backup(tmp_path / "backup")
    if name:
        (backup / name).write_bytes(content)
    else:
        (backup / "shardex.json").unlink()
    with pytest.raises(BackupError, match="is not as it was written" if name else "shardex.json is missing"):
        restore(backup, tmp_path / "restored")
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]


def test_a_manifest_is_read_only_as_it_was_written(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="is not a backup"):
        read_manifest(tmp_path)
    with pytest.raises(BackupError, match="has format 2"):
        read_manifest(make_backup(tmp_path, format=2))
    manifest = make_backup(tmp_path) / MANIFEST
    written = manifest.read_bytes()
    for damaged in (written.replace(b"2000", b"2001"), written[:-1], b"\xff"):
        manifest.write_bytes(damaged)
        with pytest.raises(BackupError, match="is damaged"):
            read_manifest(tmp_path)


@pytest.mark.parametrize("name", ["/etc/passwd", "../beside", "shard-0/../../beside"])
def test_nothing_is_restored_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    write_manifest(tmp_path, msgspec.structs.replace(MADE, files={name: FileFacts(0, "")}))
    with pytest.raises(BackupError, match="outside"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("size", [None, 0, 1, COPY_BYTES, COPY_BYTES + 1])
def test_the_beginning_of_a_file_is_copied(tmp_path: Path, size: int | None) -> None:
    """In pieces; the facts are those of the copy."""
    source, target = tmp_path / "source", tmp_path / "target"
    content = os.urandom(1 << 10) * (2 * COPY_BYTES >> 10) + b"the end"
    source.write_bytes(content)
    assert copy_file(source, target, size) == file_facts(target)
    assert target.read_bytes() == content[:size]
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        copy_file(source, target)


def test_a_folder_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    """What a killed process left of it is not part of it; an error of the disk is one of the backup."""
    target, unfinished = tmp_path / "made", tmp_path / ".made.unfinished"
    (unfinished / "old").mkdir(parents=True)
    (unfinished / "old" / "file").touch()
    (unfinished / "leftover").touch()
    with make_folder(target) as aside:
        assert aside == unfinished and list(aside.iterdir()) == []
        with pytest.raises(BackupError, match="by another process"), make_folder(target):
            pass
        (aside / "file").touch()
    assert [path.name for path in target.iterdir()] == ["file"]
    with pytest.raises(BackupError, match="no space"), make_folder(tmp_path / "other"):
        raise OSError("no space")
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("folder", "folder/file", "link"):
        with pytest.raises(BackupError, match="already exists"), make_folder(tmp_path / name):
            pass
    with pytest.raises(BackupError, match="there is no folder"), make_folder(tmp_path / "none" / "folder"):
        pass
    (tmp_path / "empty").mkdir()
    with make_folder(tmp_path / "empty") as aside:
        (aside / "file").touch()
    assert (tmp_path / "empty" / "file").exists()


def test_room_is_left_for_others(tmp_path: Path) -> None:
    stat = os.statvfs(tmp_path)
    check_room(tmp_path, 0)
    with pytest.raises(OSError, match="to spare"):
        check_room(tmp_path, stat.f_bavail * stat.f_frsize)
