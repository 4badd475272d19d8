"""Unix sockets in memory, as a kernel provides them to the processes of one machine.

Sent bytes are in the receiver's buffer at once, as far as there is room. What a process sent before it died can still
be read; then comes the end of the stream. A read takes everything available: after a short read, nothing is left.
"""

import random
import selectors
import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, cast

from shards.ipc.network import Network

ROOMS_BYTES = (300, 2_000, 20_000, 208 * 1024)  # of one buffer: the last is Linux's default


class Killed(BaseException):
    """The process has died at this point: whatever it was about to do does not happen."""


class Machine:
    """State shared by all processes: listeners. One random generator decides everything."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.listeners: dict[str, SimListener] = {}
        self.between: Callable[[], None] = lambda: None  # what other processes do meanwhile


class Life(Network):
    """One life of one process: its descriptors, and how many more system calls it will make."""

    def __init__(self, machine: Machine, owner: object) -> None:
        self.machine = machine
        self.owner = owner
        self.calls_left: int | None = None  # None: it lives on
        self.files: dict[int, SimSocket | SimListener] = {}

    def call(self) -> None:
        """A system call: other processes may run meanwhile. Raises Killed if the process dies first."""
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left < 0:
                raise Killed
        self.machine.between()

    def end(self) -> None:
        """The process ends, and its descriptors are closed."""
        for file in list(self.files.values()):
            file.close()

    def add(self, file: "SimSocket | SimListener") -> int:
        """The lowest free number, as in a kernel."""
        number = next(number for number in range(3, 1 << 16) if number not in self.files)
        self.files[number] = file
        return number

    def selector(self) -> selectors.BaseSelector:
        return SimSelector(self.machine.chance)

    def listen(self, path: str) -> socket.socket:
        listener = SimListener(self, path)
        self.machine.listeners[path] = listener
        return cast(socket.socket, listener)

    def connect(self, path: str) -> socket.socket:
        self.call()
        listener = self.machine.listeners.get(path)
        if listener is None:
            raise ConnectionRefusedError(path)
        room = self.machine.chance.choice(ROOMS_BYTES)
        near, far = SimSocket(room), SimSocket(room)
        near.peer, far.peer = far, near
        near.adopt(self)
        listener.backlog.append(far)
        return cast(socket.socket, near)


class SimSocket:
    """One end of a stream."""

    def __init__(self, room: int) -> None:
        self.life: Life | None = None  # of the process that has it open; None: in a backlog
        self.number = -1
        self.peer = self
        self.room = room  # bytes
        self.inbox = bytearray()
        self.ended = False  # the other side neither sends nor receives any more

    def adopt(self, life: Life) -> None:
        self.life = life
        self.number = life.add(self)

    def setblocking(self, blocking: bool) -> None:
        assert not blocking

    def fileno(self) -> int:
        return self.number

    def recv(self, size: int) -> bytes:
        assert self.life is not None
        self.life.call()
        if self.inbox:
            taken = bytes(self.inbox[:size])
            del self.inbox[:size]
            return taken
        if self.ended:
            return b""
        raise BlockingIOError

    def send(self, chunk: bytes) -> int:
        assert self.life is not None
        self.life.call()
        if self.ended or self.peer.ended:
            raise BrokenPipeError
        free = self.peer.room - len(self.peer.inbox)
        if free <= 0:
            raise BlockingIOError
        self.peer.inbox += chunk[:free]
        return min(free, len(chunk))

    def shutdown(self, how: int) -> None:
        self.ended = self.peer.ended = True

    def close(self) -> None:
        self.ended = self.peer.ended = True
        self.inbox.clear()
        if self.life is not None:
            self.life.files.pop(self.number, None)
        self.number = -1

    def readable(self) -> bool:
        return bool(self.inbox) or self.ended

    def writable(self) -> bool:
        return self.ended or len(self.peer.inbox) < self.peer.room


class SimListener:
    """A listening socket and its backlog."""

    def __init__(self, life: Life, path: str) -> None:
        self.life = life
        self.path = path
        self.backlog: deque[SimSocket] = deque()
        self.number = life.add(self)

    def fileno(self) -> int:
        return self.number

    def accept(self) -> tuple[SimSocket, str]:
        self.life.call()
        if not self.backlog:
            raise BlockingIOError
        accepted = self.backlog.popleft()
        accepted.adopt(self.life)
        return accepted, ""

    def close(self) -> None:
        if self.life.machine.listeners.get(self.path) is self:
            del self.life.machine.listeners[self.path]
        for waiting in self.backlog:
            waiting.close()
        self.life.files.pop(self.number, None)
        self.number = -1

    def readable(self) -> bool:
        return bool(self.backlog)

    def writable(self) -> bool:
        return False


class SimSelector(selectors.BaseSelector):
    """Reports what is ready, in random order; never waits."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._keys: dict[Any, selectors.SelectorKey] = {}
        self._files: dict[Any, SimSocket | SimListener] = {}  # behind the shards' listeners and connections

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        number = fileobj.fileno()
        assert number >= 0 and all(key.fd != number for key in self._keys.values()), "registered twice"
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, number, events, data)
        self._files[fileobj] = fileobj if isinstance(fileobj, SimListener) else fileobj.socket
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        del self._files[fileobj]
        return self._keys.pop(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._keys[fileobj] = self._keys[fileobj]._replace(events=events, data=data)
        return key

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys[fileobj]

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = []
        for fileobj, key in self._keys.items():
            file = self._files[fileobj]
            events = selectors.EVENT_READ if file.readable() else 0
            events |= selectors.EVENT_WRITE if key.events & selectors.EVENT_WRITE and file.writable() else 0
            if events & key.events:
                ready.append((key, events & key.events))
        self._chance.shuffle(ready)
        return ready
