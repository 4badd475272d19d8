"""python -m tests.fuzz.slow PORT COUNT: callers who send one byte a second, until standard input ends.

A process of its own, so that their bytes take no time from whoever measures.
"""

import selectors
import socket
import sys
import time
from typing import Final

PAUSE_S: Final = 1.0  # between two bytes of a caller
_HEAD: Final = (
    b"POST /api/v1/spot/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer nobody\r\nContent-Length: 30000\r\n\r\n"
)
HEAD_BYTES: Final = len(_HEAD)
REQUEST: Final = _HEAD + b" " * 30_000


class Slow:
    """One caller, who comes again when the server turns it away."""

    def __init__(self, port: int, in_body: bool) -> None:
        self._port = port
        self._in_body = in_body
        self.turned_away = -1
        self._come()

    def _come(self) -> None:
        self.turned_away += 1
        self._sent = HEAD_BYTES if self._in_body else 0
        self._socket = socket.create_connection(("127.0.0.1", self._port), 10.0)
        self._socket.setblocking(False)  # its sends never wait
        self._socket.send(REQUEST[: self._sent])

    def say_one_byte(self) -> None:
        """The next byte of its request."""
        if is_closed(self._socket):
            self._socket.close()
            self._come()
        self._socket.send(REQUEST[self._sent : self._sent + 1])
        self._sent += 1


def main() -> int:
    """0 when asked to stop; how often the server has turned a caller away before that is printed."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    callers = [Slow(port, number % 2 == 0) for number in range(count)]  # half of them at their bodies
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    print("ready", flush=True)
    start, rounds = time.monotonic(), 0
    while not selector.select(max(0.0, start + rounds * PAUSE_S - time.monotonic())):
        for caller in callers:
            caller.say_one_byte()
        rounds += 1
    print(sum(caller.turned_away for caller in callers), flush=True)
    return 0


def is_closed(caller: socket.socket) -> bool:
    """Whether the other side has said or closed anything."""
    try:
        caller.recv(1)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
