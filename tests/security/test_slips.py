"""A slip in a file fails a start, and never an exchange that runs: a worker that starts then goes on."""

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.crash.faults import reload_workers
from tests.exchange import Exchange, kill, until
from tests.security.test_key_rotation import PATIENCE_S, WORKERS

LOOKS: Final = 20  # each on a connection of its own: every worker is among those who answer


@pytest.fixture(scope="module")
def access_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "access"


@pytest.fixture(scope="module")
def exchange(access_log: Path) -> Iterator[Exchange]:
    with Exchange(1, {"SHARDEX_WORKERS": str(WORKERS), "SHARDEX_ACCESS_LOG": str(access_log)}) as made:
        yield made
        assert "Traceback" not in made.log()


def change_a_letter(path: Path) -> None:
    text = path.read_text()
    at = text.index('"', text.index(":")) + 1
    path.write_text(text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :])


def put_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SLIPS: Final[dict[str, tuple[str, Callable[[Path], object], str]]] = {
    "open to others": ("secrets.json", lambda path: path.chmod(0o644), "is accessible to others than its owner"),
    "changed": ("secrets.json", change_a_letter, "does not match its checksum"),
    "a folder": ("secrets.json", put_a_folder, "cannot be used (Is a directory)"),
    "of the folder itself": ("shardex.json", Path.unlink, "is missing, but the folder has been used"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_what_was_read_before_stays_in_use(exchange: Exchange, tmp_path: Path, slip: str) -> None:
    name, act, text = SLIPS[slip]
    path, kept, before = exchange.data / name, tmp_path / name, len(exchange.log())
    shutil.copy2(path, kept)
    act(path)
    try:
        replace_a_worker(exchange)
        until(lambda: count_kept(exchange, before, name, text) == 1, PATIENCE_S, "the worker says so")
        reload_workers(exchange)
        until(lambda: count_kept(exchange, before, name, text) == 2 + WORKERS, PATIENCE_S, "the master, too")
        assert statuses(exchange, "/api/v1/spot/balances") == {200}
    finally:
        if path.is_dir():
            path.rmdir()
        shutil.copy2(kept, path)


def replace_a_worker(exchange: Exchange) -> None:
    killed = exchange.worker_pids()[0]
    kill(killed)
    until(lambda: len(set(exchange.worker_pids()) - {killed}) == WORKERS, PATIENCE_S, "another worker")
    assert statuses(exchange, "/healthz") == {200}


def count_kept(exchange: Exchange, begin: int, *words: str) -> int:
    """How often the log says since then that something stays in use; all these lines have the words."""
    lines = [line for line in exchange.log()[begin:].splitlines() if "The previously read version stays in use" in line]
    assert all(word in line for line in lines for word in words), lines
    return len(lines)


def statuses(exchange: Exchange, path: str) -> set[int]:
    return {exchange.call("GET", path).status_code for _ in range(LOOKS)}


def test_a_damaged_reference_file(exchange: Exchange) -> None:
    """What needs it is refused, by old workers and new ones alike, until it is put right."""
    text = "table assets: the row 'USDT' does not match its checksum"
    refused = "Calls that need it are refused until it can be used"
    set_decimals(exchange, 4)
    replace_a_worker(exchange)
    reload_workers(exchange)
    until(lambda: exchange.log().count(refused) == 1 + WORKERS, PATIENCE_S, "each says so once")
    assert all(text in line for line in exchange.log().splitlines() if refused in line)
    assert statuses(exchange, "/api/v1/spot/balances") == {503}
    assert statuses(exchange, "/fapi/v1/ping") == {200}
    set_decimals(exchange, 6)
    until(lambda: statuses(exchange, "/api/v1/spot/balances") == {200}, PATIENCE_S, "it is taken up")


def set_decimals(exchange: Exchange, decimals: int) -> None:
    """Past the checksum of the row, which is of 6."""
    with closing(sqlite3.connect(exchange.data / "reference.sqlite")) as db, db:
        db.execute("UPDATE assets SET decimals = ? WHERE symbol = 'USDT'", (decimals,))


def test_a_reference_file_that_is_gone(exchange: Exchange) -> None:
    """It is not made anew, and taken up when it is put back."""
    gone = [path for path in exchange.data.glob("reference.*") if path.is_file()]
    for path in gone:
        path.rename(path.with_name(f"gone-{path.name}"))
    try:
        reload_workers(exchange)
        assert statuses(exchange, "/api/v1/spot/balances") == {503}
        assert not [path for path in gone if path.exists()]
    finally:
        for path in gone:
            path.with_name(f"gone-{path.name}").rename(path)
    until(lambda: statuses(exchange, "/api/v1/spot/balances") == {200}, PATIENCE_S, "it is taken up")


def test_an_access_log_that_cannot_be_made(exchange: Exchange, access_log: Path) -> None:
    """There is none then, until a reload finds its folder again; one that is open stays so."""
    master = exchange.web.pid
    assert master is not None
    shutil.rmtree(access_log.parent)
    os.kill(master, signal.SIGUSR1)
    until(lambda: exchange.log().count("The file that is open stays in use") == 1 + WORKERS, PATIENCE_S, "all say so")
    reload_workers(exchange)
    assert statuses(exchange, "/healthz") == {200}
    access_log.parent.mkdir()
    reload_workers(exchange)
    assert statuses(exchange, "/healthz") == {200}
    until(lambda: "GET /healthz" in access_log.read_text(), PATIENCE_S, "lines in the log")
    assert exchange.log().count("There is no access log until a reload can open it") == 1
