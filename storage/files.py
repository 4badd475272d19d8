"""Files that must be whole: written aside, put in place in one step; synced, if they must outlive the machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def describe_fault(error: OSError, path: Path | None = None) -> str:
    """What keeps a file from being used, in words; it is ``path`` if the error names none."""
    return f"{error.filename or path} cannot be used ({error.strerror or error})"


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make what a file holds durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


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


@contextmanager
def aside(path: Path, *, replace: bool) -> Iterator[Path]:
    """A path beside ``path`` for what is to stand there once it is whole; nothing is left if the context fails.

    Raises FileExistsError if something stands at ``path`` and is not to be replaced.
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
            os.link(made, path)  # fails if something has come there meanwhile
    finally:
        made.unlink(missing_ok=True)
    sync_directory(path.parent)


def put(path: Path, content: bytes) -> None:
    """As :func:`write_whole`, but not durable: for what ends with the processes that use it. One writer at a time.

    The room of such a file is taken: whoever maps it can write to all of it, however full the disk has become.
    """
    aside = path.with_name(f".{path.name}.new")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
