"""The calling end of a mailbox: one connection to a shard or the archive, read by its own thread.

For callers that wait in threads: workers of gunicorn's gthread class, and tools. The web workers use a channel of their
own for greenlets (:mod:`web.server.greenlet_channel`).
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

_IDLE_S = 3_600  # a socket with a timeout is non-blocking underneath: a write never waits, a read waits this long


class ThreadedWaiter:
    """A pending call."""

    __slots__ = ("_done", "bodies")

    def __init__(self) -> None:
        self._done = threading.Lock()
        self._done.acquire()
        self.bodies: list[bytes] = []  # none: the other side died

    def finish(self) -> None:
        """Mark the call as finished: its reply is complete, or will never come."""
        self._done.release()

    def wait(self, seconds: float) -> bool:
        """Wait for the call to finish; False on timeout."""
        return self._done.acquire(timeout=max(seconds, 0))


class ThreadedShardChannel:
    """The connection to one shard or the archive, re-established whenever it is lost.

    Behaves like ``multiprocessing.Queue``: ``put_nowait`` raises ``queue.Full`` immediately.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self._path = folder.socket(name)
        self._run = folder.run
        self._lock = threading.Lock()  # guards everything below
        self._callee = Callee[ThreadedWaiter]()
        self._socket: socket.socket | None = None  # set once the other side has welcomed it, as is the slot
        self._slot: Slot | None = None
        self._numbers = count(1)
        self._closed = False
        self.connected = threading.Event()
        threading.Thread(target=self._keep_reading, name=f"line-{name}", daemon=True).start()

    def wait_connected(self, seconds: float) -> bool:
        """Wait until the other side has welcomed this channel; False on timeout."""
        return self.connected.wait(seconds)

    def serving(self) -> bool:
        """Whether the other side takes commands."""
        with self._lock:
            return self._slot is not None and self._slot.serving

    def qsize(self) -> int:
        """Return the number of messages waiting in its mailbox; 0 when not connected."""
        with self._lock:
            return self._slot.qsize() if self._slot else 0

    def maxsize(self) -> int:
        """Return the mailbox's capacity; 0 when not connected."""
        with self._lock:
            return self._slot.maxsize if self._slot else 0

    def claim(self) -> Slot:
        """Claim room for one message in the current mailbox. Raises queue.Full or NotServing."""
        with self._lock:
            if self._slot is None:
                raise NotServing
            self._slot.claim()
            return self._slot

    def unclaim(self, slot: Slot) -> None:
        """Give back a claim that was not used."""
        with self._lock:
            if self._slot is slot:
                slot.unclaim()

    def send(self, slot: Slot, body: bytes, deadline_ms: int) -> tuple[int, ThreadedWaiter]:
        """Send a message for a claimed slot; never blocks. Raises NotServing if nothing was sent."""
        waiter = ThreadedWaiter()
        with self._lock:
            if self._slot is not slot:
                raise NotServing
            number, callee = next(self._numbers), self._callee
            others_wait = callee.unsent_bytes > 0  # a helper thread sends what did not fit the socket's buffer
            callee.request(number, waiter, deadline_ms, body)
            if not others_wait:
                try:
                    self._write(callee)
                except OSError as error:
                    del callee.calls[number]
                    raise NotServing from error
        return number, waiter

    def put_nowait(self, body: bytes, deadline_ms: int) -> tuple[int, ThreadedWaiter]:
        """Claim and send. Raises queue.Full or NotServing, both with nothing sent."""
        return self.send(self.claim(), body, deadline_ms)

    def forget(self, number: int) -> None:
        """Drop a call whose reply is no longer wanted."""
        with self._lock:
            self._callee.calls.pop(number, None)

    def close(self) -> None:
        """Close the connection permanently."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)

    # Sending

    def _write(self, callee: Callee[ThreadedWaiter]) -> None:
        assert self._socket is not None
        chunk = callee.chunk()
        try:
            sent = os.write(self._socket.fileno(), chunk)
        except BlockingIOError:
            sent = 0
        except OSError:
            callee.sent(len(chunk))  # nobody will receive it
            raise
        callee.sent(sent)
        if sent < len(chunk):
            threading.Thread(target=self._flush, args=(self._socket, callee), daemon=True).start()

    def _flush(self, sock: socket.socket, callee: Callee[ThreadedWaiter]) -> None:
        """Send what did not fit into the socket's buffer."""
        sent = 0
        try:
            while True:
                with self._lock:
                    if callee.closed:
                        break
                    callee.sent(sent)
                    chunk = callee.chunk()
                    if not chunk:  # under the same lock: the next write that does not fit starts its own helper
                        return
                sock.sendall(chunk)
                sent = len(chunk)
            sock.shutdown(socket.SHUT_RDWR)  # the other side does not read, or is gone
        except OSError:
            pass  # the reader notices the end of the connection and finishes the calls

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
        """Connect and read until the connection ends. Raises OSError if connecting fails or on a protocol error."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(_IDLE_S)
            sock.connect(self._path)
            callee = self._callee = Callee()
            sock.sendall(callee.chunk())
            callee.sent(callee.unsent_bytes)
            try:
                self._listen(sock, callee)
            finally:
                self._lose()  # before the descriptor can be reused: nobody writes to it any more

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
