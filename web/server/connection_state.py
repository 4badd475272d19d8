"""The states of a client connection."""

from enum import Enum, auto
from typing import Final


class State(Enum):
    """State of a connection, in order of progress; it cycles from IDLE to SENDING."""

    FRESH = auto()  # nothing received yet
    READING = auto()  # part of a request received, or a whole one that is not parsed yet
    SERVING = auto()  # a request is being processed: no other is taken until its response has been sent
    SENDING = auto()  # part of the response waits for the socket to become writable
    IDLE = auto()  # all requests answered; waiting for the next
    HANDED_OVER = auto()  # handled by gunicorn from now on
    CLOSED = auto()


WAITS_FOR_CLIENT: Final = (State.FRESH, State.READING, State.IDLE)
UNDER_WAY: Final = (State.SERVING, State.SENDING)
