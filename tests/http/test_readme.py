"""The README's commands run as they stand: only the port is another one."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exchange import Exchange
from tests.http.programs import needs_curl
from tests.http.venue import Json
from web.cli.service import ROOT

pytestmark = pytest.mark.parametrize("exchange", [4], indirect=True)


@pytest.fixture
def checkout(exchange: Exchange, tmp_path: Path) -> Path:
    """A folder that looks like a checkout with an exchange just started: ``.venv`` and ``data`` in their places."""
    (tmp_path / "data").symlink_to(exchange.data)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, command in (("python", sys.executable), ("shardex", f"{sys.executable} -m web.cli")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec {command} "$@"\n')
        program.chmod(0o755)
    return tmp_path


def blocks(heading: str) -> list[str]:
    """The shell commands under a heading of the README."""
    text = (ROOT / "README.md").read_text()
    section = re.search(rf"^## {heading}\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert section
    return re.findall(r"^```sh\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)


def documents(text: str) -> tuple[list[Json], str]:
    """The JSON values that ``text`` begins with, one right after the other, and what follows them."""
    decoder, found = json.JSONDecoder(), []
    while text.startswith(("{", "[")):
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip("\n")
    return found, text


@needs_curl
def test_futures(exchange: Exchange, checkout: Path) -> None:
    (script,) = blocks("Futures")
    script = "set -e\n" + script.replace("http://127.0.0.1:8000", exchange.base_url)
    done = subprocess.run(["bash", "-c", script], cwd=checkout, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    (placed, held, canceled, back), table = documents(done.stdout)
    assert (placed["clientOrderId"], placed["status"]) == ("grid-17", "NEW")
    assert [row["availableBalance"] for row in (*held, *back)] == ["99976.2", "100000"]
    assert (canceled[0]["status"], canceled[1]["code"]) == ("CANCELED", -2011)
    assert [line.split() for line in table.splitlines()] == [
        ["type", "status", "end_reason"],
        ["limit", "canceled", "batch"],
        ["take_profit_market", "canceled", "cascade"],
        ["stop_market", "canceled", "cascade"],
    ]


@needs_curl
def test_a_first_cancel(exchange: Exchange, checkout: Path) -> None:
    first, signed = blocks("A first cancel")
    script = f"set -e\n{first}\n{signed}".replace("http://127.0.0.1:8000", exchange.base_url)
    assert exchange.base_url in script
    done = subprocess.run(["bash", "-c", script], cwd=checkout, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    (placed, held, canceled, back), rest = documents(done.stdout)
    assert (placed["symbol"], placed["status"], placed["price"]) == ("DFUSDT", "open", "0.5000")
    assert {"token": "USDT", "available": "99950", "frozen": "50"} in held["balances"]
    assert [order["id"] for order in canceled["canceled"]] == [placed["id"]]
    assert {"token": "USDT", "available": "100000", "frozen": "0"} in back["balances"]
    table, brace, last = rest.partition("{")
    assert table.splitlines()[0].split() == ["symbol", "side", "price", "status", "end_reason", "time_on_book_ms"]
    assert json.loads(brace + last) == {"canceled": []}
