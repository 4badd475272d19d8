"""Every bound of the HTTP server, with its unit and its reason.

Those that gunicorn has a setting for stand in ``web/gunicorn_conf.py``.
"""

from typing import Final

RECEIVE_BYTES: Final = 64 * 1024  # one read of a socket: a usual request whole, a large one in two
PIPELINE_BYTES_MAX: Final = 128 * 1024  # received ahead of the answer under way; beyond, reading waits for it
ACCEPT_COUNT_MAX: Final = 64  # connections taken at a time, before those already here get their turn
ACCEPT_PAUSE_S: Final = 0.1  # before accepting goes on when no descriptor was left

REQUEST_S: Final = 60.0  # from a request's first byte to its last: 64 kB over a bad line; who is slower is cut off
SEND_S: Final = 60.0  # for a caller to take what it has asked for
LOOK_S: Final = 1.0  # between two looks for connections whose time is up; and a worker's sign of life

EXPIRE_S: Final = 0.02  # between two looks for calls whose deadline has passed: by so much may an answer be late
HEADER_NAME_COUNT_MAX: Final = 256  # names of headers whose environ key is remembered
