"""The documents: every setting is on the operator's page, and no other; links, files and modules named there exist.

So do those that the Makefile names, and the goals of the nightly run.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from shards.setting_names import NAMES, OWN, find_slip
from tests.nightly import PARTS

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"\b(?:SHARDEX_[A-Z_]+[A-Z]|PORT)\b")
DOCUMENTS = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
HISTORY = "CHANGELOG.md"  # may name what is gone
PACKAGES = ("web", "shards", "storage", "loadtest", "tests")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


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


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = FENCED.sub("", document.read_text())
    targets = [target for target in LINK.findall(CODE.sub("", text)) if "://" not in target]
    assert [target for target in targets if not leads_somewhere(document, target)] == []


def leads_somewhere(document: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    found = document.parent / path if path else document
    return found.exists() and (not anchor or anchor in anchors_of(found))


def anchors_of(document: Path) -> set[str]:
    """Of every heading, as forges make them: a heading that comes again gets a number."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", document.read_text()), re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    return {f"{slug}-{index}" if index else slug for slug, count in Counter(slugs).items() for index in range(count)}


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.name != HISTORY], ids=lambda path: path.name)
def test_named_files_and_modules_exist(document: Path) -> None:
    codes = CODE.findall(FENCED.sub("", document.read_text()))
    assert [code for code in codes if not all(exists(name) for name in names_in(code))] == []


def test_what_the_makefile_names_exists() -> None:
    text = (ROOT / "Makefile").read_text()
    names = {*names_in(text), *re.findall(r"(?<!/)\b[\w-]+\.(?:txt|toml)\b", text)}
    assert {"tests/unit/test_recovery.py", "tests.sim", "loadtest.bench", "requirements-dev.txt"} <= names
    assert {name for name in names if not (exists(name) or (ROOT / name).is_file())} == set()


def test_every_part_of_the_nightly_run_is_a_goal() -> None:
    goals = re.findall(r"^([a-z]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {part.split()[0] for part in PARTS} <= set(goals)


def names_in(code: str) -> Iterator[str]:
    """What names a file or folder of the checkout, or a module."""
    packages = "|".join((*PACKAGES, "docs"))
    yield from re.findall(rf"(?<![\w./-])(?:{packages})/[\w./*-]*", code)
    yield from re.findall(rf"(?<![\w./-])(?:{packages})(?:\.[a-z_]\w*)+(?![\w/(])", code)
    if re.fullmatch(r"\w+\.py", code):
        yield code


def exists(name: str) -> bool:
    if "/" in name:
        return next(ROOT.glob(name), None) is not None
    if name.endswith(".py"):  # its folder was named before
        return any(next((ROOT / package).rglob(name), None) for package in PACKAGES)
    module = ROOT / name.replace(".", "/")
    return module.is_dir() or module.with_suffix(".py").is_file()


def test_a_stale_name_is_found() -> None:
    document = ROOT / "docs" / "operations.md"
    assert leads_somewhere(document, "#health") and leads_somewhere(document, "../README.md#promises")
    assert not leads_somewhere(document, "#wealth") and not leads_somewhere(document, "../REEDME.md")
    for good, bad in (
        ("web/server/limits.py", "web/server/limit.py"),
        ("python -m tests.sim", "python -m tests.simulation"),
        ("tests/crash/test_*.py", "tests/crash/test_*.txt"),
        ("test_connection.py", "test_connections_of_old.py"),
        ("shards.ipc.mailbox", "shards.ipc.line"),
    ):
        assert [exists(name) for name in names_in(good)] == [True], good
        assert [exists(name) for name in names_in(bad)] == [False], bad
