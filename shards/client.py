"""Calling shards and the archive from web workers and command-line tools.

One connection to each, with a reader of its own; :meth:`Client.call` is the one place where a caller waits. Written
with plain threads and locks: under gevent they are greenlets, under gthread threads, in a tool either.
"""

import os
import queue
import socket
import threading
import time
from collections.abc import Sequence

from shards.clock import now_ms
from shards.codec import decode_reply, encode
from shards.counters import Counters
from shards.frames import Frame, FrameError, FrameKind, pack, unpack
from shards.limits import DEADLINE_MS, RECEIVE_BYTES, RECONNECT_MS, RECONNECT_MS_MAX
from shards.messages import (
    Cancel,
    CancelAll,
    CancelBatch,
    CancelByClientId,
    Command,
    OrdersReply,
    Question,
    Reason,
    Refused,
    Reply,
)
from shards.peer import NotServing
from storage.folder import Folder

_IDLE_S = 3_600  # a socket with a time-out is non-blocking underneath: a write never waits, a read waits so long


class _Waiter:
    """One call under way."""

    __slots__ = ("_done", "bodies")

    def __init__(self) -> None:
        self._done = threading.Lock()
        self._done.acquire()
        self.bodies: list[bytes] | None = []  # None: the other side died

    def finish(self) -> None:
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
        self._waiters: dict[int, _Waiter] = {}
        self._next_number = 1
        self._closed = False
        self.connected = threading.Event()
        threading.Thread(target=self._keep_reading, name=f"line-{name}", daemon=True).start()

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

    def send(self, place: Counters, body: bytes, deadline_ms: int) -> tuple[int, _Waiter]:
        """Send a message into a claimed place; never waits. Raises NotServing if nothing was sent."""
        waiter = _Waiter()
        with self._lock:
            if self._socket is None or self._counters is not place:
                raise NotServing
            number = self._next_number
            self._next_number += 1
            self._waiters[number] = waiter
            try:
                self._write(pack(FrameKind.REQUEST, number, deadline_ms, body))
            except OSError as error:
                del self._waiters[number]
                raise NotServing from error
        return number, waiter

    def put_nowait(self, body: bytes, deadline_ms: int) -> tuple[int, _Waiter]:
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
            if frame.kind == FrameKind.REPLY:
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


class Client:
    """All shards and the archive of one data folder. A refusal is a value: calls do not raise."""

    def __init__(self, folder: Folder) -> None:
        self.shard_count = folder.shard_count
        self._shards = [Line(folder, f"shard-{shard}") for shard in range(folder.shard_count)]
        self._archive = Line(folder, "archive")

    def wait_connected(self, seconds: float) -> bool:
        """Wait until every shard and the archive are connected, at most so long."""
        until = time.monotonic() + seconds
        lines = (*self._shards, self._archive)
        return all(line.connected.wait(max(0, until - time.monotonic())) for line in lines)

    def call(self, shard: int, message: Command | Question, deadline_ms: int = DEADLINE_MS) -> Reply:
        """Ask one shard and wait for its reply, at most ``deadline_ms``."""
        return self.call_each([(shard, message)], deadline_ms)[0]

    def call_each(
        self, messages: Sequence[tuple[int, Command | Question]], deadline_ms: int = DEADLINE_MS
    ) -> list[Reply]:
        """Ask several shards at once. Takes a place in every mailbox or in none: then all replies are that refusal."""
        return _call_each([(self._shards[shard], message) for shard, message in messages], deadline_ms)

    def ask_archive(self, question: Question, deadline_ms: int = DEADLINE_MS) -> Reply:
        """Ask the archive; Refused HISTORY_UNREADABLE if it is not there or silent, BUSY if its mailbox is full."""
        reply = _call_each([(self._archive, question)], deadline_ms)[0]
        if isinstance(reply, Refused) and reply.reason in (Reason.RESTARTING, Reason.TIMEOUT):
            return Refused(Reason.HISTORY_UNREADABLE)
        return reply

    def depth(self, shard: int) -> int:
        """Messages waiting in a shard's mailbox."""
        return self._shards[shard].qsize()

    def depth_max(self, shard: int) -> int:
        """The bound of a shard's mailbox; 0 when not connected."""
        return self._shards[shard].maxsize()

    def is_serving(self, shard: int) -> bool:
        """Whether a shard takes commands."""
        return self._shards[shard].serving()

    def archive_serving(self) -> bool:
        """Whether the archive answers questions."""
        return self._archive.serving()

    def close(self) -> None:
        """Drop all connections."""
        for line in (*self._shards, self._archive):
            line.close()


def _call_each(messages: Sequence[tuple[Line, Command | Question]], deadline_ms: int) -> list[Reply]:
    places = _claim_all([line for line, _ in messages])
    if isinstance(places, Refused):
        return [places] * len(messages)
    until_ms = now_ms() + deadline_ms
    until = time.monotonic() + deadline_ms / 1000
    sent = [_send(line, place, message, until_ms) for (line, message), place in zip(messages, places, strict=True)]
    return [_wait(line, message, call, until) for (line, message), call in zip(messages, sent, strict=True)]


def _claim_all(lines: list[Line]) -> list[Counters] | Refused:
    """A place in each mailbox, or none taken and why."""
    places: list[Counters] = []
    try:
        for line in lines:
            places.append(line.claim())
    except (queue.Full, NotServing) as error:
        for line, place in zip(lines, places, strict=False):
            line.unclaim(place)
        return Refused(Reason.BUSY if isinstance(error, queue.Full) else Reason.RESTARTING)
    return places


def _send(line: Line, place: Counters, message: Command | Question, until_ms: int) -> tuple[int, _Waiter] | None:
    try:
        return line.send(place, encode(message), until_ms)
    except NotServing:
        return None


def _wait(line: Line, message: Command | Question, call: tuple[int, _Waiter] | None, until: float) -> Reply:
    if call is None:
        return Refused(Reason.RESTARTING)
    number, waiter = call
    if not waiter.wait(until - time.monotonic()):
        line.forget(number)
        return Refused(Reason.TIMEOUT)
    if waiter.bodies is None:
        return Refused(_when_lost(message))
    replies = [decode_reply(body) for body in waiter.bodies]
    if len(replies) == 1:
        return replies[0]
    return OrdersReply([order for piece in replies if isinstance(piece, OrdersReply) for order in piece.orders])


def _when_lost(message: Command | Question) -> Reason:
    """What to say when the shard died with a message in its hands: repeating a cancel or a question is harmless."""
    if isinstance(message, Cancel | CancelByClientId | CancelAll | CancelBatch) or not isinstance(message, Command):
        return Reason.RESTARTING
    return Reason.TIMEOUT
