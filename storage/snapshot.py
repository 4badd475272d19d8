"""Snapshots: a shard's whole state at one journal position, as files.

``snapshot-<sequence>.json``: one header line (position, lengths and hashes of the parts), then the parts. The hash of
the first part is the state hash: two shards that have applied the same journal have the same one.
"""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from storage.files import write_whole
from storage.journal import Position

FORMAT = 1


class SnapshotDamaged(Exception):
    """A snapshot does not match its hashes; the text names the file."""


class Snapshot(NamedTuple):
    """State and messages in transit, both opaque here."""

    position: Position
    state: bytes  # the result of the journal up to the position
    underway: bytes  # link messages and events not yet confirmed; differs from run to run


def state_hash(state: bytes) -> str:
    """Return the hash by which two states are compared."""
    return hashlib.blake2b(state, digest_size=16).hexdigest()


def write_snapshot(folder: Path, snapshot: Snapshot) -> None:
    """Write a snapshot atomically and durably."""
    header = {
        "format": FORMAT,
        "sequence": snapshot.position.sequence,
        "checksum": snapshot.position.checksum,
        "state_bytes": len(snapshot.state),
        "state_hash": state_hash(snapshot.state),
        "underway_hash": state_hash(snapshot.underway),
    }
    line = json.dumps(header).encode() + b"\n"
    path = folder / f"snapshot-{snapshot.position.sequence:015d}.json"
    write_whole(path, line, snapshot.state, snapshot.underway)


def list_snapshots(folder: Path) -> list[Path]:
    """Return the snapshot files, oldest first."""
    return sorted(folder.glob("snapshot-*.json"))


def sequence_of(path: Path) -> int:
    """Return the sequence of the record at which a listed snapshot was taken, from its name."""
    return int(path.stem.removeprefix("snapshot-"))


def read_snapshot(path: Path) -> Snapshot:
    """Read and check a snapshot. Raises SnapshotDamaged; FileNotFoundError if a newer one has replaced it."""
    content = path.read_bytes()
    line, _, parts = content.partition(b"\n")
    try:
        header = json.loads(line)
        if header["format"] != FORMAT:
            raise SnapshotDamaged(f"{path}: format {header['format']}, this program reads format {FORMAT}")
        split = header["state_bytes"]
        snapshot = Snapshot(Position(header["sequence"], header["checksum"]), parts[:split], parts[split:])
        hashes = header["state_hash"], header["underway_hash"]
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotDamaged(f"{path}: its header is damaged") from error
    if (state_hash(snapshot.state), state_hash(snapshot.underway)) != hashes:
        raise SnapshotDamaged(f"{path}: its content does not match its hash")
    return snapshot


def keep_newest(folder: Path, count: int) -> None:
    """Remove all but the ``count`` newest snapshots."""
    for path in list_snapshots(folder)[:-count]:
        path.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove leftovers of interrupted snapshots; only while none is being written."""
    for path in folder.glob(".snapshot-*"):
        path.unlink(missing_ok=True)
