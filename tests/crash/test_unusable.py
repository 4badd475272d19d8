"""Files of a data folder that exist and cannot be used, as if root had put them back: reported in one line."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from shards.archive.service import History
from shards.engine.engine import Engine
from shards.engine.state import dump_state, dump_underway
from shards.folder import Folder
from shards.vitals import State, living
from storage.journal import START
from storage.snapshot import Snapshot, write_snapshot
from tests.crash.commands import RUN_S, shardex
from tests.exchange import clean_environment, until
from tests.http.starts import refusal
from web.cli.run import ROOT

JOURNAL: Final = "shard-0/journal.sqlite"
MARK: Final = "shard-0/journal.mark"
SNAPSHOT: Final = "shard-0/snapshot-000000000000000.json"
LASTING: Final = (
    "shardex.json",
    "secrets.json",
    "reference.sqlite",
    "reference.mark",
    "history.duckdb",
    "history.mark",
    JOURNAL,
    MARK,
    SNAPSHOT,
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Of one shard that has a snapshot, at rest."""
    made = Folder.open(tmp_path / "data", 1)
    engine = Engine(0, 1)
    write_snapshot(made.shard(0), Snapshot(START, dump_state(engine), dump_underway(engine)))
    History(made.history, bytes.fromhex(made.secrets().id_key)).close()
    (made.run / "engine.lock").touch()
    made.demo.write_text("{}")
    return made


def put_a_folder(path: Path) -> None:
    path.rename(path.with_name("aside"))
    path.mkdir()


def lock_up(path: Path) -> None:
    shutil.copy2(path, path.with_name("aside"))
    path.chmod(0)


WAYS: Final[dict[str, Callable[[Path], None]]] = {"a folder": put_a_folder, "not to be read": lock_up}


@pytest.fixture(params=WAYS)
def make_unusable(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """Makes a file unusable."""
    if request.param == "not to be read" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    return WAYS[request.param]


def put_right(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
    path.with_name("aside").replace(path)


@pytest.mark.parametrize("name", LASTING)
def test_verify(folder: Folder, make_unusable: Callable[[Path], None], name: str) -> None:
    """Names it in one line; put right, it is as if nothing had been."""
    assert shardex(folder.path, "verify").ok() == f"ok: 1 shard and the archive of {folder.path}\n"
    make_unusable(folder.path / name)
    result = shardex(folder.path, "verify")
    assert result.status == 1 and result.text.count("\n") == 1 and str(folder.path / name) in result.text, result
    put_right(folder.path / name)
    shardex(folder.path, "verify").ok()


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("make run", "secrets.json"),
        ("make run", "demo.json"),
        ("make run", "reference.mark"),
        ("make run", "run/engine.lock"),
        ("engine", "secrets.json"),
        ("engine", "reference.mark"),
        ("engine", "run/engine.lock"),
        ("web", "secrets.json"),
        ("web", "reference.mark"),
    ],
)
def test_a_start(folder: Folder, make_unusable: Callable[[Path], None], program: str, name: str) -> None:
    make_unusable(folder.path / name)
    assert f"{folder.path / name} cannot be used (" in refusal(program, folder.path)


@pytest.mark.parametrize(("process", "name"), [("shard-0", MARK), ("shard-0", SNAPSHOT), ("archive", "history.mark")])
def test_a_process_of_the_engine(
    folder: Folder, make_unusable: Callable[[Path], None], process: str, name: str, tmp_path: Path
) -> None:
    """It says so, and serves once the file is put right."""
    make_unusable(folder.path / name)
    with running(folder, tmp_path / "log") as log:
        until(lambda: "cannot start yet" in log.read_text(), RUN_S, "it says so")
        put_right(folder.path / name)
        until(lambda: is_serving(folder, process), RUN_S, "it serves")
    (line, *_) = [line for line in log.read_text().splitlines() if "cannot start yet" in line]
    assert f"{folder.path / name} cannot be used (" in line
    assert "Traceback" not in log.read_text()


@contextmanager
def running(folder: Folder, log: Path) -> Iterator[Path]:
    """The engine; what it prints stands in the log."""
    with log.open("wb") as output:
        engine = subprocess.Popen(
            [sys.executable, "-m", "shards"],
            cwd=ROOT,
            env=clean_environment(SHARDEX_DATA=str(folder.path)),
            stdout=output,
            stderr=output,
        )
    try:
        yield log
    finally:
        engine.terminate()
        engine.wait(RUN_S)


def is_serving(folder: Folder, process: str) -> bool:
    signs = living(folder, process)
    return signs is not None and signs.state == State.SERVING
