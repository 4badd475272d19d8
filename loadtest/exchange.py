"""A real exchange for tests and loads: engine and gunicorn as defined in the Procfile, on a folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import requests

from shards.folder import Folder
from web.cli.demo import DemoAccount, provide_demo
from web.cli.run import is_ready
from web.cli.service import ENGINE, STOP_S, WEB, Service, read_procfile, service_environment
from web.http.tokens import Tokens

READY_S: Final = 30.0
READY_LOOKS: Final = 20  # on connections of their own, so that all workers are among those who respond
LEAVE_S: Final = 3.0  # gunicorn's workers check once a second whether their master lives
OWN_SETTINGS: Final = ("PORT", "SHARDEX_")  # variables of the caller's environment that are not passed on


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for ``condition``; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


class Exchange:
    """Both services with the demo. ``close`` fails if a process is left that should not be."""

    def __init__(self, shard_count: int = 4, settings: Mapping[str, str] | None = None) -> None:
        """``settings`` are environment variables in addition to the ones below. Nothing is started yet."""
        # the path of a Unix socket must be short
        self.path = Path(tempfile.mkdtemp(prefix="sx", dir="/tmp"))
        self.data = self.path / "data"
        self._port_holder, self.port = hold_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.strays: list[str] = []
        self._log = (self.path / "log").open("wb")
        environment = service_environment(
            {
                **{name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)},
                "PORT": str(self.port),
                "SHARDEX_SHARDS": str(shard_count),
                "SHARDEX_RATE_LIMITS": "off",
                **(settings or {}),
            },
            self.data,
        )
        commands = read_procfile()
        self.engine = _Service(self, ENGINE, commands[ENGINE], environment, self._log)
        self.web = _Service(self, WEB, commands[WEB], environment, self._log)
        self.accounts: list[DemoAccount] = []
        self.admin_key = ""

    # Life

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start both services, wait until they are ready, and create the demo if it is missing."""
        self.engine.start()
        self.web.start()
        self.wait_ready()
        secrets = self.folder.secrets()
        demo = provide_demo(self.folder, Tokens(secrets.jwt, {}, "HS256"), self.base_url)
        assert demo is not None
        self.accounts, self.admin_key = demo.accounts, demo.admin_key

    def wait_ready(self, seconds: float = READY_S) -> None:
        """Wait until all shards and the archive serve, as seen by every worker: each reports only its own view."""
        try:
            until(lambda: all(is_ready(self.base_url) for _ in range(READY_LOOKS)), seconds, "ready in every worker")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-4_000:]}") from None

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop both services as the runner does, HTTP side first. ``how``: SIGQUIT does not wait for clients."""
        if not self.web.stop(STOP_S[WEB], how):
            self.strays.append("the HTTP side did not stop")
        if not self.engine.stop(STOP_S[ENGINE]):
            self.strays.append("the engine did not stop")

    def close(self) -> None:
        """Stop, fail if any process was left over, and remove the folder."""
        self.stop(signal.SIGQUIT)  # an idle connection would delay it
        self._log.close()
        self._port_holder.close()
        assert not self.strays, f"{self.strays}; the log is in {self.path}"
        shutil.rmtree(self.path)

    @property
    def folder(self) -> Folder:
        """The data folder, once the engine has created it."""
        return Folder.open(self.data)

    def log(self) -> str:
        """The output of both services."""
        return (self.path / "log").read_text(errors="replace")

    # Processes

    def processes(self) -> list[int]:
        """Every process of both services."""
        return [
            pid for service in (self.engine, self.web) if service.pid is not None for pid in group_members(service.pid)
        ]

    def shard_pid(self, shard: int) -> int:
        return self._holder(f"shard-{shard}.lock")

    def archive_pid(self) -> int:
        return self._holder("archive.lock")

    def worker_pids(self) -> list[int]:
        return [pid for pid in group_members(self.web.pid or -1) if pid != self.web.pid]

    def _holder(self, name: str) -> int:
        assert self.engine.pid is not None
        lock = (self.data / "run" / name).resolve()
        holders = [pid for pid in group_members(self.engine.pid) if has_open(pid, lock)]
        assert len(holders) == 1, f"{name} is open in {holders}"
        return holders[0]

    # Calls

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        account: int | None = 0,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """One call with the token of demo account 0 or 1, or without credentials (None); on a connection of its own."""
        complete = {"Connection": "close", **(headers or {})}
        if account is not None:
            complete["Authorization"] = f"Bearer {self.accounts[account].jwt}"
        return requests.request(method, self.base_url + path, json=body, headers=complete, timeout=15)

    def operate(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> requests.Response:
        """One call of the operator API; ``path`` after ``/api/v1/admin``."""
        key = {"X-API-Key": self.admin_key}
        return self.call(method, f"/api/v1/admin{path}", body, account=None, headers=key)


class _Service(Service):
    """Records processes that outlive their group's leader, before they are killed."""

    def __init__(self, exchange: Exchange, *args: Any) -> None:
        super().__init__(*args)
        self._exchange = exchange

    def end_group(self, group: int) -> None:
        end = time.monotonic() + LEAVE_S
        while (left := group_members(group)) and time.monotonic() < end:
            time.sleep(0.01)
        self._exchange.strays += [f"process {pid} outlived the {self.name} side" for pid in left]
        super().end_group(group)


def hold_port() -> tuple[socket.socket, int]:
    """A free port on the loopback interface, reserved while the socket is open; gunicorn may share it."""
    holder = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):  # the first for its master's claim, both for its workers
        holder.setsockopt(socket.SOL_SOCKET, option, 1)
    holder.bind(("127.0.0.1", 0))
    return holder, holder.getsockname()[1]


def group_members(group: int) -> list[int]:
    """The living processes of a process group."""
    listed = _groups_of_proc() if Path("/proc/self/stat").exists() else _groups_of_ps()
    return sorted(pid for pid, its_group in listed if its_group == group)


def _groups_of_proc() -> list[tuple[int, int]]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue  # it has just ended
            if state not in "ZX":
                found.append((int(entry.name), int(group)))
    return found


def _groups_of_ps() -> list[tuple[int, int]]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=True).stdout
    fields = (line.split() for line in listed.splitlines())
    return [(int(pid), int(group)) for pid, group, state in fields if not state.startswith("Z")]


def has_open(pid: int, path: Path) -> bool:
    """Whether a process has the file open; False for one that is ending."""
    folder = Path(f"/proc/{pid}/fd")
    if not Path("/proc/self/fd").exists():
        listed = subprocess.run(["lsof", "-p", str(pid), "-Fn"], capture_output=True, text=True).stdout
        return f"n{path}" in listed.splitlines()
    with suppress(OSError):  # it is ending: its descriptors are gone, or no longer visible to its user
        for entry in folder.iterdir():
            with suppress(OSError):  # closed in the meantime
                if os.readlink(entry) == str(path):
                    return True
    return False


def kill(pid: int) -> None:
    """Kill with SIGKILL."""
    os.kill(pid, signal.SIGKILL)
