"""For machines: liveness of this worker, readiness of the exchange, metrics."""

import os
from typing import Annotated, Final, Literal

import msgspec
from flask import Blueprint, Response, request
from msgspec import UNSET, UnsetType

from storage.reference import ReferenceUnusable
from web.exchange.fields import ArchiveState
from web.exchange.status import SERVING, archive_state, shard_state
from web.http.described import Written
from web.http.errors import RETRY_AFTER_S, invalid
from web.http.responses import answer
from web.monitoring import metrics
from web.services import services

blueprint: Final = Blueprint("health", __name__)

ShardStates = Annotated[dict[str, str], Written()]
"""States by the numbers of shards."""


class LiveView(msgspec.Struct, gc=False):
    """This worker is alive."""

    status: Literal["live"]


class ReadyView(msgspec.Struct, gc=False):
    """The exchange is ready."""

    status: Literal["ready"]
    shards: ShardStates
    archive: ArchiveState


class UnreadyView(msgspec.Struct, gc=False):
    """The exchange is not ready."""

    status: Literal["not ready"]
    shards: ShardStates
    archive: ArchiveState
    reference: Literal["unusable"] | UnsetType


@blueprint.get("/healthz")
def live() -> Response:
    """Liveness of this worker; queries no other process."""
    return answer(LiveView("live"))


@blueprint.get("/readyz")
def ready() -> Response:
    """Readiness for trading: whether all shards serve. With ``history=required`` the archive must serve, too.

    At a first start, the demo must also have been created.
    """
    needed = request.args.get("history")
    if needed not in (None, "required"):
        raise invalid("history")
    gateway = services().gateway
    shards = {str(shard): shard_state(gateway, shard) for shard in gateway.shards}
    archive = archive_state(gateway)
    is_ready = all(state == SERVING for state in shards.values()) and (needed is None or archive == SERVING)
    is_readable = _knows_what_is_traded()
    if is_ready and is_readable and not _awaits_demo():
        return answer(ReadyView("ready", shards, archive))
    response = answer(UnreadyView("not ready", shards, archive, UNSET if is_readable else "unusable"))
    response.status_code = 503
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _knows_what_is_traded() -> bool:
    """Whether the reference file can be read: without it every call is rejected."""
    try:
        services().catalog()
    except ReferenceUnusable:
        return False
    return True


def _awaits_demo() -> bool:
    """Whether this is a first start whose demo is not created yet."""
    awaited = services().settings.awaited
    return awaited is not None and not os.path.exists(awaited)


@blueprint.get("/metrics")
def show_metrics() -> Response:
    """Metrics in Prometheus text format."""
    text, content_type = metrics.render(services().gateway)
    return Response(text, content_type=content_type)
