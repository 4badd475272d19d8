"""Prometheus metrics. Counts are summed over the workers; the engine's numbers are queried at each scrape.

How workers share counts, and what is lost when one is killed, is described in :mod:`web.monitoring.shared_counts`.
``web/gunicorn_conf.py`` assigns the slots.
"""

import atexit
import os
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shards.model.reasons import RejectReason
from web.exchange.gateway import ExchangeGateway
from web.exchange.status import FULL, SERVING, archive_state, archive_status, shard_state, shard_status, silence_s
from web.monitoring.shared_counts import SECONDS, SUFFIX, RequestStats, SharedRequestStats

SLOT_VARIABLE: Final = "SHARDEX_WORKER_SLOT"

_stats: Final = SharedRequestStats(None)


def share_counts(run: Path) -> None:
    """Share counts with gunicorn's other workers, in files below ``run``; without this call the process counts alone.

    Call once, before anything is counted.
    """
    slot = os.environ.get(SLOT_VARIABLE)
    if slot is not None:
        _stats.share(run / "metrics" / f"{slot}{SUFFIX}")
        atexit.register(_stats.write)  # only a worker that is killed (SIGKILL) loses counts


def count_request(method: str, route: str, status: int, started: float) -> None:
    """Count an answered request; ``started`` is of ``time.perf_counter``. ``route`` is a pattern, never a path."""
    _stats.count_request((method, route, status), time.perf_counter() - started)


def count_refusal(shard: int, reason: RejectReason) -> None:
    """Count a message rejected by a shard."""
    _stats.count_refusal((shard, reason.value))


def count_wrong_key() -> None:
    """Count a call with a wrong operator key."""
    _stats.count_wrong_key()


def render(gateway: ExchangeGateway, stats: SharedRequestStats = _stats) -> tuple[bytes, str]:
    """All metrics as text, and its content type."""
    registry = CollectorRegistry()
    registry.register(_StatsCollector(stats.total()))
    registry.register(_EngineCollector(gateway))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _StatsCollector(Collector):
    """The workers' counts."""

    def __init__(self, stats: RequestStats) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("shardex_requests", "Requests answered", labels=("method", "route", "status"))
        histograms: dict[tuple[str, str], Sequence[float]] = {}
        for (method, route, status), histogram in self._stats.requests.items():
            requests.add_metric((method, route, str(status)), sum(histogram[:-1]))
            other = histograms.get((method, route))
            histograms[method, route] = (
                histogram if other is None else [sum(pair) for pair in zip(histogram, other, strict=True)]
            )
        yield requests
        yield _durations(histograms)
        refusals = CounterMetricFamily("shardex_refusals", "Messages refused", labels=("shard", "reason"))
        for (shard, reason), count in self._stats.refusals.items():
            refusals.add_metric((str(shard), reason), count)
        yield refusals
        text = "Calls with a wrong operator key"
        yield CounterMetricFamily("shardex_wrong_operator_keys", text, value=self._stats.wrong_keys)


_BUCKETS: Final = (*map(str, SECONDS), "+Inf")


def _durations(histograms: dict[tuple[str, str], Sequence[float]]) -> Metric:
    durations = HistogramMetricFamily("shardex_request_seconds", "Time to answer", labels=("method", "route"))
    for route, histogram in histograms.items():
        durations.add_metric(route, list(zip(_BUCKETS, accumulate(histogram[:-1]), strict=True)), histogram[-1])
    return durations


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
    """The engine's current numbers."""

    def __init__(self, gateway: ExchangeGateway) -> None:
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        yield from self._collect_states()
        gauges = {
            name: GaugeMetricFamily(f"shardex_shard_{name}", text, labels=["shard"])
            for name, text in _SHARD_GAUGES.items()
        }
        for shard in self._gateway.shards:
            status = shard_status(self._gateway, shard)
            for name, gauge in gauges.items():
                if status is not None:
                    gauge.add_metric([str(shard)], getattr(status, name))
        yield from gauges.values()
        yield from self._collect_archive()
        yield from self._collect_clock()

    def _collect_states(self) -> Iterator[Metric]:
        """What is known even of a shard that does not answer."""
        texts = {
            "serving": "1 if the shard takes commands and can write",
            "full": "1 if there is no room on disk for the shard's journal",
            "recovery_done": "Journal records that a starting shard has replayed",
            "recovery_all": "Journal records that it replays in all",
            "silence_seconds": "Since the shard's last heartbeat; more than 2: it is stalled",
        }
        gauges = {
            name: GaugeMetricFamily(f"shardex_shard_{name}", text, labels=["shard"]) for name, text in texts.items()
        }
        for shard in self._gateway.shards:
            state, signs = shard_state(self._gateway, shard), self._gateway.client.shard_signs(shard)
            values = {"serving": float(state == SERVING), "full": float(state == FULL)}
            if signs is not None:
                values |= {"recovery_done": signs.done, "recovery_all": signs.all, "silence_seconds": silence_s(signs)}
            for name, value in values.items():
                gauges[name].add_metric([str(shard)], value)
        yield from gauges.values()

    def _collect_clock(self) -> Iterator[Metric]:
        signs = self._gateway.client.supervisor_signs()
        if signs is not None:
            yield GaugeMetricFamily(
                "shardex_clock_jump_seconds", "How far the clock last jumped; 0: not yet", value=signs.jump_ms / 1_000
            )
            yield CounterMetricFamily("shardex_clock_jumps", "How often the clock jumped", value=signs.jumps)

    def _collect_archive(self) -> Iterator[Metric]:
        state, archive = archive_state(self._gateway), archive_status(self._gateway)
        yield GaugeMetricFamily("shardex_archive_serving", "1 if the archive serves", value=float(state == SERVING))
        yield GaugeMetricFamily(
            "shardex_archive_full", "1 if the archive has no room to store", value=float(state == FULL)
        )
        if archive is None:
            return
        yield GaugeMetricFamily("shardex_archive_rows", "Rows in the archive", value=archive.rows)
        positions = GaugeMetricFamily("shardex_archive_position", "Number of the last row", labels=["shard"])
        for shard, position in archive.positions.items():
            positions.add_metric([str(shard)], position)
        yield positions
