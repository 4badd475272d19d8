"""The engine's settings, read from the environment once."""

import os
from pathlib import Path
from typing import NamedTuple

from shards import limits
from shards.setting_names import find_slip


class SettingsError(Exception):
    """A setting is malformed; the text names it."""


class Settings(NamedTuple):
    """The engine's settings."""

    data: Path
    shard_count: int | None  # None: that of the data folder, or the default for the machine
    queue_depth: int  # messages waiting for one shard
    snapshot_records: int  # journal records between snapshots
    still_s: int  # a shard that stalls for this long is replaced
    sql_s: int  # timeout of an operator's statement


def read_count(name: str, default: int, low: int, high: int) -> int:
    """Read an integer between ``low`` and ``high`` from the environment; raises SettingsError."""
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise SettingsError(f"{name}={text!r}: give a whole number from {low} to {high}")
    return int(text)


def check_names() -> None:
    """Raise SettingsError for an unknown SHARDEX_ name in the environment."""
    slip = find_slip(os.environ)
    if slip is not None:
        raise SettingsError(slip)


def load_settings() -> Settings:
    """Read the environment; raises SettingsError.

    Uses SHARDEX_DATA, SHARDEX_SHARDS, SHARDEX_QUEUE_DEPTH, SHARDEX_SNAPSHOT_RECORDS, SHARDEX_STILL_S and SHARDEX_SQL_S.
    """
    check_names()
    return Settings(
        data=Path(os.environ.get("SHARDEX_DATA") or "data"),
        shard_count=read_count("SHARDEX_SHARDS", 0, 1, limits.SHARD_COUNT_MAX) or None,
        queue_depth=read_count("SHARDEX_QUEUE_DEPTH", limits.QUEUE_DEPTH_MAX, 1, 1_000_000),
        snapshot_records=read_count("SHARDEX_SNAPSHOT_RECORDS", limits.SNAPSHOT_RECORD_COUNT, 1, 10**9),
        still_s=read_count("SHARDEX_STILL_S", limits.STILL_REPLACED_S, 6, 10**6),
        sql_s=read_count("SHARDEX_SQL_S", limits.SQL_MS_MAX // 1000, 1, limits.SQL_MS_MAX // 1000),
    )


def count_shards(number: int) -> str:
    """Format a number of shards: "1 shard", "2 shards"."""
    return "1 shard" if number == 1 else f"{number} shards"


def default_shard_count() -> int:
    """Return one shard per two cores: a request costs the HTTP side about twice what it costs its shard."""
    return min(max((os.cpu_count() or 1) // 2, 1), limits.SHARD_COUNT_MAX)
