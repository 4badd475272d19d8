"""Starting the baselines: applications under stock gunicorn, and nginx with a static file if it is installed."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from loadtest.bench.processes import children
from loadtest.bench.results import BUILD

ROOT: Final = BUILD.parent
READY_S: Final = 15.0
WORKERS: Final = 2
THREADS: Final = 4

_NGINX: Final = """\
daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} reuseport; root {folder}; index index.html; }}
}}
"""


class Server:
    """An HTTP server process on a port of its own, until it is closed."""

    def __init__(self, command: Sequence[str], port: int, folder: Path | None = None) -> None:
        """``folder`` is removed on close. Waits until the port accepts; raises RuntimeError if it does not."""
        self.port = port
        self._folder = folder
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + READY_S
        while not _answers(port):
            if time.monotonic() > until or self._process.poll() is not None:
                self.close()
                raise RuntimeError(f"{command[0]} does not serve")
            time.sleep(0.05)

    def pids(self) -> dict[str, list[int]]:
        """Its worker processes."""
        return {"workers": children(self._process.pid)}

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._folder:
            shutil.rmtree(self._folder)


def serve_application(name: str, *options: str, workers: int = WORKERS, reuse_port: bool = True) -> Server:
    """``name`` (a module of this package with an ``app``) under stock gunicorn; ``options`` override the defaults."""
    port = _free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", str(workers)),
        *("--threads", str(THREADS), "--keep-alive", "75", "--bind", f"127.0.0.1:{port}", "--no-control-socket"),
        *(*(["--reuse-port"] if reuse_port else []), *options, f"loadtest.bench.baselines.{name}:app"),
    ]
    return Server(command, port)


def serve_file(workers: int = WORKERS) -> Server | None:
    """The same response as a static file under nginx; None without nginx."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        return None
    folder, port = Path(tempfile.mkdtemp(prefix="sx")), _free_port()
    folder.chmod(0o755)  # its workers may run as another user
    (folder / "index.html").write_text("ok")
    (folder / "nginx.conf").write_text(_NGINX.format(workers=workers, folder=folder, port=port))
    return Server([program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")], port, folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
