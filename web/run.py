"""``python -m web.run``: the engine and the HTTP side together, each as the Procfile names it.

Waits until both are ready, makes the demo at the first start and shows how to use it; then starts again what dies. Ends
on SIGINT, SIGTERM or SIGHUP: the HTTP side first, so that no caller is left without its answer, then the engine.
"""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from shards.process import LockTaken, is_locked, lock_file, name_process
from shards.settings import Settings, SettingsError, load_settings
from storage.folder import Folder, FolderError
from web.app import open_folder
from web.demo import Demo, DemoError, base_url, fetch, provide_demo
from web.halves import ENGINE, ROOT, STABLE_S, STOP_S, WEB, Half, RunError, half_environment, read_procfile, say
from web.settings import WebSettings, load_web_settings
from web.tokens import Tokens

POLL_S: Final = 0.05  # between two looks whether the exchange is ready
READY_S: Final = 2.0  # for one look
LOOK_S: Final = 1.0  # whoever looks whether a lock is held holds it for a moment


def is_ready(url: str) -> bool:
    """Whether the exchange at ``url`` takes every kind of call."""
    try:
        return fetch(urlsplit(url).netloc, "GET", "/readyz?history=required", seconds=READY_S)[0] == 200
    except DemoError:
        return False


class Runner:
    """Both halves, watched."""

    def __init__(self, settings: Settings, web_settings: WebSettings) -> None:
        """Raises FolderError, SettingsError or RunError for what would keep either half from starting."""
        runner_lock = settings.data / "run" / "runner.lock"
        if not runner_lock.exists() or is_locked(runner_lock):  # else what a killed runner left may keep the port
            _check_port(web_settings.host, web_settings.port)
        self._folder = open_folder(settings.data, settings.shard_count)
        secret = self._folder.secrets().jwt
        self._tokens = Tokens(secret, web_settings.jwt_keys, web_settings.jwt_algorithm)
        self._url = base_url(web_settings)
        environment, commands = half_environment(os.environ, settings.data), read_procfile(ROOT / "Procfile")
        self._engine, self._web = (
            Half(name, commands[name], environment, lock=self._folder.run / f"runner-{name}.lock")
            for name in (ENGINE, WEB)
        )
        self._be_the_only_one()
        _check_port(web_settings.host, web_settings.port)
        self._shown = False
        self._show_at = 0.0
        self._stopping = False
        self._bell = _Bell(self._stop_soon)

    def _be_the_only_one(self) -> None:
        """End what a killed runner has left. Raises RunError if another one, or an engine, runs on the folder."""
        try:
            lock_file(self._folder.run / "runner.lock", LOOK_S)
        except LockTaken as error:
            raise RunError(f"another engine runs on {self._folder.path}, started by a runner: {error}") from error
        for half in (self._web, self._engine):
            half.take_over()
        try:
            os.close(lock_file(self._folder.run / "engine.lock", LOOK_S))  # our HTTP side would find it and look ready
        except LockTaken as error:
            raise RunError(f"another engine runs on {self._folder.path}: {error}") from error

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
            say(f"the {half.name} side ended with {status} and is started again")
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
            say(f"the demo is not made yet: {error}")
            self._show_at = time.monotonic() + 1.0
            return
        self._shown = True
        print(describe(self._folder, self._url, demo), flush=True)

    def _stop(self) -> bool:
        """End both, each within its bound. Whether both ended by themselves."""
        clean = True
        for half in (self._web, self._engine):
            if not half.stop(STOP_S[half.name]):
                say(f"the {half.name} side did not stop and was killed")
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
    """Raises RunError if somebody listens there. Gunicorn looks, too; this is sooner, and said in fewer words."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise RunError(f"{host}:{port} cannot be used ({error.strerror}): set PORT to another one") from error


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


def main() -> int:
    """Run the exchange; the exit status."""
    name_process("shardex run")
    try:
        return Runner(load_settings(), load_web_settings()).run()
    except (FolderError, SettingsError, RunError, LockTaken) as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
