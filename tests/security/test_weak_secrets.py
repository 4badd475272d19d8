"""Neither half, nor the runner of both, starts with a secret that is short or was copied from a sample."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.exchange import OWN_SETTINGS, hold_port
from web.cli.run import ENGINE, ROOT, WEB, read_procfile, service_environment

PATIENCE_S: Final = 60.0
GOOD: Final = 4 * "0f1e2d3c4b5a6978"
RUNNER: Final = "runner"
COMMANDS: Final = {**read_procfile(), RUNNER: [sys.executable, "-m", "web.cli.run"]}

OF_BOTH: Final = {
    "short": {"SHARDEX_JWT_SECRET": GOOD[:31]},
    "empty": {"SHARDEX_JWT_SECRET": ""},
    "a sample": {"SHARDEX_JWT_SECRET": f"change-me-{GOOD}"},
    "short for its algorithm": {"SHARDEX_JWT_SECRET": GOOD[:40], "SHARDEX_JWT_ALG": "HS384"},
    "a sample that is long": {"SHARDEX_JWT_SECRET": "change-me-change-me-change-me-change-me-1234"},
    "a few characters": {"SHARDEX_JWT_SECRET": 16 * "0f1e"},
    "an algorithm that is none": {"SHARDEX_JWT_ALG": "none"},
}
OF_WEB: Final = {  # further keys are the business of the HTTP side alone
    "a sample under a kid": {"SHARDEX_JWT_KEYS": json.dumps({"a": f"password-{GOOD}"})},
}
CASES: Final = {**OF_BOTH, **OF_WEB}


def start(what: str, data: Path, settings: Mapping[str, str]) -> tuple[int, str]:
    """Exit status and what was printed; fails if it goes on running."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
    holder, port = hold_port()
    if what == RUNNER:
        holder.close()  # it looks whether the port is free
    try:
        environment = service_environment({**inherited, "PORT": str(port), "SHARDEX_SHARDS": "1", **settings}, data)
        done = subprocess.run(
            COMMANDS[what], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
        )
    finally:
        holder.close()
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("case", CASES)
def test_http_side(tmp_path: Path, case: str) -> None:
    check_refused(*start(WEB, tmp_path / "data", CASES[case]), CASES[case])


@pytest.mark.parametrize("case", OF_BOTH)
def test_engine(tmp_path: Path, case: str) -> None:
    check_refused(*start(ENGINE, tmp_path / "data", OF_BOTH[case]), OF_BOTH[case])


@pytest.mark.parametrize("case", ["short", "a sample under a kid"])
def test_runner(tmp_path: Path, case: str) -> None:
    check_refused(*start(RUNNER, tmp_path / "data", CASES[case]), CASES[case])


def check_refused(status: int, output: str, settings: Mapping[str, str]) -> None:
    """Ended by itself, saying which setting it is, and not what its value was."""
    assert status != 0
    assert any(name in output for name in settings), output
    for value in settings.values():
        if len(value) > len("HS384"):
            assert value not in output and value[2:-2] not in output
