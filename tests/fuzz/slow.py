"""python -m tests.fuzz.slow PORT COUNT: callers who send one byte a second, until standard input ends.

A process of its own, so that their bytes take no time from whoever measures.
"""

import selectors
import socket
import sys
import time
from typing import Final

PAUSE_S: Final = 1.0  # between two bytes of a caller
REQUEST: Final = (
    b"POST /api/v1/spot/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer nobody\r\nContent-Length: 30000\r\n\r\n"
) + b" " * 30_000


def open_all(port: int, count: int) -> list[socket.socket]:
    """So many connections, which never wait."""
    callers = []
    for _ in range(count):
        caller = socket.create_connection(("127.0.0.1", port), 10.0)
        caller.setblocking(False)
        callers.append(caller)
    return callers


def main() -> int:
    """0 when told to stop; the number of callers that the server has turned away before that is printed."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    callers = open_all(port, count)
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    for caller in callers[::2]:
        caller.send(REQUEST[: len(REQUEST) - 30_000])  # half of them are at their bodies, the others at their heads
    sent = 0
    print("ready", flush=True)
    start = time.monotonic()
    while not selector.select(max(0.0, start + sent * PAUSE_S - time.monotonic())):
        for number, caller in enumerate(callers):
            caller.send(b" " if number % 2 == 0 else REQUEST[sent : sent + 1])
        sent += 1
    print(sum(map(is_closed, callers)), flush=True)
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
