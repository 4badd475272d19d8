"""Figures, bars and the JSON."""

import json
from pathlib import Path

import pytest

from loadtest.bench.bars import BARS
from loadtest.bench.results import Figure, Report, describe, take_turns


def test_turns_are_interleaved() -> None:
    order: list[str] = []

    def note(name: str) -> float:
        order.append(name)
        return len(order)

    runs = take_turns({"a": lambda: note("a"), "b": lambda: note("b")}, 3)
    assert order == ["a", "b"] * 3
    assert runs == {"a": [1, 3, 5], "b": [2, 4, 6]}


def test_a_ratio_is_of_medians() -> None:
    assert Figure("x", "ms", [9, 2, 4], "y", [1, 2, 100]).ratio == 2


@pytest.mark.parametrize(
    ("name", "runs", "baseline", "reached"),
    [
        ("http ENGINE_BUSY", [20.0], [10.0], True),
        ("http ENGINE_BUSY", [19.9], [10.0], False),
        ("mailbox round trip p50", [7.5], [10.0], True),
        ("mailbox round trip p50", [7.6], [10.0], False),
        ("machine book", [50.0], [], False),  # nothing to compare with
        ("journal memory", [700.0], [], True),
        ("journal memory", [701.0], [], False),
        ("journal replay", [50_000.0], [], True),
    ],
)
def test_bars(name: str, runs: list[float], baseline: list[float], reached: bool) -> None:
    figure = Figure(name, "", runs, "other" if baseline else "", baseline)
    assert BARS[name].is_reached(figure.value, figure.ratio) is reached
    assert ("reached" if reached else "MISSED") in describe(figure)


def test_the_json_keeps_what_other_topics_have_written(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    for name in ("a", "b"):
        report = Report()
        report.add([Figure(name, "ms", [3, 1, 2], "base", [4])])
        report.write(path)
    assert json.loads(path.read_text())["a"] == {
        "value": 2,
        "unit": "ms",
        "baseline": "base",
        "baseline_value": 4,
        "ratio": 0.5,
        "runs": [3, 1, 2],
    }
    assert set(json.loads(path.read_text())) == {"a", "b"}
