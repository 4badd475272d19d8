"""Readiness of sockets: a callback for each descriptor.

``epoll`` itself where available; elsewhere :mod:`selectors`, which is slower: it creates an object for each socket.
"""

import select
import selectors
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE

Ready = Callable[[int], object]
"""Called with the events of a socket that is ready."""


if sys.platform == "linux":
    _NOT_WRITABLE: Final = ~select.EPOLLOUT
    _NOT_READABLE: Final = ~select.EPOLLIN

    class Poller:
        """The sockets of one loop."""

        def __init__(self) -> None:
            self._epoll = select.epoll()
            self._watched: dict[int, tuple[Ready, int]] = {}

        def watch(self, sock: Any, events: int, ready: Ready) -> None:
            """Call ``ready`` whenever ``sock`` is ready; replaces an earlier registration."""
            number = _number_of(sock)
            mask = (select.EPOLLIN if events & READ else 0) | (select.EPOLLOUT if events & WRITE else 0)
            if number in self._watched:
                self._epoll.modify(number, mask)
            else:
                self._epoll.register(number, mask)
            self._watched[number] = ready, events

        def unwatch(self, sock: Any) -> None:
            """Stop watching. Call before the socket is closed."""
            number = _number_of(sock)
            if self._watched.pop(number, None) is not None:
                self._epoll.unregister(number)

        def close(self) -> None:
            self._epoll.close()

        def poll(self, patience_s: float) -> Iterable[tuple[Ready, int]]:
            """Callbacks to run and their events; sockets unwatched meanwhile are skipped."""
            watched = self._watched
            for number, mask in self._epoll.poll(patience_s):
                found = watched.get(number)
                if found is not None:
                    ready, wanted = found
                    # an error or the end is reported as whatever was waited for
                    yield ready, wanted & (READ * bool(mask & _NOT_WRITABLE) | WRITE * bool(mask & _NOT_READABLE))

else:

    class Poller:
        """The sockets of one loop."""

        def __init__(self) -> None:
            self._selector = selectors.DefaultSelector()

        def watch(self, sock: Any, events: int, ready: Ready) -> None:
            """Call ``ready`` whenever ``sock`` is ready; replaces an earlier registration."""
            if sock in self._selector.get_map():
                self._selector.modify(sock, events, ready)
            else:
                self._selector.register(sock, events, ready)

        def unwatch(self, sock: Any) -> None:
            """Stop watching. Call before the socket is closed."""
            if sock in self._selector.get_map():
                self._selector.unregister(sock)

        def close(self) -> None:
            self._selector.close()

        def poll(self, patience_s: float) -> Iterable[tuple[Ready, int]]:
            """Callbacks to run and their events."""
            for key, events in self._selector.select(patience_s):
                yield key.data, events


def _number_of(sock: Any) -> int:
    """The file descriptor of a socket; the end of a pipe is one already."""
    number: int = sock if isinstance(sock, int) else sock.fileno()
    return number
