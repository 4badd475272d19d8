"""What is taken from gunicorn beyond its settings and hooks, each with its reason; nothing else here imports gunicorn.

None of it is promised to stay. ``tests/unit/server/test_foreign_parts.py`` says with which version it was checked, and
what another one has changed.
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
    "RFC9112_TARGET_INVALID",  # what no target may have: one rule for plain requests and all others
    "GunicornLogger",  # overridden in part: what a line of the access log may tell, and how its file is opened anew
    "GunicornWorker",
    "LoggedAnswer",
    "NoMoreData",  # a caller who has gone: said by gunicorn's bodies and our streams, and no fault of the application
    "ParseException",  # malformed chunks, found only when a body is read: not the application's fault either
    "ReadRequest",
    "addresses_of",
    "base_environ",  # what environs of plain requests begin with, so that they say what gunicorn's own say
    "create",  # the environ of a request that is not plain; the answer that it makes, too, is not used
    "filter_errors",
    "log_access",
    "unquote_to_wsgi_str",  # so that %41 in a path is the same to plain requests and all others
    "workers_of",
]

LISTENING: Final = "Listening at: %s"
"""How the master's word of its addresses begins: with sockets for each worker it names none."""

INVALID_REQUEST: Final = "Invalid request from "
"""How a worker's word of a request that cannot be read begins: after the caller, what was sent is quoted."""


class GunicornWorker(AsyncWorker):  # type: ignore[misc]
    """A worker as gunicorn's master forks it: its signals, its signs of life, and its way to serve what is not plain.

    ``handle`` reads requests of a connection until its end, each within ``timeout_ctx``, and gives them to
    ``handle_request``; ``init_process`` ends in ``run``; ``notify`` is the sign of life.
    """

    PIPE: Sequence[int]  # signal handlers write into the second, and so wake whoever watches the first
    alive: bool  # until it is to stop; signal handlers say so
    ppid: int  # when it was forked: once it is another, the master is gone
    sockets: list[Any]  # where to listen
    cfg: Any  # all settings
    log: Any  # of GunicornLogger's class
    wsgi: Callable[..., Any]  # the application, once it is loaded
    nr: int  # requests that were answered
    max_requests: int  # beyond them it stops, to be started anew


class ReadRequest(Protocol):
    """A request that gunicorn has read."""

    method: str

    def should_close(self) -> bool:
        """Whether its connection ends with its answer."""


# The access log


class LoggedAnswer(NamedTuple):
    """What the access log asks of an answer."""

    status: str
    sent: int  # bytes of the body
    headers: list[tuple[str, str]]


class _LoggedRequest:
    """What the access log asks of a request: headers, of which none is logged here."""

    headers: tuple[tuple[str, str], ...] = ()


_REQUEST: Final = _LoggedRequest()


def log_access(log: Any, answer: LoggedAnswer, environ: dict[str, Any], seconds: float) -> None:
    """Write the line of a request that gunicorn has not answered itself."""
    log.access(answer, _REQUEST, environ, timedelta(seconds=seconds))


# What hooks are given: the master (its class is Arbiter) and workers


def addresses_of(master: Any) -> Iterable[object]:
    """Where it is to listen, taken apart; the setting itself has texts."""
    addresses: Iterable[object] = master.cfg.address
    return addresses


def workers_of(master: Any) -> Iterable[Any]:
    """All that live; no hook tells of them together."""
    workers: Iterable[Any] = master.WORKERS.values()
    return workers


def filter_errors(of: Any, look: Callable[[logging.LogRecord], bool]) -> None:
    """Let ``look`` change what a master or worker says, or keep it back; no setting does that."""
    of.log.error_log.addFilter(look)
