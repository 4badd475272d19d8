"""Prometheus metrics. Counts are summed over the workers through files; the engine's numbers are asked for when read.

The files belong to a worker's slot, not to its process: a worker that follows a killed one goes on with its counts, so
there are as many files after ten thousand restarts as after none. ``web/gunicorn_conf.py`` gives out the slots.
"""

import os
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from shards.messages import Reason
from web.engine import Engine
from web.status import SERVING, archive_state, archive_status, shard_state, shard_status

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
SLOT_VARIABLE: Final = "SHARDEX_WORKER_SLOT"

_SHARED: Final = FOLDER_VARIABLE in os.environ
if _SHARED:
    _slot: Final = os.environ.get(SLOT_VARIABLE, "0")
    values.ValueClass = values.MultiProcessValue(lambda: _slot)  # type: ignore[no-untyped-call]

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_registry: Final = CollectorRegistry()
_requests: Final = Counter("shardex_requests", "Requests answered", ("method", "route", "status"), registry=_registry)
_durations: Final = Histogram(
    "shardex_request_seconds", "Time to answer", ("method", "route"), registry=_registry, buckets=_SECONDS
)
_refusals: Final = Counter("shardex_refusals", "Messages refused", ("shard", "reason"), registry=_registry)


def count_request(method: str, route: str, status: int, started: float) -> None:
    """A request was answered; ``started`` by ``time.perf_counter``. ``route`` is a pattern, never a path."""
    count, duration = _children(method, route, status)
    count.inc()
    duration.observe(time.perf_counter() - started)


@lru_cache(maxsize=1_024)
def _children(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The two that a request counts in; looking them up by their labels costs as much as counting."""
    return _requests.labels(method, route, str(status)), _durations.labels(method, route)


def count_refusal(shard: int, reason: Reason) -> None:
    """A shard refused a message."""
    _refusals_of(shard, reason).inc()


@lru_cache(maxsize=256)
def _refusals_of(shard: int, reason: Reason) -> Counter:
    return _refusals.labels(str(shard), reason.value)


def render(engine: Engine) -> tuple[bytes, str]:
    """All metrics as text, and its content type."""
    registry = CollectorRegistry()
    if _SHARED:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(_EngineCollector(engine))
    text = generate_latest(registry)
    return (text if _SHARED else generate_latest(_registry) + text), CONTENT_TYPE_LATEST


_SHARD_GAUGES: Final = {
    "queue_depth": "Messages in the mailbox",
    "queue_depth_max": "Bound of the mailbox",
    "open_orders": "Open orders",
    "markets": "Markets",
    "accounts": "Accounts",
    "journal_seq": "Sequence of the last journal record",
    "snapshot_seq": "Sequence of the last snapshot",
    "archive_lag": "Rows not yet confirmed by the archive",
}


class _EngineCollector(Collector):
    """The engine's numbers as they are now."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Called once for each scrape."""
        serving = GaugeMetricFamily("shardex_shard_serving", "1 if the shard takes commands", labels=["shard"])
        gauges = {
            name: GaugeMetricFamily(f"shardex_shard_{name}", text, labels=["shard"])
            for name, text in _SHARD_GAUGES.items()
        }
        for shard in self._engine.shards:
            status = shard_status(self._engine, shard)
            serving.add_metric([str(shard)], float(shard_state(status) == SERVING))
            for name, gauge in gauges.items():
                if status is not None:
                    gauge.add_metric([str(shard)], getattr(status, name))
        yield serving
        yield from gauges.values()
        yield from self._collect_archive()

    def _collect_archive(self) -> Iterator[Metric]:
        archive = archive_status(self._engine)
        state = float(archive_state(archive) == SERVING)
        yield GaugeMetricFamily("shardex_archive_serving", "1 if the archive answers", value=state)
        if archive is None:
            return
        yield GaugeMetricFamily("shardex_archive_rows", "Rows in the archive", value=archive.rows)
        positions = GaugeMetricFamily("shardex_archive_position", "Number of the last row", labels=["shard"])
        for shard, position in archive.positions.items():
            positions.add_metric([str(shard)], position)
        yield positions
