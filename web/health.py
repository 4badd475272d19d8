"""For machines: is this worker alive, is the exchange ready, how much of what has happened."""

from typing import Final

from flask import Blueprint, Response

from web import metrics
from web.errors import RETRY_AFTER_S
from web.responses import answer
from web.services import services
from web.status import SERVING, archive_state, archive_status, shard_state, shard_status

blueprint: Final = Blueprint("health", __name__)


@blueprint.get("/healthz")
def live() -> Response:
    """This worker answers; asks nobody."""
    return answer({"status": "live"})


@blueprint.get("/readyz")
def ready() -> Response:
    """Whether all shards and the archive answer and serve."""
    engine = services().engine
    shards = {str(shard): shard_state(shard_status(engine, shard)) for shard in engine.shards}
    archive = archive_state(archive_status(engine))
    is_ready = archive == SERVING and all(state == SERVING for state in shards.values())
    response = answer({"status": "ready" if is_ready else "not ready", "shards": shards, "archive": archive})
    if not is_ready:
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


@blueprint.get("/metrics")
def show_metrics() -> Response:
    """Prometheus text."""
    text, content_type = metrics.render(services().engine)
    return Response(text, content_type=content_type)
