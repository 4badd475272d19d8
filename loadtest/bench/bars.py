"""The target of each figure, by name: relative to its baseline, or absolute."""

from typing import Final, NamedTuple


class Bar(NamedTuple):
    """A minimum or maximum."""

    limit: float
    at_least: bool
    of_ratio: bool  # of the ratio to the baseline; otherwise of the value

    def is_reached(self, value: float, ratio: float | None) -> bool:
        """Whether a figure meets it; False without the baseline it needs."""
        found = ratio if self.of_ratio else value
        if found is None:
            return False
        return found >= self.limit if self.at_least else found <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:,g}{' ×' if self.of_ratio else ''}"


def _ratio_min(limit: float) -> Bar:
    return Bar(limit, at_least=True, of_ratio=True)


def _ratio_max(limit: float) -> Bar:
    return Bar(limit, at_least=False, of_ratio=True)


BARS: Final = {
    "http futures cancel HMAC": _ratio_min(1.2),
    "http place + cancel": _ratio_min(1.2),
    "http futures cancel HMAC p99 at 70 %": _ratio_max(1.0),
    "http place + cancel p99 at 70 %": _ratio_max(1.0),
    "http ENGINE_BUSY": _ratio_min(2.0),
    "mailbox round trip p50": _ratio_max(0.75),
    "mailbox throughput": _ratio_min(2.0),
    "machine book": _ratio_min(2.0),
    "machine whole": _ratio_min(1.0),
    "growth cancel 10 to 100000": _ratio_max(1.3),
    "growth cancel-all others": _ratio_max(1.2),
    "growth cancel-all others through the engine": _ratio_max(1.2),
    "growth cancel-all own": _ratio_max(1.2),
    "history one order": Bar(1, at_least=False, of_ratio=False),
    "history the last of many": Bar(1, at_least=False, of_ratio=False),
    "late batch of 5 client ids p99": Bar(100, at_least=False, of_ratio=False),
    "analyst sum(price * quantity)": _ratio_max(1.5),
    "late batch of 5 ids p99": Bar(100, at_least=False, of_ratio=False),
    "journal replay": Bar(50_000, at_least=True, of_ratio=False),
    "journal recovery 1000000": Bar(20, at_least=False, of_ratio=False),
    "journal memory": Bar(700, at_least=False, of_ratio=False),
    "journal memory 1000000": Bar(700, at_least=False, of_ratio=False),
    "journal memory after a snapshot": Bar(700, at_least=False, of_ratio=False),
    "journal memory after a snapshot 1000000": Bar(700, at_least=False, of_ratio=False),
}
