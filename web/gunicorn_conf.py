"""Gunicorn's settings for the HTTP side: ``gunicorn -c web/gunicorn_conf.py 'web:create_app()'``."""

import logging
import os
import sys
from typing import Any

from shards.folder import Folder
from shards.process import freeze_heap, name_process
from shards.settings import SettingsError, load_settings
from storage.files import describe_fault
from storage.folder import FolderError
from storage.reference_file import ReferenceFile, ReferenceUnusable
from web.folder import reopen_folder
from web.server.access_log import ACCESS_FORMAT, choose_access_log
from web.server.claims import Claimed, claim_all, explain, release_all
from web.server.gunicorn_parts import INVALID_REQUEST, LISTENING, addresses_of, filter_errors, workers_of
from web.settings import is_open_to_all, load_web_settings

try:
    _settings, _engine_settings = load_web_settings(), load_settings()
    _access_log = choose_access_log(_settings.access_log)
except SettingsError as _fault:
    sys.exit(f"shardex: {_fault}")
_run = _engine_settings.data / "run"
_metrics = _run / "metrics"  # files of web.monitoring.metrics, one per worker
_limits = _run / "limits"  # tables of web.ratelimit, one per worker

bind = f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
workers = _settings.workers
worker_class = {"hub": "web.server.worker.HubWorker"}.get(_settings.worker_class, _settings.worker_class)
threads = _settings.threads  # gthread only
worker_connections = 2_000  # not gthread: more than wait at a time; a slow client costs a greenlet
reuse_port = True  # a socket for each worker: with a shared one, keep-alive connections pile up on one worker
keepalive = 75  # seconds: longer than the idle timeout of usual clients and proxies
timeout = 30  # seconds without a heartbeat before a worker is killed: longer than any deadline
graceful_timeout = 10  # seconds to finish pending requests: longer than the longest deadline
limit_request_line = 8_190  # bytes
limit_request_fields = 100
limit_request_field_size = 8_190  # bytes
http_parser = "python"  # the stricter one; the hub worker parses plain requests with the fast one itself
secure_scheme_headers: dict[str, str] = {}  # nothing here depends on the scheme
forwarder_headers = ""  # no client header may override the path
accesslog = _access_log
access_log_format = ACCESS_FORMAT
logger_class = "web.server.access_log.Logger"
errorlog = "-"
preload_app = False  # connections to the engine must not be shared by a fork
control_socket_disable = True  # a control interface to the master, outside the data folder, that nothing here uses

os.umask(0o077)  # folders and counts created here are accessible to their owner only, like the whole data folder


def on_starting(server: Any) -> None:
    """Claims the listening addresses exclusively, logs failures and open exposure, and resets all counts."""
    name_process("shardex gunicorn")
    try:  # report what keeps the workers from starting once, instead of a traceback from each
        folder = _reopen_folder()
        ReferenceFile(folder.reference).close()
    except (FolderError, ReferenceUnusable) as fault:
        sys.exit(f"shardex: {fault}")
    try:
        server.claims = claim_all(addresses_of(server))  # stored there: this module is executed again at each reload
    except (Claimed, OSError) as error:
        text = explain(_settings.host, _settings.port, error) if isinstance(error, OSError) else error
        server.log.error("Cannot listen: %s", text)
        sys.exit(1)
    filter_errors(server, _name_address)
    if is_open_to_all(_settings.host):
        server.log.warning(
            "%s is open to every network of this machine, and so are the operator API (/api/v1/admin) and /metrics:"
            " restrict them with a proxy or a firewall, or set SHARDEX_HOST=127.0.0.1",
            bind,
        )
    try:
        _metrics.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in (*_metrics.glob("*"), *_limits.glob("*")):
            left.unlink()
    except OSError as error:
        sys.exit(f"shardex: {describe_fault(error, _metrics)}")


def on_reload(_: Any) -> None:
    """Read what workers fall back on if a file is invalid when they start."""
    _reopen_folder()


def _reopen_folder() -> Folder:
    return reopen_folder(_engine_settings.data, _engine_settings.shard_count).folder


def pre_fork(server: Any, worker: Any) -> None:
    """Give the worker the lowest free slot, which names its files for metrics and rate limits."""
    taken = {getattr(other, "slot", None) for other in workers_of(server)}
    worker.slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)


def post_fork(server: Any, worker: Any) -> None:
    """Runs in the worker before it loads the application; it is already listening."""
    name_process(f"shardex gunicorn worker {worker.slot}")
    release_all(server.claims)
    os.environ["SHARDEX_WORKER_SLOT"] = str(worker.slot)
    filter_errors(worker, _omit_request)


def post_worker_init(worker: Any) -> None:
    """The application is loaded and lives as long as the worker."""
    freeze_heap()


def _name_address(record: logging.LogRecord) -> bool:
    """Replaces the address in gunicorn's log: a master whose workers have sockets of their own would name none."""
    if isinstance(record.msg, str) and record.msg.startswith(LISTENING) and isinstance(record.args, tuple):
        record.args = (f"http://{bind}", *record.args[1:])
    return True


def _omit_request(record: logging.LogRecord) -> bool:
    """Gunicorn quotes the line it cannot parse. What clients send stays out of the log: it may be a credential."""
    text = record.getMessage()
    if text.startswith(INVALID_REQUEST):
        record.msg, record.args = text.partition(": ")[0], ()
    return True
