"""Which versions read which format of a data folder, for operators with a folder of another format."""

from typing import Final

LAST_READER: Final = {1: "dfb320d"}  # format: the last commit that reads it
MOVING: Final = 'docs/operations.md explains how to move ("A folder of another format")'


def describe_format(found: object, own: int) -> str:
    """Describe a folder of format ``found`` to users of format ``own``: which version reads it, and what to do."""
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        return f"has format {found!r}, which no version has written: restore a copy of its shardex.json"
    if found > own:
        return f"has format {found}, of a newer version than this one, which reads format {own}: start that version"
    reader = LAST_READER.get(found)
    known = f"; commit {reader} is the last that does" if reader else ""
    return f"has format {found}, which this version does not read; it reads format {own}{known}. {MOVING}"
