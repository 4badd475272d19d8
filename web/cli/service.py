"""The services of the Procfile, each run as a process group of its own under a runner."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Final

from shards.limits import SNAPSHOT_STOP_MS, STOP_MS
from shards.process import LockTaken, end_with_parent, is_locked, lock_file, read_pid, write_pid
from shards.restarts import Restarts

ROOT: Final = Path(__file__).resolve().parents[2]
ENGINE: Final = "engine"
WEB: Final = "web"
STOP_S: Final = {
    WEB: 15.0,  # more than gunicorn's graceful timeout
    ENGINE: (4 * STOP_MS + SNAPSHOT_STOP_MS) / 1_000 + 2,  # more than the supervisor gives shards, then archive
}
_KILLED_S: Final = 5.0  # time for a killed group to end


class RunError(Exception):
    """The exchange cannot be started as requested; the text says why."""


class Service:
    """A service of the Procfile, in a process group of its own, so that Ctrl-C reaches the runner only."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        output: IO[bytes] | None = None,
        lock: Path | None = None,
    ) -> None:
        """``output`` receives what the service prints; by default it prints where this process does.

        With a ``lock`` the service ends when this process does, in whatever way (on Linux), and it holds the lock while
        it lives, so that a later runner can always find it (:meth:`take_over`).
        """
        self.name = name
        self.restarts = Restarts()
        self._command = command
        self._environment = environment
        self._output = output
        self._lock = lock
        self._process: subprocess.Popen[bytes] | None = None
        self._is_proven = False  # whether it has started with these settings

    @property
    def pid(self) -> int | None:
        """The leader of its process group; None if it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it. Raises LockTaken if a process of its last run does not end."""
        self.restarts.started()
        lock = None if self._lock is None else lock_file(self._lock, _KILLED_S)
        try:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,
                pass_fds=() if lock is None else (lock,),
                preexec_fn=None if lock is None else partial(_bind, lock, os.getpid()),
            )
        finally:
            if lock is not None:
                os.close(lock)  # inherited by the service

    def take_over(self) -> None:
        """End the service left by an earlier runner that was killed. Raises RunError if it does not end."""
        assert self._lock is not None
        if not is_locked(self._lock):
            return
        group = read_pid(self._lock)
        say(f"the {self.name} side of a killed runner is still running (process group {group}): ending it first")
        if group is not None:
            with suppress(ProcessLookupError):
                os.kill(group, signal.SIGTERM)
        try:
            os.close(lock_file(self._lock, STOP_S[self.name]))
        except LockTaken as error:
            if group is not None:  # the holder of the lock is in that group, so the number cannot have been reused
                self.end_group(group)
            try:
                os.close(lock_file(self._lock, _KILLED_S))
            except LockTaken:
                raise RunError(f"the {self.name} side of an earlier runner did not end: {error}") from error

    def reap(self) -> int | None:
        """If it has ended: returns its exit status and schedules a restart, with a longer delay the shorter it lived.

        Raises RunError if it exited with an error soon after its first start.
        """
        status = self._process.poll() if self._process else None
        if status is None:
            return None
        self.end_group(self._forget())
        if status > 0 and not self._is_proven and not self.restarts.lived_long():
            raise RunError(f"the {self.name} side does not start; see the reason above")
        self._is_proven = True
        self.restarts.ended(failed=True)
        return status

    def stop(self, seconds: float, how: signal.Signals = signal.SIGTERM) -> bool:
        """Ask it to stop, wait at most ``seconds``, then kill its group. Whether it ended by itself."""
        if self._process is None:
            return True
        self._process.send_signal(how)
        try:
            self._process.wait(seconds)
            by_itself = True
        except subprocess.TimeoutExpired:
            self._process.kill()
            by_itself = False
        self.end_group(self._forget())
        return by_itself

    def _forget(self) -> int:
        """Reap the first process; returns its pid, which is still its group's."""
        assert self._process is not None
        process, self._process = self._process, None
        process.wait()
        return process.pid

    def end_group(self, group: int) -> None:
        """Kill the whole group: surviving gunicorn workers would share the port with their successors."""
        with suppress(ProcessLookupError, PermissionError):  # macOS raises the latter for a group of dead processes
            os.killpg(group, signal.SIGKILL)


def _bind(lock: int, runner: int) -> None:
    """Runs in the service before its program starts."""
    write_pid(lock, os.getpid())
    end_with_parent(runner, signal.SIGTERM)


def say(text: str) -> None:
    """Print a message of the runner."""
    print(f"shardex: {text}", file=sys.stderr, flush=True)


def read_procfile(path: Path = ROOT / "Procfile") -> dict[str, list[str]]:
    """Each service's command by name."""
    lines = (line.partition(":") for line in path.read_text().splitlines() if line.strip())
    return {name.strip(): shlex.split(command) for name, _, command in lines}


def service_environment(environment: Mapping[str, str], data: Path) -> dict[str, str]:
    """The environment of a service.

    This Python's folder comes first in PATH; the data folder is absolute.
    """
    programs = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    return {**environment, "PATH": programs, "SHARDEX_DATA": os.path.abspath(data)}
