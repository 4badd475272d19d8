"""Status of the shards and the archive, for the operator API, readiness and metrics.

States come from heartbeats that processes write unprompted (:mod:`shards.vitals`): so the state of an unresponsive
shard is known, and a full mailbox does not look like a crashed shard. Numbers are queried.
"""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from shards.clock import monotonic_ms
from shards.limits import BEAT_S
from shards.model.queries import GetArchiveStatus, GetStatus
from shards.model.replies import ArchiveStatus, ShardStatus
from shards.vitals import Signs, State
from web.exchange.fields import ArchiveState, Natural, Pid
from web.exchange.gateway import ExchangeGateway
from web.http.described import Described
from web.http.errors import EngineRejected

SERVING: Final = "serving"
FULL: Final = "full"
STOPPED: Final = "stopped"

_SILENT_MS: Final = int(2_000 * BEAT_S)  # without a heartbeat for so long, a process is considered stalled
_WAIT_MS: Final = 1_000  # a shard that has not answered by then is shown without its numbers


class ShardView(msgspec.Struct, gc=False):
    """The status of a shard."""

    shard: Natural
    state: Annotated[str, Described("ProcessState")]
    pid: Pid
    markets: Natural | None
    accounts: Natural | None
    open_orders: Natural | None
    queue_depth: Natural | None
    queue_depth_max: Natural | None
    journal_seq: Natural | None
    snapshot_seq: Natural | None
    archive_lag: Natural | None


class ArchiveView(msgspec.Struct, gc=False):
    """The status of the archive."""

    state: ArchiveState
    pid: Pid
    rows: Natural | None


class StatusView(msgspec.Struct, gc=False):
    """The status of every shard and the archive."""

    shards: list[ShardView]
    archive: ArchiveView


_NUMBERS: Final = ShardView.__struct_fields__[3:]


def shard_state(gateway: ExchangeGateway, shard: int) -> str:
    """A shard's state as this worker sees it.

    "serving", "recovering <done>/<all>" (journal records), "full" or "stopped".
    """
    return _state(gateway.client.shard_signs(shard), lambda: gateway.client.is_serving(shard))


def archive_state(gateway: ExchangeGateway) -> str:
    """The archive's state; like a shard's, but "recovering" has no progress."""
    return _state(gateway.client.archive_signs(), gateway.client.archive_serving).removesuffix(" 0/0")


def silence_s(signs: Signs) -> float:
    """Seconds since the last heartbeat."""
    return max(0, monotonic_ms() - signs.beat_ms) / 1_000


def _state(signs: Signs | None, reached: Callable[[], bool]) -> str:
    if signs is None or signs.state == State.STOPPED or silence_s(signs) * 1_000 > _SILENT_MS:
        return STOPPED
    if signs.state == State.FULL:
        return FULL
    if signs.state == State.SERVING and reached():
        return SERVING
    return f"recovering {signs.done}/{signs.all}"


def shard_status(gateway: ExchangeGateway, shard: int) -> ShardStatus | None:
    """The shard's numbers; None if it does not answer. A shard without heartbeat is not queried."""
    if shard_state(gateway, shard) == STOPPED:
        return None
    try:
        return gateway.ask(ShardStatus, shard, GetStatus(), _WAIT_MS)
    except EngineRejected:
        return None


def archive_status(gateway: ExchangeGateway) -> ArchiveStatus | None:
    """The archive's numbers; None if it does not answer. Without a heartbeat it is not queried."""
    if archive_state(gateway) == STOPPED:
        return None
    try:
        return gateway.ask_archive(ArchiveStatus, GetArchiveStatus(), _WAIT_MS)
    except EngineRejected:
        return None


def read_status(gateway: ExchangeGateway) -> StatusView:
    """Full status; numbers are null for processes that do not answer, and a pid where there is no process."""
    signs, archive = gateway.client.archive_signs(), archive_status(gateway)
    return StatusView(
        shards=[_render_shard(gateway, shard) for shard in gateway.shards],
        archive=ArchiveView(
            state=archive_state(gateway),
            pid=signs.pid if signs else None,
            rows=archive.rows if archive else None,
        ),
    )


def _render_shard(gateway: ExchangeGateway, shard: int) -> ShardView:
    signs, found = gateway.client.shard_signs(shard), shard_status(gateway, shard)
    numbers = msgspec.structs.asdict(found) if found else {}
    return ShardView(
        shard=shard,
        state=shard_state(gateway, shard),
        pid=signs.pid if signs else None,
        **{name: numbers.get(name) for name in _NUMBERS},
    )
