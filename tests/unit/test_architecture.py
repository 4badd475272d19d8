"""Imports go one way, web → shards → storage; nothing goes in circles; the HTTP side knows no machine."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAY_IMPORT = {"web": {"web", "shards", "storage"}, "shards": {"shards", "storage"}, "storage": {"storage"}}
MACHINES = ("shards.engine", "shards.runtime")


def find_modules() -> dict[str, Path]:
    found = {}
    for package in MAY_IMPORT:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = find_modules()


def imports_of(path: Path) -> Iterator[str]:
    """Our modules that this one imports, at whatever depth of its code; not what only type checkers see."""
    hidden = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            hidden |= {id(inner) for statement in node.body for inner in ast.walk(statement)}
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if name in MODULES or node.module in MODULES:
                    yield name if name in MODULES else str(node.module)


IMPORTS = {name: set(imports_of(path)) for name, path in MODULES.items()}


def test_there_is_something_to_check() -> None:
    assert {"web.app", "shards.engine.engine", "storage.journal"} <= set(MODULES)
    assert "shards.ipc.client" in IMPORTS["web.app"]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_one_way(package: str) -> None:
    wrong = [
        f"{name} imports {other}"
        for name, others in IMPORTS.items()
        if name.split(".")[0] == package
        for other in others
        if other.split(".")[0] not in MAY_IMPORT[package]
    ]
    assert not wrong


def test_no_cycles() -> None:
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(reversed(error.args[1])))


def test_web_knows_no_machine() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, others in IMPORTS.items()
        if name.split(".")[0] == "web"
        for other in others
        if f"{other}.".startswith(tuple(f"{room}." for room in MACHINES))
    ]
    assert not wrong
