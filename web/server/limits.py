"""Every bound of the HTTP server, with its unit and its reason.

Bounds for which gunicorn has a setting are in ``web/gunicorn_conf.py``.
"""

from dataclasses import dataclass
from typing import Final

RECEIVE_BYTES: Final = 64 * 1024  # one read of a socket: a usual request whole, a large one in two
HEAD_BYTES_MAX: Final = 32 * 1024  # of a plain request; longer ones are left to gunicorn, which bounds them
PIPELINE_BYTES_MAX: Final = 128 * 1024  # received while a request is processed; beyond, reading pauses
ACCEPT_COUNT_MAX: Final = 64  # connections accepted at a time, before existing ones get their turn
DESCRIPTORS_KEPT: Final = 128  # reserved for engine, stores and logs; without them no request could be answered
ACCEPT_PAUSE_S: Final = 0.1  # before accepting resumes when no descriptor was left

REQUEST_S: Final = 60.0  # from a request's first byte to its last: 64 kB over a bad line; slower clients are cut off
BODY_BYTES_MAX: Final = 65_536  # of a request; a larger one is rejected
REQUEST_BYTES_MAX: Final = 2 * 1024 * 1024  # that gunicorn reads of a request: longest head, longest body in chunks
SEND_S: Final = 60.0  # for a client to receive its response
UNREAD_BYTES_MAX: Final = 256 * 1024 * 1024  # of all responses not yet sent: six lists of 100,000 orders
SUCCESSOR_S: Final = 0.5  # a stopping worker keeps listening until its successor, just started, does
FIRST_S: Final = 0.5  # when the worker stops, for the first request of a newly opened connection
LINGER_S: Final = 1.0  # after the last response, for a client that still sends: a reset would lose the response
LINGER_BYTES_MAX: Final = 16 * 1024 * 1024  # received and discarded in this time
LOOK_S: Final = 1.0  # between two checks for expired connections; also the worker's heartbeat

IDLE_COUNT_MAX: Final = 256  # greenlets kept for the next requests: 16 kB each
EXPIRE_S: Final = 0.02  # minimum between two checks for expired calls: so late may a timeout be reported
HEADER_NAME_COUNT_MAX: Final = 256  # header names whose environ key is cached


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """The bounds that a worker passes to its connections and streams."""

    request_s: float = REQUEST_S
    send_s: float = SEND_S
    first_s: float = FIRST_S
    linger_s: float = LINGER_S
    look_s: float = LOOK_S
    successor_s: float = SUCCESSOR_S
    request_bytes_max: int = REQUEST_BYTES_MAX
    unread_bytes_max: int = UNREAD_BYTES_MAX
