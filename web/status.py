"""How the shards and the archive are, as the operator API, readiness and metrics show it."""

from typing import Final

import msgspec

from shards.messages import ArchiveStatus, GetArchiveStatus, GetStatus, ShardStatus
from web.engine import Engine
from web.errors import EngineRefusal

SERVING: Final = "serving"
RECOVERING: Final = "recovering"
STOPPED: Final = "stopped"

_WAIT_MS: Final = 1_000  # a shard that does not answer by then is shown without its numbers
_NUMBERS: Final = (
    "markets",
    "accounts",
    "open_orders",
    "queue_depth",
    "queue_depth_max",
    "journal_seq",
    "snapshot_seq",
    "archive_lag",
)


def shard_state(found: ShardStatus | None) -> str:
    """In one word, from what the shard answered."""
    if found is None:
        return STOPPED
    return SERVING if found.serving else RECOVERING


def archive_state(found: ArchiveStatus | None) -> str:
    """In one word, from what the archive answered."""
    return STOPPED if found is None else SERVING


def shard_status(engine: Engine, shard: int) -> ShardStatus | None:
    """The shard's numbers; None if it does not answer."""
    try:
        return engine.ask(ShardStatus, shard, GetStatus(), _WAIT_MS)
    except EngineRefusal:
        return None


def archive_status(engine: Engine) -> ArchiveStatus | None:
    """The archive's numbers; None if it does not answer."""
    try:
        return engine.ask_archive(ArchiveStatus, GetArchiveStatus(), _WAIT_MS)
    except EngineRefusal:
        return None


def read_status(engine: Engine) -> dict[str, object]:
    """All of it; numbers are null where nobody answers."""
    archive = archive_status(engine)
    return {
        "shards": [_render_shard(engine, shard) for shard in engine.shards],
        "archive": {"state": archive_state(archive), "rows": archive.rows if archive else None},
    }


def _render_shard(engine: Engine, shard: int) -> dict[str, object]:
    found = shard_status(engine, shard)
    numbers = msgspec.structs.asdict(found) if found else {}
    return {"shard": shard, "state": shard_state(found), **{name: numbers.get(name) for name in _NUMBERS}}
