"""How `make` goes about what only makes Shardex faster: tried until it is there, and every failure by its name."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

import pytest

from web.cli.run import ROOT

FILES: Final = ("Makefile", "pyproject.toml", "requirements.txt", "requirements-fast.txt")
MODULE: Final = Path(".venv/lib/python3/site-packages/gunicorn_h1c")
NO_NETWORK: Final = "echo 'ERROR: No matching distribution found for gunicorn-h1c' >&2; exit 1"
NO_BUILD: Final = "echo 'ERROR: Failed to build gunicorn-h1c' >&2; exit 1"
INSTALL: Final = f"mkdir -p {MODULE}"
HINT: Final = "apt install gcc python3-dev"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make` looks at, with an environment whose Python does as ``pip`` tells, and counts how often."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    python = programs / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" = -m ] || exec {sys.executable} "$@"\necho >> asked\n. ./pip\n')
    python.chmod(0o755)
    for stamp in (".made", ".runtime"):
        (tmp_path / ".venv" / stamp).touch()
    return tmp_path


def make(checkout: Path, pip: str, **variables: str) -> str:
    (checkout / "pip").write_text(pip)
    command = ["make", "--no-print-directory", ".venv/.fast"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "FAST"}
    done = subprocess.run(command, cwd=checkout, env=inherited | variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def requested(checkout: Path) -> int:
    found = checkout / "asked"
    return found.read_text().count("\n") if found.exists() else 0


def test_what_is_missing_is_tried_again(checkout: Path) -> None:
    """A hint that is followed has its effect; what is there is left alone, and comes back when it is gone."""
    for _ in range(2):
        assert HINT in make(checkout, INSTALL, CC="/none/cc")
    assert requested(checkout) == 0  # nothing is fetched that cannot be built
    compiler = shutil.which("true") or "/bin/true"  # any program: the compiler is not run here
    if not _has_headers():
        pytest.skip("Python's headers are not on this machine")
    assert make(checkout, INSTALL, CC=compiler) == ""
    assert "up to date" in make(checkout, INSTALL, CC=compiler) and requested(checkout) == 1
    shutil.rmtree(checkout / MODULE)
    assert make(checkout, INSTALL, CC=compiler, FAST="no") == "" and requested(checkout) == 1
    assert make(checkout, INSTALL, CC=compiler) == "" and requested(checkout) == 2


@pytest.mark.parametrize(("pip", "said"), [(NO_NETWORK, "network"), (NO_BUILD, "compiled")], ids=["network", "build"])
def test_failures_are_distinguished(checkout: Path, pip: str, said: str) -> None:
    if not _has_headers():
        pytest.skip("Python's headers are not on this machine")
    for _ in range(2):
        told = make(checkout, pip, CC=shutil.which("true") or "/bin/true")
        assert said in told and HINT not in told and "fast.log" in told
        assert told.count("\n") == 1
    assert requested(checkout) == 2


def _has_headers() -> bool:
    return (Path(sysconfig.get_path("include")) / "Python.h").exists()
