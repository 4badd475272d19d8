"""The parts of a data folder, and checks that none is missing.

``shardex.json`` is written last, with a checksum: a folder that has it has had all other parts. So parts that are
missing then were lost and are not created anew. A folder of an earlier version has a ``shardex.json`` without a
checksum: once, its parts are checked, completed if it was never used, and sealed.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from storage.files import write_whole
from storage.journal import Journal, JournalDamaged, StorageUnavailable
from storage.reference_file import ReferenceFile
from storage.sealed import seal
from storage.snapshot import list_snapshots

FACTS: Final = "shardex.json"
FACT_NAMES: Final = ("format", "shards")
SECRETS: Final = "secrets.json"
REFERENCE: Final = "reference.sqlite"
JOURNAL: Final = "journal.sqlite"
HISTORY: Final = "history.duckdb"
ADVICE: Final = "restore it from the newest copy of the data folder (docs/operations.md, When something is damaged)"

_log: Final = logging.getLogger(__name__)


def shard_folders(path: Path, count: int) -> list[Path]:
    """Return the shards' folders, with journals and snapshots."""
    return [path / f"shard-{index}" for index in range(count)]


def make_parts(path: Path, shard_count: int, secrets: Mapping[str, object]) -> None:
    """Create the missing parts of a folder that was never used."""
    for own in shard_folders(path, shard_count):
        own.mkdir(mode=0o700, exist_ok=True)
        Journal(own / JOURNAL).close()
    ReferenceFile(path / REFERENCE).close()
    if not (path / SECRETS).exists():
        write_whole(path / SECRETS, seal(secrets))


def seal_facts(path: Path, facts: Mapping[str, object]) -> None:
    """Seal the folder: all parts exist."""
    write_whole(path / FACTS, seal(facts))


def find_missing(path: Path, shard_count: int) -> list[Path]:
    """Return the missing parts, of those created with the folder. Secrets are checked where they are needed."""
    parts = [path / REFERENCE, *(own / JOURNAL for own in shard_folders(path, shard_count))]
    return [part for part in parts if not part.exists() or not part.stat().st_size]


def take_over(path: Path, facts: Mapping[str, object], secrets: Mapping[str, object]) -> Sequence[Path]:
    """Seal a folder of an earlier version. Returns what is missing; in that case nothing was done."""
    if is_used(path):
        missing = find_missing(path, int(str(facts["shards"])))
        if not (path / SECRETS).exists():
            missing.append(path / SECRETS)
        if missing:
            return missing
        _log.warning("%s is adopted as it is: from now on nothing that belongs to it may be missing", path)
    make_parts(path, int(str(facts["shards"])), secrets)
    seal_facts(path, facts)
    return ()


def is_used(path: Path) -> bool:
    """Whether the folder was ever used: then its parts must not be created anew."""
    if (path / HISTORY).exists():
        return True
    return any(list_snapshots(own) or _has_records(own / JOURNAL) for own in path.glob("shard-*"))


def _has_records(path: Path) -> bool:
    if not path.exists() or not path.stat().st_size:
        return False
    try:
        journal = Journal(path, read_only=True)
    except (JournalDamaged, StorageUnavailable):
        return True
    try:
        return journal.last_sequence() > 0
    except JournalDamaged:
        return True
    finally:
        journal.close()
