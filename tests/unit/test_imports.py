"""Importing a module starts nothing: no thread, no socket, no file but code, and no look at the environment.

And the contract that keeps the engine pure refuses whatever it does not allow.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("storage", "shards", "web")
STANDARD: Final = "asyncio datetime io os pathlib random secrets socket sqlite3 subprocess threading time".split()
IMPURE: Final = (*STANDARD, "flask", "storage", "web")
ALLOWED: Final = {"engine", "model", "limits"}  # of shards
CONFIGURATION: Final = "web.gunicorn_conf"  # gunicorn runs it, to be told what is set

IMPORT_ALL: Final = """
import os, sys, threading
from importlib import import_module

root, *names = sys.argv[1:]
found = set()


def note(what):
    frame = sys._getframe(2)
    while frame is not None:
        place = frame.f_code.co_filename
        if place.startswith("<frozen importlib") or "site-packages" in place:
            return  # the code of a module, or what another's does
        if place.startswith(root):
            found.add(f"{os.path.relpath(place, root)}:{frame.f_lineno} {what}")
            return
        frame = frame.f_back


def hear(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "sqlite3.connect", "subprocess.Popen", "_thread.start_new_thread"):
        note(event)
    elif event.startswith("socket."):
        note(event)


read, walk = type(os.environ).__getitem__, type(os.environ).__iter__
type(os.environ).__getitem__ = lambda self, name: note(f"environment {name}") or read(self, name)
type(os.environ).__iter__ = lambda self: note("environment") or walk(self)
threads, descriptors = threading.enumerate(), os.listdir("/dev/fd")
sys.addaudithook(hear)
for name in names:
    import_module(name)
assert threading.enumerate() == threads, threading.enumerate()
assert len(os.listdir("/dev/fd")) == len(descriptors), os.listdir("/dev/fd")
print("\\n".join(sorted(found)))
"""


def test_importing_starts_nothing() -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    ]
    assert len(names) > 200
    names.remove(CONFIGURATION)
    command = [sys.executable, "-c", IMPORT_ALL, f"{ROOT}/", *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["", ""]


def test_the_engine_may_import_nothing_impure(tmp_path: Path) -> None:
    """Nor any other module of shards, not even one that is new, or for its types alone."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    others = {path.stem for path in (ROOT / "shards").glob("[a-z]*") if path.suffix in ("", ".py")} - ALLOWED
    assert {"clock", "restarts", "runtime"} < others
    (tmp_path / "shards" / "new.py").touch()
    forbidden = [*IMPURE, *(f"shards.{name}" for name in (*others, "new"))]
    for name in ("engine/effects", "model/orders", "limits"):
        with (tmp_path / "shards" / f"{name}.py").open("a") as file:
            file.write("\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n")
            file.writelines(f"    import {name}\n" for name in forbidden)
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False).stdout
    for source in ALLOWED:
        missed = [name for name in forbidden if f"shards.{source} is not allowed to import {name}:" not in told]
        assert missed == [], told
