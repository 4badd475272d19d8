"""The calling end of a mailbox: one connection to a shard or the archive, read by a thread of its own.

For callers that wait in threads: workers of gunicorn's gthread class, and tools. The front door of the web side brings
a channel of its own (:mod:`web.server.greenlet_channel`), for greenlets.
"""

import os
import socket
import threading
import time
from itertools import count

from shards.folder import Folder
from shards.ipc.counters import Slot
from shards.ipc.errors import NotServing
from shards.ipc.protocol import Callee, Welcome
from shards.limits import RECEIVE_BYTES, RECONNECT_MS, RECONNECT_MS_MAX

_IDLE_S = 3_600  # a socket with a time-out is non-blocking underneath: a write never waits, a read waits so long


class ThreadedWaiter:
    """One call under way."""

    __slots__ = ("_done", "bodies")

    def __init__(self) -> None:
        self._done = threading.Lock()
        self._done.acquire()
        self.bodies: list[bytes] = []  # none: the other side died

    def finish(self) -> None:
        """The reply is whole, or will never come."""
        self._done.release()

    def wait(self, seconds: float) -> bool:
        """Whether it was finished in time."""
        return self._done.acquire(timeout=max(seconds, 0))


class ThreadedShardChannel:
    """The connection to one shard or the archive, made again whenever it is lost.

    Speaks the words of ``multiprocessing.Queue``: ``put_nowait`` raises ``queue.Full`` at once.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self._path = folder.socket(name)
        self._run = folder.run
        self._lock = threading.Lock()  # of all that follows
        self._callee = Callee[ThreadedWaiter]()
        self._socket: socket.socket | None = None  # once the other side has welcomed it, as is the slot
        self._slot: Slot | None = None
        self._numbers = count(1)
        self._closed = False
        self.connected = threading.Event()
        threading.Thread(target=self._keep_reading, name=f"line-{name}", daemon=True).start()

    def wait_connected(self, seconds: float) -> bool:
        """Wait until the other side has welcomed this channel, at most so long."""
        return self.connected.wait(seconds)

    def serving(self) -> bool:
        """Whether the other side takes commands."""
        with self._lock:
            return self._slot is not None and self._slot.serving

    def qsize(self) -> int:
        """Messages waiting in its mailbox; 0 when not connected."""
        with self._lock:
            return self._slot.qsize() if self._slot else 0

    def maxsize(self) -> int:
        """The mailbox's bound; 0 when not connected."""
        with self._lock:
            return self._slot.maxsize if self._slot else 0

    def claim(self) -> Slot:
        """Take a place in the mailbox, of this life of its owner. Raises queue.Full or NotServing."""
        with self._lock:
            if self._slot is None:
                raise NotServing
            self._slot.claim()
            return self._slot

    def unclaim(self, slot: Slot) -> None:
        """Give back a place that was not used."""
        with self._lock:
            if self._slot is slot:
                slot.unclaim()

    def send(self, slot: Slot, body: bytes, deadline_ms: int) -> tuple[int, ThreadedWaiter]:
        """Send a message into a claimed place; never waits. Raises NotServing if nothing was sent."""
        waiter = ThreadedWaiter()
        with self._lock:
            if self._slot is not slot:
                raise NotServing
            number = next(self._numbers)
            others_wait = self._callee.unsent_bytes > 0  # a helper sends what the socket's buffer had no room for
            self._callee.request(number, waiter, deadline_ms, body)
            if not others_wait:
                try:
                    self._write()
                except OSError as error:
                    del self._callee.calls[number]
                    raise NotServing from error
        return number, waiter

    def put_nowait(self, body: bytes, deadline_ms: int) -> tuple[int, ThreadedWaiter]:
        """Claim and send. Raises queue.Full or NotServing, both with nothing sent."""
        return self.send(self.claim(), body, deadline_ms)

    def forget(self, number: int) -> None:
        """Nobody waits for this reply any more."""
        with self._lock:
            self._callee.calls.pop(number, None)

    def close(self) -> None:
        """Drop the connection for good."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)

    # Sending

    def _write(self) -> None:
        assert self._socket is not None
        chunk = self._callee.chunk()
        try:
            sent = os.write(self._socket.fileno(), chunk)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._callee.sent(len(chunk))  # nobody takes it any more
            raise
        self._callee.sent(sent)
        if sent < len(chunk):
            threading.Thread(target=self._flush, args=(self._socket, self._callee), daemon=True).start()

    def _flush(self, sock: socket.socket, callee: Callee[ThreadedWaiter]) -> None:
        """Send what the socket's buffer had no room for."""
        sent = 0
        try:
            while True:
                with self._lock:
                    if callee.closed:
                        break
                    callee.sent(sent)
                    chunk = callee.chunk()
                    if not chunk:  # seen under the same lock: whoever finds no room next starts a helper of its own
                        return
                sock.sendall(chunk)
                sent = len(chunk)
            sock.shutdown(socket.SHUT_RDWR)  # it reads nothing, or has gone
        except OSError:
            pass  # the reader sees the end of the connection and tells the callers

    # Receiving

    def _keep_reading(self) -> None:
        pause_ms = RECONNECT_MS
        while not self._closed:
            try:
                self._read()
                pause_ms = RECONNECT_MS
            except OSError:
                pause_ms = min(2 * pause_ms, RECONNECT_MS_MAX)
            time.sleep(pause_ms / 1000)

    def _read(self) -> None:
        """Connect and read until the connection ends. Raises OSError if it cannot be made, or makes no sense."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(_IDLE_S)
            sock.connect(self._path)
            callee = self._callee = Callee()
            sock.sendall(callee.chunk())
            callee.sent(callee.unsent_bytes)
            try:
                self._listen(sock, callee)
            finally:
                self._lose()  # before the descriptor's number may become another's: nobody writes to it any more

    def _listen(self, sock: socket.socket, callee: Callee[ThreadedWaiter]) -> None:
        while not callee.closed:
            chunk = sock.recv(RECEIVE_BYTES)
            if not chunk:
                return
            with self._lock:
                events = callee.receive(chunk)
            for event in events:
                if isinstance(event, ThreadedWaiter):
                    event.finish()
                elif isinstance(event, Welcome):
                    self._welcomed(sock, event)
        raise ConnectionAbortedError(callee.fault)

    def _welcomed(self, sock: socket.socket, welcome: Welcome) -> None:
        slot = Slot(self._run / welcome.counters, welcome.slot)
        with self._lock:
            self._slot, self._socket = slot, sock
        self.connected.set()

    def _lose(self) -> None:
        with self._lock:
            self._socket = None
            if self._slot is not None:
                self._slot.close()
                self._slot = None
            lost = self._callee.end()
            self.connected.clear()
        for waiter in lost:
            waiter.finish()
