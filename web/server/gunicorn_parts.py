"""Gunicorn internals in use beyond its settings and hooks, each with its reason; no other module imports gunicorn.

They may change without notice. ``tests/unit/server/test_foreign_parts.py`` records the version they were checked with,
and detects what another version changes.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple, Protocol

from gunicorn.glogging import Logger as GunicornLogger  # type: ignore[import-untyped]
from gunicorn.http.errors import NoMoreData, ParseException  # type: ignore[import-untyped]
from gunicorn.http.message import RFC9112_TARGET_INVALID  # type: ignore[import-untyped]
from gunicorn.http.wsgi import base_environ, create  # type: ignore[import-untyped]
from gunicorn.util import unquote_to_wsgi_str  # type: ignore[import-untyped]
from gunicorn.workers.base_async import AsyncWorker  # type: ignore[import-untyped]

__all__ = [
    "RFC9112_TARGET_INVALID",  # characters no target may contain: one rule for plain requests and all others
    "GunicornLogger",  # partly overridden: the fields of an access log line, and how its file is reopened
    "GunicornWorker",
    "LoggedAnswer",
    "NoMoreData",  # a disconnected client: raised by gunicorn's bodies and our streams, and not the application's fault
    "ParseException",  # malformed chunks, found only when a body is read: not the application's fault either
    "ReadRequest",
    "addresses_of",
    "base_environ",  # the common part of plain requests' environs, so that they match gunicorn's own
    "create",  # the environ of a request that is not plain; the response object it also makes is not used
    "filter_errors",
    "log_access",
    "unquote_to_wsgi_str",  # so that %41 in a path is the same to plain requests and all others
    "workers_of",
]

LISTENING: Final = "Listening at: %s"
"""How the master's log message about its addresses begins: with a socket for each worker it names none."""

INVALID_REQUEST: Final = "Invalid request from "
"""How a worker's log message about a malformed request begins: it names the client and quotes what was sent."""


class GunicornWorker(AsyncWorker):  # type: ignore[misc]
    """A worker as gunicorn's master forks it: signals, heartbeat, and handling of requests that are not plain.

    ``handle`` reads the requests of a connection until its end, each within ``timeout_ctx``, and passes them to
    ``handle_request``; ``init_process`` ends in ``run``; ``notify`` is the heartbeat.
    """

    PIPE: Sequence[int]  # signal handlers write into the second, which wakes the reader of the first
    alive: bool  # cleared by signal handlers when the worker is to stop
    ppid: int  # at the fork: once it changes, the master is gone
    sockets: list[Any]  # listening sockets
    cfg: Any  # all settings
    log: Any  # an instance of GunicornLogger's class
    wsgi: Callable[..., Any]  # the application, once it is loaded
    nr: int  # requests answered
    max_requests: int  # after so many requests it stops, to be restarted


class ReadRequest(Protocol):
    """A request parsed by gunicorn."""

    method: str

    def should_close(self) -> bool:
        """Whether the connection closes after its response."""


# The access log


class LoggedAnswer(NamedTuple):
    """The fields of a response that the access log reads."""

    status: str
    sent: int  # bytes of the body
    headers: list[tuple[str, str]]


class _LoggedRequest:
    """The fields of a request that the access log reads: headers, of which none is logged here."""

    headers: tuple[tuple[str, str], ...] = ()


_REQUEST: Final = _LoggedRequest()


def log_access(log: Any, answer: LoggedAnswer, environ: dict[str, Any], seconds: float) -> None:
    """Write the access log line of a request that gunicorn has not answered itself."""
    log.access(answer, _REQUEST, environ, timedelta(seconds=seconds))


# What hooks receive: the master (its class is Arbiter) and workers


def addresses_of(master: Any) -> Iterable[object]:
    """The configured addresses, parsed; the setting itself holds texts."""
    addresses: Iterable[object] = master.cfg.address
    return addresses


def workers_of(master: Any) -> Iterable[Any]:
    """All live workers; no hook lists them."""
    workers: Iterable[Any] = master.WORKERS.values()
    return workers


def filter_errors(of: Any, look: Callable[[logging.LogRecord], bool]) -> None:
    """Let ``look`` change or drop the log messages of a master or worker; no setting does that."""
    of.log.error_log.addFilter(look)
