"""Files that must be whole: written aside, synced, put in place in one step."""

import os
from pathlib import Path


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, *parts: bytes, mode: int = 0o600) -> None:
    """Write ``parts`` as the file ``path``, durable and all or nothing; replaces what stood there."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def create_once(path: Path, content: bytes, mode: int = 0o600) -> bytes:
    """Create ``path`` with ``content`` unless it exists; returns what stands there, whoever wrote it first."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    write_whole(aside, content, mode=mode)
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink(missing_ok=True)
    sync_directory(path.parent)
    return path.read_bytes()
