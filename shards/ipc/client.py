"""Calls to shards and the archive from web workers and command-line tools.

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
    """A pending call."""

    def wait(self, seconds: float) -> bool:
        """Wait for the call to finish; False on timeout."""


class ShardChannel(Protocol):
    """The connection to one shard or the archive, re-established whenever it is lost."""

    def wait_connected(self, seconds: float) -> bool:
        """Wait until connected; False on timeout."""

    def serving(self) -> bool:
        """Whether the other side takes commands."""

    def qsize(self) -> int:
        """Return the number of messages waiting in its mailbox; 0 when not connected."""

    def maxsize(self) -> int:
        """Return the mailbox's capacity; 0 when not connected."""

    def claim(self) -> Slot:
        """Claim room for one message in the current mailbox. Raises queue.Full or NotServing."""

    def unclaim(self, slot: Slot) -> None:
        """Give back a claim that was not used."""

    def send(self, slot: Slot, body: bytes, deadline_ms: int) -> tuple[int, Waiter]:
        """Send a message for a claimed slot; never blocks. Raises NotServing if nothing was sent."""

    def forget(self, number: int) -> None:
        """Drop a call whose reply is no longer wanted."""

    def close(self) -> None:
        """Close the connection permanently."""


class Client:
    """Access to all shards and the archive of one data folder. Rejections are returned: calls do not raise."""

    def __init__(
        self, folder: Folder, make_channel: Callable[[Folder, str], ShardChannel] = ThreadedShardChannel
    ) -> None:
        """``make_channel`` connects to the process that listens under the given name in the folder."""
        self._folder = folder
        self.shard_count = folder.shard_count
        self._shards = [make_channel(folder, f"shard-{shard}") for shard in range(folder.shard_count)]
        self._archive = make_channel(folder, ARCHIVE_NAME)

    def wait_connected(self, seconds: float) -> bool:
        """Wait until every shard and the archive are connected; False on timeout."""
        until = time.monotonic() + seconds
        channels = (*self._shards, self._archive)
        return all(channel.wait_connected(max(0, until - time.monotonic())) for channel in channels)

    def call(self, shard: int, message: Command | Query, deadline_ms: int = DEADLINE_MS) -> Reply:
        """Send a message to one shard and wait at most ``deadline_ms`` for its reply."""
        return _call(self._shards[shard], message, deadline_ms)

    def call_each(self, messages: Sequence[tuple[int, Command | Query]], deadline_ms: int = DEADLINE_MS) -> list[Reply]:
        """Send to several shards at once. Claims room in all mailboxes or none: then all replies are that rejection."""
        return _call_each([(self._shards[shard], message) for shard, message in messages], deadline_ms)

    def ask_archive(self, query: Query, deadline_ms: int = DEADLINE_MS) -> Reply:
        """Query the archive. Rejections: HISTORY_UNREADABLE if it is down, BUSY if its mailbox is full, TIMEOUT."""
        reply = _call(self._archive, query, deadline_ms)
        if isinstance(reply, Rejected) and reply.reason is RejectReason.RESTARTING:
            return Rejected(RejectReason.HISTORY_UNREADABLE)
        return reply

    def depth(self, shard: int) -> int:
        """Return the number of messages waiting in a shard's mailbox."""
        return self._shards[shard].qsize()

    def depth_max(self, shard: int) -> int:
        """Return the capacity of a shard's mailbox; 0 when not connected."""
        return self._shards[shard].maxsize()

    def is_serving(self, shard: int) -> bool:
        return self._shards[shard].serving()

    def shard_signs(self, shard: int) -> Signs | None:
        """Return a shard's published vitals; None if there is no such process."""
        return living(self._folder, f"shard-{shard}")

    def archive_signs(self) -> Signs | None:
        """Return the archive's published vitals; None if there is no such process."""
        return living(self._folder, ARCHIVE_NAME)

    def supervisor_signs(self) -> Signs | None:
        """Return the supervisor's published vitals; None if no engine runs."""
        return living(self._folder, ENGINE)

    def archive_serving(self) -> bool:
        return self._archive.serving()

    def close(self) -> None:
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
    """Claim room in every mailbox; otherwise claim none and return the rejection."""
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
    """Return the reject reason if the shard died while processing: a cancel or query can safely be repeated."""
    if isinstance(message, Cancel | CancelByClientId | CancelAll | CancelBatch) or not isinstance(message, Command):
        return RejectReason.RESTARTING
    return RejectReason.TIMEOUT
