"""Results of a benchmark: medians with their range, each beside its baseline, as a table and as JSON.

Machines are shared and their speed drifts, so what is compared is measured in turns (A B A B …, :func:`take_turns`) and
reported as the median of its runs with the minimum and maximum. A ratio is of two medians of the same turns.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from loadtest.bench.bars import BARS

BUILD: Final = Path(__file__).resolve().parent.parent.parent / "build"
JSON: Final = BUILD / "bench.json"

Runs = Sequence[float]


class Figure(NamedTuple):
    """One quantity, measured several times."""

    name: str  # key in bars and the JSON: "<topic> <what>"
    unit: str
    runs: Runs
    baseline: str = ""  # name of what it is compared with, "" for nothing
    baseline_runs: Runs = ()

    @property
    def value(self) -> float:
        """The median of the runs."""
        return statistics.median(self.runs)

    @property
    def baseline_value(self) -> float | None:
        """The median of the baseline's runs."""
        return statistics.median(self.baseline_runs) if self.baseline_runs else None

    @property
    def ratio(self) -> float | None:
        """The value divided by the baseline's."""
        return self.value / self.baseline_value if self.baseline_value else None


def take_turns(measures: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Each measure's results, each taken once per round."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(repeats):
        for name, measure in measures.items():
            taken[name].append(measure())
    return taken


class Report:
    """All figures of one invocation."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self._invalid: list[str] = []

    @property
    def is_valid(self) -> bool:
        """Whether everything was measured as intended."""
        return not self._invalid

    def add(self, figures: Iterable[Figure]) -> None:
        """Store figures and print them."""
        for figure in figures:
            self.figures.append(figure)
            print(describe(figure), flush=True)

    def tell(self, text: str) -> None:
        """Print a line about the method or the machine."""
        print(text, flush=True)

    def fault(self, text: str) -> None:
        """Print why a figure is invalid; the invocation will fail."""
        self._invalid.append(text)
        print(f"INVALID: {text}", flush=True)

    def write(self, path: Path = JSON) -> None:
        """Write the figures to the JSON, keeping those of other topics."""
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = msgspec.json.decode(path.read_bytes(), type=dict[str, object]) if path.exists() else {}
        kept.update({figure.name: _as_json(figure) for figure in self.figures})
        path.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")


def describe(figure: Figure) -> str:
    """One line of the table."""
    line = f"{figure.name:44} {_spread(figure.runs):>32} {figure.unit:12}"
    if figure.ratio is not None:
        line += f" {figure.ratio:7.2f} × {figure.baseline} {_spread(figure.baseline_runs)}"
    bar = BARS.get(figure.name)
    if bar is not None:
        line += f"   [{bar}: {'reached' if bar.is_reached(figure.value, figure.ratio) else 'MISSED'}]"
    return line.rstrip()


def _spread(runs: Runs) -> str:
    middle, low, high = (_number(each) for each in (statistics.median(runs), min(runs), max(runs)))
    return f"{middle} ({low}–{high})" if len(runs) > 1 else middle


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _as_json(figure: Figure) -> dict[str, object]:
    return {
        "value": figure.value,
        "unit": figure.unit,
        "baseline": figure.baseline or None,
        "baseline_value": figure.baseline_value,
        "ratio": figure.ratio,
        "runs": list(figure.runs),
    }
