"""The files of tests that run in one process: which lines each runs, and how long it takes."""

import os
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import coverage
import pytest

from tests.mutation.forked import in_fork

FOLDERS: Final = ("tests/tables", "tests/unit", "tests/model", "tests/data", "tests/sim")
OPTIONS: Final = (
    *("-q", "--exitfirst", "--assert=plain", "--deselect=tests/sim/test_sim.py::test_a_planted_bug_is_found"),
    *(f"-pno:{plugin}" for plugin in ("cacheprovider", "anyio", "locust", "schemathesis")),
)
MEASURE_S: Final = 900.0
START_S: Final = 10.0
SLOWER: Final = 4  # than when it was measured: what takes longer has become endless

Lines = dict[str, frozenset[int]]
"""Of the mutated files, by path from the root."""


class Suite(NamedTuple):
    """One file of tests."""

    file: str
    seconds: float


def find_suites(root: Path) -> list[str]:
    """Their files, from the root."""
    found = chain.from_iterable((root / folder).rglob("test_*.py") for folder in FOLDERS)
    return sorted(str(path.relative_to(root)) for path in found)


def measure(root: Path, file: str, watched: Sequence[str]) -> tuple[Suite, Lines] | None:
    """Run a file of tests; None if its tests do not pass. ``watched``: the folders of the lines."""
    measured = in_fork(root, lambda: _measure(root, file, watched), MEASURE_S)
    return (Suite(file, measured[0]), measured[1]) if measured else None


def _measure(root: Path, file: str, watched: Sequence[str]) -> tuple[float, Lines] | None:
    tracer = coverage.Coverage(data_file=None, include=[f"{root / folder}/*" for folder in watched])
    start = time.monotonic()
    with tracer.collect():
        status = pytest.main([*OPTIONS, file])
    data = tracer.get_data()
    lines = {os.path.relpath(path, root): frozenset(data.lines(path) or ()) for path in data.measured_files()}
    return (time.monotonic() - start, lines) if status == 0 else None


def passes(root: Path, suite: Suite) -> bool:
    """Whether its tests pass. Raises TimeoutError, and EOFError where they end the process."""
    return in_fork(root, lambda: pytest.main([*OPTIONS, suite.file]) == 0, START_S + SLOWER * suite.seconds)
