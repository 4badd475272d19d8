"""Atomic file writes: under a temporary name, then renamed; synced if they must survive a crash of the machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def describe_fault(error: OSError, path: Path | None = None) -> str:
    """Describe why a file cannot be used; ``path`` is used if the error names none."""
    return f"{error.filename or path} cannot be used ({error.strerror or error})"


def sync_directory(path: Path) -> None:
    """Sync a directory, so that the names in it are durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Sync a file's content."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_whole(path: Path, *parts: bytes, mode: int = 0o600) -> None:
    """Write ``parts`` to the file ``path``, durably and atomically; replaces an existing file."""
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


@contextmanager
def aside(path: Path, *, replace: bool) -> Iterator[Path]:
    """Yield a temporary path for a file that is renamed to ``path`` on success; nothing is left on failure.

    Raises FileExistsError if ``path`` exists and must not be replaced.
    """
    if not replace and path.exists():
        raise FileExistsError(path)
    made = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield made
        sync_file(made)
        if replace:
            os.replace(made, path)
        else:
            os.link(made, path)  # fails if the path was created meanwhile
    finally:
        made.unlink(missing_ok=True)
    sync_directory(path.parent)


def put(path: Path, content: bytes) -> None:
    """Write atomically but not durably, for files that live as long as the processes using them. One writer at a time.

    The file's space is allocated: a process that maps it can write to all of it even when the disk is full.
    """
    aside = path.with_name(f".{path.name}.new")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
