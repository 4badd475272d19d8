"""``python -m web.cli.run``: the engine and the HTTP side together, each as defined in the Procfile.

Waits until both are ready, creates the demo at the first start and shows how to use it; then restarts services that
die. Ends on SIGINT, SIGTERM or SIGHUP: the HTTP side first, so that every request is answered, then the engine.
"""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from shards.limits import RESTART_STABLE_S
from shards.process import LockTaken, is_locked, lock_file, name_process
from shards.settings import Settings, SettingsError, load_settings
from storage.files import describe_fault
from storage.folder import FolderError
from storage.reference_file import ReferenceFile, ReferenceUnusable
from web.cli.demo import DemoError, base_url, check_demo, fetch, provide_demo
from web.cli.service import ENGINE, ROOT, STOP_S, WEB, RunError, Service, read_procfile, say, service_environment
from web.cli.welcome import describe
from web.folder import open_folder
from web.http.tokens import Tokens
from web.server.access_log import check_access_log
from web.server.claims import explain
from web.settings import AWAITED_VARIABLE, WebSettings, load_web_settings

POLL_S: Final = 0.05  # between two readiness checks
READY_S: Final = 2.0  # for one readiness check
LOOK_S: Final = 1.0  # a process that checks a lock holds it briefly


def is_ready(url: str) -> bool:
    """Whether the exchange at ``url`` takes every kind of call."""
    try:
        return fetch(urlsplit(url).netloc, "GET", "/readyz?history=required", seconds=READY_S)[0] == 200
    except DemoError:
        return False


def is_serving(url: str) -> bool:
    """Whether all shards and the archive at ``url`` serve.

    Readiness cannot be used here: it requires the demo, which needs them.
    """
    try:
        body = fetch(urlsplit(url).netloc, "GET", "/readyz", seconds=READY_S)[1]
        readiness = msgspec.json.decode(body, type=dict[str, Any])
        states = [*readiness["shards"].values(), readiness["archive"]]
    except (DemoError, msgspec.DecodeError, KeyError):
        return False
    return all(state == "serving" for state in states)


class Runner:
    """Runs and supervises both services."""

    def __init__(self, settings: Settings, web_settings: WebSettings) -> None:
        """Raises FolderError, ReferenceUnusable, SettingsError or RunError if a service could not start."""
        runner_lock = settings.data / "run" / "runner.lock"
        if not os.path.exists(runner_lock) or is_locked(runner_lock):  # otherwise its services may hold the port
            _check_port(web_settings.host, web_settings.port)
        check_access_log(web_settings.access_log, ROOT)  # relative to gunicorn's working directory
        self._folder = open_folder(settings.data, settings.shard_count)
        secret = self._folder.secrets().jwt
        ReferenceFile(self._folder.reference).close()  # must be intact before anything is started
        check_demo(self._folder)
        self._tokens = Tokens(secret, web_settings.jwt_keys, web_settings.jwt_algorithm)
        self._url = base_url(web_settings)
        environment, commands = service_environment(os.environ, settings.data), read_procfile(ROOT / "Procfile")
        self._web_environment = dict(environment)
        if self._folder.secrets().admin_key:
            self._web_environment[AWAITED_VARIABLE] = os.path.abspath(self._folder.demo)
        self._engine, self._web = (
            Service(name, commands[name], its_environment, lock=self._folder.run / f"runner-{name}.lock")
            for name, its_environment in ((ENGINE, environment), (WEB, self._web_environment))
        )
        self._be_the_only_one()
        _check_port(web_settings.host, web_settings.port)
        self._shown = False
        self._show_at = 0.0
        self._stopping = False
        self._waker = _SignalWaker(self._stop_soon)

    def _be_the_only_one(self) -> None:
        """End the services of a killed runner. Raises RunError if another runner or engine uses the folder."""
        try:
            lock_file(self._folder.run / "runner.lock", LOOK_S)
        except LockTaken as error:
            raise RunError(f"another engine runs on {self._folder.path}, started by a runner: {error}") from error
        for service in (self._web, self._engine):
            service.take_over()
        try:
            os.close(lock_file(self._folder.run / "engine.lock", LOOK_S))  # our HTTP side would use it and appear ready
        except LockTaken as error:
            raise RunError(f"another engine runs on {self._folder.path}: {error}") from error

    def run(self) -> int:
        """Run until asked to stop; returns the exit status."""
        try:
            while not self._stopping:
                for service in (self._engine, self._web):
                    self._tend(service)
                if not self._shown and time.monotonic() >= self._show_at:
                    self._show()
                self._waker.wait(self._patience_s())
        except RunError:
            self._stop()
            raise
        return 0 if self._stop() else 1

    def _stop_soon(self) -> None:
        self._stopping = True

    def _tend(self, service: Service) -> None:
        """Start the service if it is due, reap it if it has ended."""
        status = service.reap()
        if status is not None:
            say(f"the {service.name} side ended with {status} and is being restarted")
        if service.pid is None and service.restarts.is_due():
            service.start()

    def _patience_s(self) -> float:
        if not self._shown:
            return POLL_S
        due = [service.restarts.due_at for service in (self._engine, self._web) if service.pid is None]
        return (
            max(0.0, min(due) - time.monotonic()) if due else RESTART_STABLE_S
        )  # the death of a service wakes the runner

    def _show(self) -> None:
        """Once the exchange is ready: create the demo and show how to use it."""
        if not is_serving(self._url):
            return
        try:
            demo = provide_demo(self._folder, self._tokens, self._url)
        except DemoError as error:
            say(f"the demo has not been made yet: {error}")
            self._show_at = time.monotonic() + 1.0
            return
        self._shown = True
        self._web_environment.pop(AWAITED_VARIABLE, None)  # a restarted HTTP side does not wait for the demo
        print(describe(self._folder, self._url, demo), flush=True)

    def _stop(self) -> bool:
        """Stop both, each within its time limit. Whether both ended by themselves."""
        clean = True
        for service in (self._web, self._engine):
            if not service.stop(STOP_S[service.name]):
                say(f"the {service.name} side did not stop and was killed")
                clean = False
        return clean


class _SignalWaker:
    """Wakes the runner when a child ends and when this process is asked to stop."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._receiver, self._sender = socket.socketpair()
        for end in (self._receiver, self._sender):
            end.setblocking(False)
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stop())

    def wait(self, seconds: float) -> None:
        """Wait for a signal, at most so long."""
        if select.select([self._receiver], [], [], seconds)[0]:
            self._receiver.recv(4_096)


def _check_port(host: str, port: int) -> None:
    """Raises RunError if the port is in use. Gunicorn checks, too; this is earlier and more concise."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise RunError(explain(host, port, error)) from error


def main() -> int:
    """Run the exchange; returns the exit status."""
    name_process("shardex run")
    try:
        return Runner(load_settings(), load_web_settings()).run()
    except (DemoError, FolderError, ReferenceUnusable, SettingsError, RunError, LockTaken) as error:
        say(str(error))
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        say(describe_fault(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
