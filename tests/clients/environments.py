"""An environment for each client, made from its lock once and kept in ``build/clients`` until the lock changes.

A new version of a client gets a lock of its own, here of ccxt, in ``locks``; Node's are renewed together::

    echo ccxt==4.5.90 |
      uv pip compile --universal --python-version 3.11 --generate-hashes --no-header - --output-file ccxt-4.5.90.txt
    npm install --package-lock-only
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
LOCKS: Final = HERE / "locks"
PROGRAMS: Final = HERE / "programs"
BUILT: Final = HERE.parents[1] / "build" / "clients"
INSTALL_S: Final = 300  # of one client, on a slow line


def python_program(program: str, lock: str) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a Python program: it sees its client's packages and none of ours."""
    files = [LOCKS / f"{lock}.txt"]
    folder = _provide(lock, f"{sys.version_info[:2]}", files, lambda folder: _install_python(folder, *files))
    return [sys.executable, "-S", str(PROGRAMS / program)], {"PYTHONPATH": str(folder)}


def node_program(program: str, argument: str) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a Node program; all of Node's clients are in one environment."""
    files = [LOCKS / "package.json", LOCKS / "package-lock.json"]
    folder = _provide("node", "", files, lambda folder: _install_node(folder, *files))
    return ["node", str(PROGRAMS / program), argument], {"NODE_PATH": str(folder / "node_modules")}


def _provide(name: str, system: str, locks: list[Path], install: Callable[[Path], None]) -> Path:
    """The folder with what the locks name, made now if what is there was made from others."""
    folder = BUILT / name
    made_from = folder / ".made-from"
    wanted = hashlib.sha256(system.encode() + b"".join(lock.read_bytes() for lock in locks)).hexdigest()
    with _alone():
        if not made_from.exists() or made_from.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            install(folder)
            made_from.write_text(wanted)
    return folder


@contextmanager
def _alone() -> Iterator[None]:
    """While two runs of the tests share the folder."""
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install_python(folder: Path, lock: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    _run([*pip, "--no-deps", "--no-compile", "--require-hashes", "--target", str(folder), "-r", str(lock)], folder)


def _install_node(folder: Path, *files: Path) -> None:
    for file in files:
        shutil.copy(file, folder)
    # nothing is built or run while it is installed; none of the clients needs what it would make
    _run(["npm", "ci", "--silent", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"], folder)


def _run(command: list[str], folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
