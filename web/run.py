"""``python -m web.run``: the engine and the HTTP side together, each as the Procfile names it.

Waits until both are ready, makes the demo at the first start and shows how to use it; then starts again what dies. Ends
on SIGINT, SIGTERM or SIGHUP: the HTTP side first, so that no caller is left without its answer, then the engine.
"""

import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

from shards.limits import RESTART_PAUSE_MAX_S, RESTART_PAUSE_MIN_S, STOP_MS
from shards.process import LockTaken, lock_file
from shards.settings import Settings, SettingsError, load_settings
from storage.folder import Folder, FolderError
from web.app import open_folder
from web.demo import Demo, DemoError, base_url, fetch, provide_demo
from web.settings import WebSettings, load_web_settings
from web.tokens import Tokens

ROOT: Final = Path(__file__).resolve().parent.parent
ENGINE: Final = "engine"
WEB: Final = "web"
STOP_S: Final = {
    WEB: 15.0,  # more than gunicorn gives its workers
    ENGINE: 4 * STOP_MS / 1_000 + 2,  # more than the supervisor gives the shards, then the archive
}
STABLE_S: Final = 10.0  # a half that lived so long is started again at once
POLL_S: Final = 0.05  # between two looks whether the exchange is ready
READY_S: Final = 2.0  # for one look


class RunError(Exception):
    """The exchange cannot be started as asked; the text says why."""


class Half:
    """One line of the Procfile: a process group of its own, so that Ctrl-C in a terminal reaches the runner alone."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], output: IO[bytes] | None = None
    ) -> None:
        """``output`` takes what it prints; else it prints where this process does."""
        self.name = name
        self.start_at = 0.0  # when it is due; meaningless while it runs
        self._command = command
        self._environment = environment
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._pause_s = 0.0
        self._is_proven = False  # it can be started with these settings

    @property
    def pid(self) -> int | None:
        """Its first process, which is also its process group; None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it."""
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )

    def bury(self) -> int | None:
        """If it has ended: its exit status, and its next start is planned; the later the shorter it lived.

        Raises RunError if it gave up by itself soon after its first start.
        """
        status = self._process.poll() if self._process else None
        if status is None:
            return None
        self.end_group(self._forget())
        short = time.monotonic() - self._started_at < STABLE_S
        if status > 0 and short and not self._is_proven:
            raise RunError(f"the {self.name} side does not start; it has said why above")
        self._is_proven = True
        self._pause_s = min(max(2 * self._pause_s, RESTART_PAUSE_MIN_S), RESTART_PAUSE_MAX_S) if short else 0.0
        self.start_at = time.monotonic() + self._pause_s
        return status

    def stop(self, seconds: float, how: signal.Signals = signal.SIGTERM) -> bool:
        """Ask it to end and wait so long at most, then kill its group. Whether it ended by itself."""
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
        """Reap the first process; its number is still that of its group."""
        assert self._process is not None
        process, self._process = self._process, None
        process.wait()
        return process.pid

    def end_group(self, group: int) -> None:
        """Nothing outlives the first process: gunicorn's workers would share the port with their successors."""
        with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of dead processes
            os.killpg(group, signal.SIGKILL)


def read_procfile(path: Path = ROOT / "Procfile") -> dict[str, list[str]]:
    """Each half's command by its name."""
    lines = (line.partition(":") for line in path.read_text().splitlines() if line.strip())
    return {name.strip(): shlex.split(command) for name, _, command in lines}


def half_environment(environment: Mapping[str, str], data: Path) -> dict[str, str]:
    """``environment`` for a half: programs come from this Python's folder first, the data folder is where we see it."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    return {**environment, "PATH": programs, "SHARDEX_DATA": os.path.abspath(data)}


def is_ready(url: str) -> bool:
    """Whether the exchange at ``url`` takes every kind of call."""
    try:
        return fetch(urlsplit(url).netloc, "GET", "/readyz", seconds=READY_S)[0] == 200
    except DemoError:
        return False


class Runner:
    """Both halves, watched."""

    def __init__(self, settings: Settings, web_settings: WebSettings) -> None:
        """Raises FolderError, SettingsError or RunError for what would keep either half from starting."""
        _check_port(web_settings.host, web_settings.port)
        self._folder = open_folder(settings.data, settings.shard_count)
        _check_engine(self._folder)
        secret = self._folder.secrets().jwt
        self._tokens = Tokens(secret, web_settings.jwt_keys, web_settings.jwt_algorithm)
        self._url = base_url(web_settings)
        environment, commands = half_environment(os.environ, settings.data), read_procfile()
        self._engine = Half(ENGINE, commands[ENGINE], environment)
        self._web = Half(WEB, commands[WEB], environment)
        self._shown = False
        self._show_at = 0.0
        self._stopping = False
        self._bell = _Bell(self._stop_soon)

    def run(self) -> int:
        """Run until told to stop; the exit status."""
        try:
            while not self._stopping:
                for half in (self._engine, self._web):
                    self._tend(half)
                if not self._shown and time.monotonic() >= self._show_at:
                    self._show()
                self._bell.wait(self._patience_s())
        except RunError:
            self._stop()
            raise
        return 0 if self._stop() else 1

    def _stop_soon(self) -> None:
        self._stopping = True

    def _tend(self, half: Half) -> None:
        """Start it if it is due, bury it if it has ended."""
        status = half.bury()
        if status is not None:
            _say(f"the {half.name} side ended with {status} and is started again")
        if half.pid is None and half.start_at <= time.monotonic():
            half.start()

    def _patience_s(self) -> float:
        if not self._shown:
            return POLL_S
        due = [half.start_at for half in (self._engine, self._web) if half.pid is None]
        return max(0.0, min(due) - time.monotonic()) if due else STABLE_S  # the death of a half rings the bell

    def _show(self) -> None:
        """Once the exchange is ready: provide the demo and say how to use it."""
        if not is_ready(self._url):
            return
        try:
            demo = provide_demo(self._folder, self._tokens, self._url)
        except DemoError as error:
            _say(f"the demo is not made yet: {error}")
            self._show_at = time.monotonic() + 1.0
            return
        self._shown = True
        print(describe(self._folder, self._url, demo), flush=True)

    def _stop(self) -> bool:
        """End both, each within its bound. Whether both ended by themselves."""
        clean = True
        for half in (self._web, self._engine):
            if not half.stop(STOP_S[half.name]):
                _say(f"the {half.name} side did not stop and was killed")
                clean = False
        return clean


class _Bell:
    """Rings when a child ends and when this process is told to stop."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._receiver, self._sender = socket.socketpair()
        for end in (self._receiver, self._sender):
            end.setblocking(False)
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stop())

    def wait(self, seconds: float) -> None:
        """Wait for a ring, at most so long."""
        if select.select([self._receiver], [], [], seconds)[0]:
            self._receiver.recv(4_096)


def _check_port(host: str, port: int) -> None:
    """Raises RunError if somebody listens there: gunicorn would quietly share the port with them."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise RunError(f"{host}:{port} cannot be used ({error.strerror}): set PORT to another one") from error


def _check_engine(folder: Folder) -> None:
    """Raises RunError if an engine runs there already: our HTTP side would find it and look ready."""
    try:
        os.close(lock_file(folder.run / "engine.lock"))
    except LockTaken as error:
        raise RunError(f"another engine runs on {folder.path}") from error


def describe(folder: Folder, url: str, demo: Demo | None) -> str:
    """What to show when the exchange is ready: the credentials, and a first order and its cancel to paste."""
    if demo is None:
        return f"\nShardex is ready at {url}. The operator API is off, so there is no demo.\n"
    lines = [
        "",
        f"Shardex is ready at {url}; its data is in {folder.path}, the credentials below in {folder.demo}.",
        "",
    ]
    for account in demo.accounts:
        lines += [
            f"  {account.id}",
            f"    token       {account.jwt}",
            f"    API key     {account.api_key}",
            f"    API secret  {account.api_secret}",
        ]
    lines += ["  operator", f"    X-API-Key   {demo.admin_key}"]
    first = demo.accounts[0]
    filled = {"@URL@": url, "@JWT@": first.jwt, "@KEY@": first.api_key, "@SECRET@": first.api_secret}
    return "\n".join([*lines, _fill(_EXAMPLES, filled), "Ctrl-C ends it.", ""])


def _fill(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


_EXAMPLES: Final = r"""
Place an order and cancel it, with the token:

URL=@URL@ JWT=@JWT@
ID=$(curl -s -X POST "$URL/api/v1/spot/orders" -H "Authorization: Bearer $JWT" -H "Content-Type: application/json" \
  -d '{"symbol":"DFUSDT","side":"buy","type":"limit","price":"0.5000","quantity":"100"}' \
  | tee /dev/stderr | sed 's/^{"id":"\([^"]*\).*/\1/'); echo
curl -s -X DELETE "$URL/api/v1/spot/orders/$ID" -H "Authorization: Bearer $JWT"; echo

The same with the API key:

URL=@URL@ KEY=@KEY@
SECRET=@SECRET@
sign() { printf %s "$1" | openssl dgst -sha256 -hmac "$SECRET" | awk '{print $NF}'; }
BODY='{"symbol":"DFUSDT","side":"buy","type":"limit","price":"0.5000","quantity":"100"}' Q="timestamp=$(date +%s)000"
ID=$(curl -s -X POST "$URL/api/v1/spot/orders?$Q&signature=$(sign "$Q$BODY")" -H "X-MBX-APIKEY: $KEY" \
  -H "Content-Type: application/json" -d "$BODY" | tee /dev/stderr | sed 's/^{"id":"\([^"]*\).*/\1/'); echo
Q="timestamp=$(date +%s)000"
curl -s -X DELETE "$URL/api/v1/spot/orders/$ID?$Q&signature=$(sign "$Q")" -H "X-MBX-APIKEY: $KEY"; echo
"""


def _say(text: str) -> None:
    print(f"shardex: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Run the exchange; the exit status."""
    try:
        return Runner(load_settings(), load_web_settings()).run()
    except (FolderError, SettingsError, RunError) as error:
        _say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
