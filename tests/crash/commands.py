"""Commands run on a data folder, in this process or in one of their own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from click.testing import CliRunner

from web.cli.main import main
from web.cli.run import ROOT

RUN_S: Final = 30.0  # for a command that fails at once
COMMAND_S: Final = 120.0


class Done(NamedTuple):
    """The result of a command."""

    status: int
    text: str

    def ok(self) -> str:
        """Its output; it must have succeeded."""
        assert self.status == 0, self.text
        return self.text


def shardex(data: Path, *arguments: str) -> Done:
    """Run ``shardex`` on a data folder, in this process."""
    result = CliRunner().invoke(main, ["--data", str(data), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Done(result.exit_code, result.output)


def start_shardex(data: Path, *arguments: str, **how: Any) -> "subprocess.Popen[str]":
    """Run ``shardex`` in a process of its own."""
    command = [sys.executable, "-m", "web.cli", "--data", str(data), *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=ROOT, **streams, **how)


def end(process: "subprocess.Popen[str]") -> Done:
    """Wait for the process; its result."""
    with process:
        text, _ = process.communicate(timeout=COMMAND_S)
    return Done(process.returncode, text)


def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with these arguments and environment variables."""
    command, environment = [sys.executable, *arguments], {**os.environ, **settings}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=RUN_S)
