"""Journals that were recorded once: all records of every shard, and the hash of the state that they come to.

They lie under the number of the rules by which the shards decided then (:data:`shards.limits.RULES`).
"""

import lzma
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from shards.engine.engine import Engine
from shards.engine.state import dump_state
from shards.folder import Folder
from shards.limits import RULES
from shards.runtime.recovery import apply_record, recover
from storage.journal import Record
from storage.snapshot import state_hash
from tests.data import folders

_NOT_KEPT: Final = ("run", "demo.json")  # of a data folder


class Recorded(NamedTuple):
    """One shard: what it was told, and where that led when it was recorded."""

    records: list[tuple[int, int, int, int, str]]  # as Record, the body as text
    state_hash: str


def replay(records: Sequence[Record], shard: int, shard_count: int) -> Engine:
    """The engine that a whole journal makes."""
    engine = Engine(shard, shard_count)
    for record in records:
        apply_record(engine, record)
    return engine


def hash_of(engine: Engine) -> str:
    """Its state hash, as text."""
    return str(state_hash(dump_state(engine)))


def folder_of(rules: int) -> Path:
    """The folder with what was recorded under these rules."""
    return Path(__file__).parent / f"rules-{rules}"


def write(name: str, journals: Sequence[Sequence[Record]]) -> Path:
    """Keep the whole journals of all shards under ``name``; returns the file."""
    kept = [
        Recorded(
            [(*record[:4], record.body.decode()) for record in records],
            hash_of(replay(records, shard, len(journals))),
        )
        for shard, records in enumerate(journals)
    ]
    path = folder_of(RULES) / f"{name}.json.xz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_compress(msgspec.json.encode(kept)))
    return path


def read(rules: int, name: str) -> list[tuple[list[Record], str]]:
    """The records of each shard, and the hash of the state that they came to."""
    content = lzma.decompress((folder_of(rules) / f"{name}.json.xz").read_bytes())
    kept = msgspec.json.decode(content, type=list[Recorded])
    return [
        ([Record(*head, body.encode()) for *head, body in shard.records], shard.state_hash)  # type: ignore[misc]
        for shard in kept
    ]


def pack(data: Path) -> Path:
    """Keep a data folder whose engine has stopped; returns the file."""
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(data.iterdir()):
            if path.name not in _NOT_KEPT:
                archive.add(path, path.name)
    path = folder_of(RULES) / "folder.tar.xz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_compress(packed.getvalue()))
    hashes = msgspec.json.encode(folder_hashes(Folder.open(data)))
    (folder_of(RULES) / "folder.json").write_bytes(hashes + b"\n")
    return path


def unpack(rules: int, data: Path) -> list[str]:
    """Lay the kept data folder to ``data``; returns the hashes of the states that its shards had."""
    folders.unpack(folder_of(rules) / "folder.tar.xz", data)
    return msgspec.json.decode((folder_of(rules) / "folder.json").read_bytes(), type=list[str])


def folder_hashes(folder: Folder) -> list[str]:
    """The hash of the state that each shard's disk makes."""
    hashes = []
    for shard in range(folder.shard_count):
        engine, journal, _ = recover(folder.shard(shard), shard, folder.shard_count)
        journal.close()
        hashes.append(hash_of(engine))
    return hashes


def _compress(content: bytes) -> bytes:
    return lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)
