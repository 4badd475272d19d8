"""Programs of Shardex as processes of their own: the runner behind `make run`, and starts that are refused."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import ClassVar, Final

from tests.exchange import clean_environment, free_port, until
from web.cli.service import ROOT

START_S: Final = 30
STOP_S: Final = 20
PROGRAMS: Final = {
    "make run": ["-m", "web.cli.run"],
    "engine": ["-m", "shards"],
    "web": ["-m", "gunicorn", "-c", "web/gunicorn_conf.py", "web:create_app()"],
    "shardex": ["-m", "web.cli", "verify"],
}


class Run:
    """The runner, as the leader of a process group of its own."""

    started: ClassVar[list["Run"]] = []

    def __init__(self, folder: Path, port: int, **settings: str) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.data = folder / "data"
        self._out = folder / f"out-{port}"
        environment = {"PORT": str(port), "SHARDEX_DATA": str(self.data), "SHARDEX_SHARDS": "2", **settings}
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, *PROGRAMS["make run"]],
                cwd=ROOT,
                env=clean_environment(**environment),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(self)

    def output(self) -> str:
        return self._out.read_text()

    def wait_shown(self) -> str:
        until(lambda: "Press Ctrl-C to stop." in self.output() or self.process.poll() is not None, START_S, "started")
        assert self.process.poll() is None, self.output()
        return self.output()

    def services(self) -> dict[str, int]:
        """The first process of each service."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == str(self.process.pid):
                found["web" if b"gunicorn" in command else "engine"] = int(entry.name)
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(STOP_S)


def refusal(program: str, data: Path, **settings: str) -> str:
    """What ``program`` says as it ends by itself: one plain line."""
    done = subprocess.run(
        [sys.executable, *PROGRAMS[program]],
        cwd=ROOT,
        env=clean_environment(**{"SHARDEX_DATA": str(data), "PORT": str(free_port()), **settings}),
        capture_output=True,
        text=True,
        timeout=START_S,
    )
    printed = [line for line in (done.stdout + done.stderr).splitlines() if "] [INFO] " not in line]
    assert done.returncode not in (0, None) and len(printed) == 1, "\n".join(printed)
    return printed[0]


def can_bind(port: int) -> bool:
    """Whether nothing listens on a port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
