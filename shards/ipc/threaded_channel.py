"""The calling end of a mailbox: one connection to a shard or the archive, read by a thread of its own.

Written with plain threads and locks: under gevent they are greenlets, under gthread threads, in a tool either. The
front door of the web side brings a line of its own (:mod:`web.server.line`).
"""

import os
import queue
import socket
import threading
import time

from shards.folder import Folder
from shards.ipc.counters import Counters
from shards.ipc.errors import NotServing
from shards.ipc.frames import REPLY, REQUEST, Frame, FrameError, FrameKind, pack, unpack
from shards.limits import RECEIVE_BYTES, RECONNECT_MS, RECONNECT_MS_MAX

_IDLE_S = 3_600  # a socket with a time-out is non-blocking underneath: a write never waits, a read waits so long


class LineWaiter:
    """One call under way."""

    __slots__ = ("_done", "bodies")

    def __init__(self) -> None:
        self._done = threading.Lock()
        self._done.acquire()
        self.bodies: list[bytes] | None = []  # None: the other side died

    def finish(self) -> None:
        """The reply is whole, or will never come."""
        self._done.release()

    def wait(self, seconds: float) -> bool:
        """Whether it was finished in time."""
        return self._done.acquire(timeout=max(seconds, 0))


class Line:
    """The connection to one shard or the archive, made again whenever it is lost.

    Speaks the words of ``multiprocessing.Queue``: ``put_nowait`` raises ``queue.Full`` at once.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self._path = folder.socket(name)
        self._run = folder.run
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._counters: Counters | None = None
        self._slot = -1
        self._unsent = bytearray()
        self._waiters: dict[int, LineWaiter] = {}
        self._next_number = 1
        self._closed = False
        self.connected = threading.Event()
        threading.Thread(target=self._keep_reading, name=f"line-{name}", daemon=True).start()

    def wait_connected(self, seconds: float) -> bool:
        """Wait until the other side has welcomed this line, at most so long."""
        return self.connected.wait(seconds)

    def serving(self) -> bool:
        """Whether the other side takes commands."""
        with self._lock:
            return self._counters is not None and self._counters.serving

    def qsize(self) -> int:
        """Messages waiting in its mailbox; 0 when not connected."""
        with self._lock:
            return self._counters.qsize() if self._counters else 0

    def maxsize(self) -> int:
        """The mailbox's bound; 0 when not connected."""
        with self._lock:
            return self._counters.maxsize if self._counters else 0

    def claim(self) -> Counters:
        """Take a place in the mailbox, of this life of its owner. Raises queue.Full or NotServing."""
        with self._lock:
            if self._counters is None or not self._counters.serving:
                raise NotServing
            if not self._counters.claim(self._slot):
                raise queue.Full
            return self._counters

    def unclaim(self, place: Counters) -> None:
        """Give back a place that was not used."""
        with self._lock:
            if self._counters is place:
                place.unclaim(self._slot)

    def send(self, place: Counters, body: bytes, deadline_ms: int) -> tuple[int, LineWaiter]:
        """Send a message into a claimed place; never waits. Raises NotServing if nothing was sent."""
        waiter = LineWaiter()
        with self._lock:
            if self._socket is None or self._counters is not place:
                raise NotServing
            number = self._next_number
            self._next_number += 1
            self._waiters[number] = waiter
            try:
                self._write(pack(REQUEST, number, deadline_ms, body))
            except OSError as error:
                del self._waiters[number]
                raise NotServing from error
        return number, waiter

    def put_nowait(self, body: bytes, deadline_ms: int) -> tuple[int, LineWaiter]:
        """Claim and send. Raises queue.Full or NotServing, both with nothing sent."""
        return self.send(self.claim(), body, deadline_ms)

    def forget(self, number: int) -> None:
        """Nobody waits for this reply any more."""
        with self._lock:
            self._waiters.pop(number, None)

    def close(self) -> None:
        """Drop the connection for good."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)

    # Sending

    def _write(self, frame: bytes) -> None:
        assert self._socket is not None
        if self._unsent:
            self._unsent += frame
            return
        try:
            sent = os.write(self._socket.fileno(), frame)
        except BlockingIOError:
            sent = 0
        if sent < len(frame):
            self._unsent += frame[sent:]
            threading.Thread(target=self._flush, args=(self._socket,), daemon=True).start()

    def _flush(self, sock: socket.socket) -> None:
        """Send what the socket's buffer had no room for."""
        chunk = b""
        try:
            while True:
                with self._lock:
                    if sock is not self._socket:
                        return
                    del self._unsent[: len(chunk)]
                    chunk = bytes(self._unsent)
                    if not chunk:  # seen under the same lock: whoever finds no room next starts a helper of its own
                        return
                sock.sendall(chunk)
        except OSError:
            pass  # the reader sees the end of the connection and tells the callers

    # Receiving

    def _keep_reading(self) -> None:
        pause_ms = RECONNECT_MS
        while not self._closed:
            try:
                self._read()
                pause_ms = RECONNECT_MS
            except (OSError, FrameError):
                pause_ms = min(2 * pause_ms, RECONNECT_MS_MAX)
            time.sleep(pause_ms / 1000)

    def _read(self) -> None:
        """Connect and read until the connection ends. Raises OSError if it cannot be made."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(_IDLE_S)
            sock.connect(self._path)
            sock.sendall(pack(FrameKind.HELLO, 0))
            try:
                self._listen(sock)
            finally:
                self._lose()  # before the descriptor's number may become another's: nobody writes to it any more

    def _listen(self, sock: socket.socket) -> None:
        received = bytearray()
        while True:
            chunk = sock.recv(RECEIVE_BYTES)
            if not chunk:
                return
            received += chunk
            for frame in unpack(received):
                self._hear(sock, frame)

    def _hear(self, sock: socket.socket, frame: Frame) -> None:
        if frame.kind == FrameKind.WELCOME:
            self._welcomed(sock, frame)
            return
        with self._lock:
            waiter = self._waiters.get(frame.number)
            if waiter is None or waiter.bodies is None:
                return
            waiter.bodies.append(frame.body)
            if frame.kind == REPLY:
                del self._waiters[frame.number]
                waiter.finish()

    def _welcomed(self, sock: socket.socket, frame: Frame) -> None:
        counters = Counters(self._run / frame.body.decode())
        with self._lock:
            self._counters, self._slot, self._socket = counters, frame.number, sock
        self.connected.set()

    def _lose(self) -> None:
        with self._lock:
            self._socket = None
            if self._counters is not None:
                self._counters.close()
                self._counters = None
            self._unsent.clear()
            waiters, self._waiters = self._waiters, {}
            self.connected.clear()
        for waiter in waiters.values():
            waiter.bodies = None
            waiter.finish()
