"""Every bound of the HTTP server, with its unit and its reason.

Those that gunicorn has a setting for stand in ``web/gunicorn_conf.py``.
"""

from typing import Final

RECEIVE_BYTES: Final = 64 * 1024  # one read of a socket: a usual request whole, a large one in two
HEAD_BYTES_MAX: Final = 32 * 1024  # of a plain request; gunicorn goes on with longer ones, and knows where to stop
PIPELINE_BYTES_MAX: Final = 128 * 1024  # received ahead of the answer under way; beyond, reading waits for it
ACCEPT_COUNT_MAX: Final = 64  # connections taken at a time, before those already here get their turn
DESCRIPTORS_KEPT: Final = 128  # not for callers: engine, stores, logs; without them nobody could be answered
ACCEPT_PAUSE_S: Final = 0.1  # before accepting goes on when no descriptor was left

REQUEST_S: Final = 60.0  # from a request's first byte to its last: 64 kB over a bad line; who is slower is cut off
BODY_BYTES_MAX: Final = 65_536  # of a request; one with more is refused
REQUEST_BYTES_MAX: Final = 2 * 1024 * 1024  # that gunicorn reads of a request: longest head, longest body in chunks
SEND_S: Final = 60.0  # for a caller to take what it has asked for
UNREAD_BYTES_MAX: Final = 256 * 1024 * 1024  # of all answers that wait for their readers: six lists of 100,000 orders
SUCCESSOR_S: Final = 0.5  # a worker that stops listens on for so long: until its successor, begun a moment ago, does
FIRST_S: Final = 0.5  # when the worker stops, for a request that a new connection was surely opened for
LINGER_S: Final = 1.0  # after the last answer, for a caller who still sends: it would lose the answer by a reset
LINGER_BYTES_MAX: Final = 16 * 1024 * 1024  # heard and forgotten in this time
LOOK_S: Final = 1.0  # between two looks for connections whose time is up; and a worker's sign of life

IDLE_COUNT_MAX: Final = 256  # greenlets kept for the next requests: 16 kB each
EXPIRE_S: Final = 0.02  # at least, between two looks for calls whose deadline has passed: so late may an answer be
HEADER_NAME_COUNT_MAX: Final = 256  # names of headers whose environ key is remembered
