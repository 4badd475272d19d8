"""The summary printed at the end of a run."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from loadtest.load import CallStatistics
from loadtest.outcome import Outcome
from loadtest.record import Call

SHOWN: Final = 20  # findings


def describe_load(statistics: Sequence[CallStatistics]) -> str:
    """A table of the calls; "refused" are busy, restarting and without a response."""
    rows = [f"{'call':28} {'calls':>8} {'refused':>8} {'per s':>8} {'p50 ms':>8} {'p99 ms':>8}"]
    rows += [
        f"{each.name:28} {each.calls:8} {each.failures:8} {each.per_s:8.1f} {each.p50:8.0f} {each.p99:8.0f}"
        for each in statistics
    ]
    return "\n".join(rows)


def describe_audit(calls: Sequence[Call], orders: int, trades: int, findings: Sequence[str]) -> str:
    """What was audited, and the findings."""
    refused = Counter(
        "stopped while waiting" if call.interrupted else call.error or "no answer"
        for call in calls
        if call.outcome is not Outcome.DECIDED
    )
    counts = ", ".join(f"{count} × {error}" for error, count in sorted(refused.items())) or "none"
    lines = [
        f"not decided: {counts}",
        f"audited: {len(calls)} calls, {orders} orders, {trades} trades; findings: {len(findings)}",
        *(f"  {finding}" for finding in findings[:SHOWN]),
    ]
    return "\n".join(lines)
