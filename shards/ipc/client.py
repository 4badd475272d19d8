"""Calling shards and the archive from web workers and command-line tools.

One channel to each; :meth:`Client.call` is the one place where a caller waits.
"""

import queue
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from shards.clock import now_ms
from shards.folder import Folder
from shards.ipc.counters import Slot
from shards.ipc.errors import NotServing
from shards.ipc.protocol import Call
from shards.ipc.threaded_channel import ThreadedShardChannel
from shards.limits import DEADLINE_MS
from shards.model.codec import decode_reply, encode
from shards.model.commands import Cancel, CancelAll, CancelBatch, CancelByClientId, Command
from shards.model.queries import Query
from shards.model.reasons import RejectReason
from shards.model.replies import OrdersReply, Rejected, Reply
from shards.vitals import ARCHIVE_NAME, ENGINE, Signs, living


class Waiter(Call, Protocol):
    """One call under way."""

    def wait(self, seconds: float) -> bool:
        """Whether it was finished in time."""


class ShardChannel(Protocol):
    """The connection to one shard or the archive, made again whenever it is lost."""

    def wait_connected(self, seconds: float) -> bool:
        """Wait until it stands, at most so long."""

    def serving(self) -> bool:
        """Whether the other side takes commands."""

    def qsize(self) -> int:
        """Messages waiting in its mailbox; 0 when not connected."""

    def maxsize(self) -> int:
        """The mailbox's bound; 0 when not connected."""

    def claim(self) -> Slot:
        """Take a place in the mailbox, of this life of its owner. Raises queue.Full or NotServing."""

    def unclaim(self, slot: Slot) -> None:
        """Give back a place that was not used."""

    def send(self, slot: Slot, body: bytes, deadline_ms: int) -> tuple[int, Waiter]:
        """Send a message into a claimed place; never waits. Raises NotServing if nothing was sent."""

    def forget(self, number: int) -> None:
        """Nobody waits for this reply any more."""

    def close(self) -> None:
        """Drop the connection for good."""


class Client:
    """All shards and the archive of one data folder. A refusal is a value: calls do not raise."""

    def __init__(
        self, folder: Folder, make_channel: Callable[[Folder, str], ShardChannel] = ThreadedShardChannel
    ) -> None:
        """``make_channel`` connects to whoever listens under that name in the folder."""
        self._folder = folder
        self.shard_count = folder.shard_count
        self._shards = [make_channel(folder, f"shard-{shard}") for shard in range(folder.shard_count)]
        self._archive = make_channel(folder, ARCHIVE_NAME)

    def wait_connected(self, seconds: float) -> bool:
        """Wait until every shard and the archive are connected, at most so long."""
        until = time.monotonic() + seconds
        channels = (*self._shards, self._archive)
        return all(channel.wait_connected(max(0, until - time.monotonic())) for channel in channels)

    def call(self, shard: int, message: Command | Query, deadline_ms: int = DEADLINE_MS) -> Reply:
        """Ask one shard and wait for its reply, at most ``deadline_ms``."""
        return _call(self._shards[shard], message, deadline_ms)

    def call_each(self, messages: Sequence[tuple[int, Command | Query]], deadline_ms: int = DEADLINE_MS) -> list[Reply]:
        """Ask several shards at once. Takes a place in every mailbox or in none: then all replies are that refusal."""
        return _call_each([(self._shards[shard], message) for shard, message in messages], deadline_ms)

    def ask_archive(self, query: Query, deadline_ms: int = DEADLINE_MS) -> Reply:
        """Ask the archive; refused are HISTORY_UNREADABLE if it is not there, BUSY if its mailbox is full, TIMEOUT."""
        reply = _call(self._archive, query, deadline_ms)
        if isinstance(reply, Rejected) and reply.reason is RejectReason.RESTARTING:
            return Rejected(RejectReason.HISTORY_UNREADABLE)
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

    def shard_signs(self, shard: int) -> Signs | None:
        """What a shard tells of itself without being asked; None if there is no such process."""
        return living(self._folder, f"shard-{shard}")

    def archive_signs(self) -> Signs | None:
        """What the archive tells of itself; None if there is no such process."""
        return living(self._folder, ARCHIVE_NAME)

    def supervisor_signs(self) -> Signs | None:
        """What the supervisor tells of itself; None if no engine runs."""
        return living(self._folder, ENGINE)

    def archive_serving(self) -> bool:
        """Whether the archive answers queries."""
        return self._archive.serving()

    def close(self) -> None:
        """Drop all connections."""
        for channel in (*self._shards, self._archive):
            channel.close()


def _call(channel: ShardChannel, message: Command | Query, deadline_ms: int) -> Reply:
    try:
        slot = channel.claim()
    except (queue.Full, NotServing) as error:
        return _not_claimed(error)
    until = time.monotonic() + deadline_ms / 1000
    return _wait(channel, message, _send(channel, slot, message, now_ms() + deadline_ms), until)


def _call_each(messages: Sequence[tuple[ShardChannel, Command | Query]], deadline_ms: int) -> list[Reply]:
    slots = _claim_all([channel for channel, _ in messages])
    if isinstance(slots, Rejected):
        return [slots] * len(messages)
    until_ms = now_ms() + deadline_ms
    until = time.monotonic() + deadline_ms / 1000
    sent = [_send(channel, slot, message, until_ms) for (channel, message), slot in zip(messages, slots, strict=True)]
    return [_wait(channel, message, call, until) for (channel, message), call in zip(messages, sent, strict=True)]


def _claim_all(channels: list[ShardChannel]) -> list[Slot] | Rejected:
    """A place in each mailbox, or none taken and why."""
    slots: list[Slot] = []
    try:
        for channel in channels:
            slots.append(channel.claim())
    except (queue.Full, NotServing) as error:
        for channel, slot in zip(channels, slots, strict=False):
            channel.unclaim(slot)
        return _not_claimed(error)
    return slots


def _not_claimed(error: queue.Full | NotServing) -> Rejected:
    return Rejected(RejectReason.BUSY if isinstance(error, queue.Full) else RejectReason.RESTARTING)


def _send(channel: ShardChannel, slot: Slot, message: Command | Query, until_ms: int) -> tuple[int, Waiter] | None:
    try:
        return channel.send(slot, encode(message), until_ms)
    except NotServing:
        return None


def _wait(channel: ShardChannel, message: Command | Query, call: tuple[int, Waiter] | None, until: float) -> Reply:
    if call is None:
        return Rejected(RejectReason.RESTARTING)
    number, waiter = call
    if not waiter.wait(until - time.monotonic()):
        channel.forget(number)
        return Rejected(RejectReason.TIMEOUT)
    if not waiter.bodies:
        return Rejected(_when_lost(message))
    replies = [decode_reply(body) for body in waiter.bodies]
    if len(replies) == 1:
        return replies[0]
    return OrdersReply([order for piece in replies if isinstance(piece, OrdersReply) for order in piece.orders])


def _when_lost(message: Command | Query) -> RejectReason:
    """What to say when the shard died with a message in its hands: repeating a cancel or a query is harmless."""
    if isinstance(message, Cancel | CancelByClientId | CancelAll | CancelBatch) or not isinstance(message, Command):
        return RejectReason.RESTARTING
    return RejectReason.TIMEOUT
