"""The accounts a load is given: the demo's as they are, and one line for a file that is of no use."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange import Exchange
from web.cli.run import ROOT


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with Exchange(1) as exchange:
        yield exchange


def run(url: str, accounts: Path) -> subprocess.CompletedProcess[str]:
    load = [sys.executable, "-m", "loadtest", "run", "--url", url, "--accounts", str(accounts), "--seconds", "2"]
    return subprocess.run(load, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_accounts_of_a_demo(exchange: Exchange) -> None:
    """As they stand in demo.json, and no more users than there are accounts."""
    done = run(exchange.base_url, exchange.folder.demo)
    assert "steady: 2 users" in done.stdout, done.stderr
    assert "failed: none" in done.stdout and done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("content", [None, '{"accounts": 1}', "[]"])
def test_a_file_that_is_of_no_use(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    if content is not None:
        path.write_text(content)
    done = run("http://127.0.0.1:1", path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and str(path) in done.stderr
