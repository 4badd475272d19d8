"""Running named tests in a copy of the project, and what became of each."""

import re
import subprocess
import time
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple
from xml.etree import ElementTree

from tests.safeties.checkout import Checkout
from tests.safeties.safety import Safety

TEST_S: Final = 120.0  # of one test
START_S: Final = 60.0  # beside it: pytest, and what the test starts
ALL_TESTS_S: Final = 900.0  # of all named tests together
_REPORT: Final = "report.xml"
_LENGTH: Final = 110  # characters of a reason that are shown
# A test that was not kept from deciding: something was asserted, and it was not so
_DECIDED: Final = re.compile(r"(AssertionError|assert\b|Failed: DID NOT RAISE|Violation)")
# The removal broke the program instead of its promise
_BROKEN: Final = re.compile(
    r"\b(SyntaxError|ImportError|ModuleNotFoundError|NameError|UnboundLocalError|IndentationError|AttributeError|TypeError)\b"
)


class Outcome(NamedTuple):
    """What became of one named test."""

    kind: str  # green, red, or what kept it from being either
    reason: str  # the first line of the failure
    seconds: float


def run_all(checkout: Checkout, safeties: Collection[Safety]) -> dict[str, Outcome]:
    """Each named test, once: pytest's in one run, then the simulation's seeds."""
    nodes = sorted({safety.test for safety in safeties if not safety.seeds})
    seconds = ALL_TESTS_S if len(nodes) > 1 else TEST_S + START_S
    outcomes = dict(_run_pytest(checkout, nodes, seconds)) if nodes else {}
    for seed in sorted({seed for safety in safeties for seed in safety.seeds}):
        outcomes[f"sim {seed}"] = run_seed(checkout, seed)
    return outcomes


def run_one(checkout: Checkout, safety: Safety) -> Outcome:
    """The named test of a safety."""
    return run_all(checkout, [safety])[safety.test]


def _run_pytest(checkout: Checkout, nodes: list[str], seconds: float) -> Iterator[tuple[str, Outcome]]:
    report = checkout.root / _REPORT
    report.unlink(missing_ok=True)
    options = ["-q", "-p", "no:cacheprovider", f"--timeout={TEST_S:.0f}", f"--junit-xml={report}"]
    if len(nodes) == 1:
        options.append("--exitfirst")
    started = time.monotonic()
    try:
        said = checkout.run(["-m", "pytest", *options, *nodes], seconds).stdout
    except subprocess.TimeoutExpired:
        said = f"not within {seconds:.0f} s"
    if not report.exists():
        lines = [line for line in said.splitlines() if line.strip()] or ["nothing was said"]
        yield from ((node, Outcome("not run", lines[-1][:_LENGTH], time.monotonic() - started)) for node in nodes)
        return
    cases = list(ElementTree.parse(report).iter("testcase"))
    for node in nodes:
        yield node, _judge([case for case in cases if _is_of(case, node)])


def _is_of(case: ElementTree.Element, node: str) -> bool:
    """Whether a test case of the report belongs to a node, which may name one case or all of a function."""
    file, _, name = node.partition("::")
    if case.get("classname") != file.removesuffix(".py").replace("/", "."):
        return False
    found = case.get("name", "")
    return found == name or found.startswith(f"{name}[")


def _judge(cases: list[ElementTree.Element]) -> Outcome:
    seconds = sum(float(case.get("time", 0)) for case in cases)
    if not cases:
        return Outcome("not run", "no such test", seconds)
    for case in cases:
        failure, error = case.find("failure"), case.find("error")
        found = failure if failure is not None else error
        if found is None:
            continue
        reason = _first_line(found.get("message", ""))
        decided = failure is not None and _DECIDED.search(reason) and not _BROKEN.search(reason)
        return Outcome("red" if decided else "broken", reason, seconds)
    if all(case.find("skipped") is not None for case in cases):
        return Outcome("skipped", "", seconds)
    return Outcome("green", "", seconds)


def run_seed(checkout: Checkout, seed: int) -> Outcome:
    """One seed of the simulation."""
    started = time.monotonic()
    try:
        done = checkout.run(["-m", "tests.sim", "--seeds", "1", "--seed", str(seed)], TEST_S)
    except subprocess.TimeoutExpired:
        return Outcome("broken", f"not within {TEST_S:.0f} s", TEST_S)
    seconds, reason = time.monotonic() - started, _first_line(done.stdout)
    if done.returncode == 0:
        return Outcome("green", "", seconds)
    decided = "Traceback" not in done.stdout and not _BROKEN.search(reason)
    return Outcome("red" if decided else "broken", reason, seconds)


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:_LENGTH] if lines else ""
