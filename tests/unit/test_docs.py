"""The operator's page names every setting there is, and no other."""

import re
from pathlib import Path

from shards.setting_names import NAMES, OWN, find_slip

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"\b(?:SHARDEX_[A-Z_]+[A-Z]|PORT)\b")


def settings_in_code() -> set[str]:
    """Every name in quotes."""
    found = set()
    for package in ("web", "shards", "storage"):
        for path in (ROOT / package).rglob("*.py"):
            found |= set(re.findall(rf"[\"']({NAME.pattern})[\"']", path.read_text()))
    return found - OWN


def settings_in_docs() -> set[str]:
    """Every name in the first column of the table."""
    text = (ROOT / "docs" / "operations.md").read_text()
    return {name for row in re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE) for name in NAME.findall(row)}


def test_every_setting_is_documented() -> None:
    found = settings_in_code()
    assert {"PORT", "SHARDEX_DATA", "SHARDEX_WORKERS", "SHARDEX_JWT_SECRET", "SHARDEX_ID_KEY"} <= found
    assert found - settings_in_docs() == set()


def test_every_setting_is_known_and_those_of_the_tests_are_let_pass() -> None:
    """Any other name is refused."""
    assert settings_in_code() - {"PORT"} == NAMES
    texts = [path.read_text() for path in (ROOT / "Makefile", *(ROOT / "tests").rglob("*.py"))]
    of_tests = {name for text in texts for name in re.findall(r"SHARDEX_(?:TEST|CRASH|SIM)_[A-Z_]*[A-Z]", text)}
    assert of_tests and find_slip(of_tests) is None


def test_no_setting_is_made_up() -> None:
    assert settings_in_docs() - settings_in_code() == set()
