"""The project's mailbox as a way to send queries to another process: from a web worker's hub, and from a thread."""

import queue
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

from loadtest.bench.transports import BODY, DEPTH, UNANSWERED, UNDER_WAY
from shards.clock import now_ms
from shards.folder import Folder
from shards.ipc.mailbox import Mailbox
from shards.ipc.threaded_channel import ThreadedShardChannel
from web.server.greenlet_channel import GreenletShardChannel
from web.server.hub import Hub, Waiter

_PATIENCE_S: Final = 10.0
_FULL_S: Final = 0.000_5  # before a full mailbox is tried again


class _MailboxTransport:
    """The answering side of :mod:`shards.ipc.mailbox`."""

    def __init__(self, path: Path) -> None:
        self._folder = Folder.open(path, 1)

    def answer(self) -> None:
        """A shard's loop, without its work."""
        mailbox = Mailbox(self._folder, "shard-0", DEPTH, {})
        mailbox.serving = True
        while True:
            for _ in mailbox.poll(0 if mailbox.waiting() else None):
                pass  # nothing else to wait for
            for request in mailbox.get(DEPTH):
                if request.body != UNANSWERED:
                    request.reply([request.body])
            mailbox.flush()


class HubMailbox(_MailboxTransport):
    """As a web worker queries: a hub, and a greenlet for each pending query."""

    def open(self) -> None:
        self._hub = Hub()
        self._line = GreenletShardChannel(self._hub, self._folder, "shard-0")
        assert self._line.wait_connected(_PATIENCE_S)

    def ask(self) -> None:
        """As shards.ipc.client.Client does."""
        line = self._line
        _, waiter = line.send(line.claim(), BODY, now_ms() + 10_000)
        assert waiter.wait(_PATIENCE_S)

    def ask_many(self, count: int) -> None:
        """Each greenlet queries sequentially."""
        left = [UNDER_WAY]

        def ask_some() -> None:
            for _ in range(count // UNDER_WAY):
                self.ask()
            left[0] -= 1

        for _ in range(UNDER_WAY):
            self._hub.spawn(ask_some)
        self._hub.turn_until(lambda: not left[0], 10 * _PATIENCE_S)
        assert not left[0]

    def tell_many(self, count: int) -> None:
        """A turn of the hub sends everything put since the last."""
        for sent in range(1, count):
            self._put(UNANSWERED)
            if sent % UNDER_WAY == 0:
                self._hub.turn(0)
        assert self._put(BODY).wait(_PATIENCE_S)

    def _put(self, body: bytes) -> Waiter:
        """Put a message into the mailbox, waiting for room."""
        while True:
            try:
                slot = self._line.claim()
                break
            except queue.Full:
                self._hub.turn(_FULL_S)
        number, waiter = self._line.send(slot, body, now_ms() + 10_000)
        if body is UNANSWERED:
            self._line.forget(number)
        return waiter


class ThreadMailbox(_MailboxTransport):
    """As a tool queries: a thread reads the replies."""

    def open(self) -> None:
        self._line = ThreadedShardChannel(self._folder, "shard-0")
        assert self._line.connected.wait(_PATIENCE_S)

    def ask(self) -> None:
        """As shards.ipc.client.Client does."""
        _, waiter = self._line.put_nowait(BODY, now_ms() + 10_000)
        assert waiter.wait(_PATIENCE_S)

    def ask_many(self, count: int) -> None:
        """Waits for the oldest; replies to the others arrive meanwhile."""
        waiters = deque[Any]()
        for _ in range(count):
            if len(waiters) == UNDER_WAY:
                for _ in range(UNDER_WAY // 2):
                    assert waiters.popleft().wait(_PATIENCE_S)
            waiters.append(self._line.put_nowait(BODY, now_ms() + 10_000)[1])
        for waiter in waiters:
            assert waiter.wait(_PATIENCE_S)

    def tell_many(self, count: int) -> None:
        """Each is sent by itself."""
        for _ in range(1, count):
            self._line.forget(self._put(UNANSWERED)[0])
        assert self._put(BODY)[1].wait(_PATIENCE_S)

    def _put(self, body: bytes) -> tuple[int, Any]:
        """Put a message into the mailbox, waiting for room."""
        while True:
            try:
                return self._line.put_nowait(body, now_ms() + 10_000)
            except queue.Full:
                time.sleep(_FULL_S)
