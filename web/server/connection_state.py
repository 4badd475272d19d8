"""The states of a client connection, and what each may become."""

from enum import Enum, auto
from typing import Final


class State(Enum):
    """State of a connection, in order of progress; it cycles from READING to IDLE."""

    FRESH = auto()  # nothing received yet
    READING = auto()  # part of a request received, or a whole one that is not parsed yet
    SERVING = auto()  # a request is being processed: no other is taken until its response has been sent
    SENDING = auto()  # part of the response waits for the socket to become writable
    IDLE = auto()  # all requests answered; waiting for the next
    HANDED_OVER = auto()  # handled by gunicorn from now on
    CLOSED = auto()

    __hash__ = object.__hash__  # an enum's own is computed from the name at each look-up


MAY_BECOME: Final[dict[State, tuple[State, ...]]] = {
    State.FRESH: (
        State.READING,  # the first bytes have arrived
        State.CLOSED,  # as every state below: disconnected, timed out, closed to make room or to stop, or a fault
    ),
    State.READING: (
        State.SERVING,  # the request is whole
        State.HANDED_OVER,  # it is not plain, or the client ended in the middle of it
        State.CLOSED,
    ),
    State.SERVING: (
        State.SENDING,  # the socket did not take the whole response
        State.READING,  # the response has been sent, and the next request has begun to arrive
        State.IDLE,  # the response has been sent
        State.CLOSED,  # or it was the last one
    ),
    State.SENDING: (
        State.READING,  # as after SERVING
        State.IDLE,
        State.CLOSED,
    ),
    State.IDLE: (
        State.READING,  # the next request has begun to arrive
        State.CLOSED,
    ),
    State.HANDED_OVER: (
        State.CLOSED,  # gunicorn is done with it
    ),
    State.CLOSED: (),
}
WAITS_FOR_CLIENT: Final = (State.FRESH, State.READING, State.IDLE)
UNDER_WAY: Final = (State.SERVING, State.SENDING)
