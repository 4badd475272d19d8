"""Callers and owners in processes of their own: bounds, death, stopped owners, large answers."""

import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Full

import pytest

from shards.clock import now_ms
from shards.folder import Folder
from shards.ipc.client import Client
from shards.ipc.counters import Slot
from shards.ipc.errors import NotServing
from shards.ipc.frames import FrameKind
from shards.ipc.threaded_channel import ThreadedShardChannel, ThreadedWaiter
from shards.limits import REPLY_PIECE_COUNT
from shards.model.codec import encode
from shards.model.commands import Cancel, CancelAll, Command, Deposit
from shards.model.queries import CountOpen, GetBalances, ListOrders, Query, RunSql
from shards.model.reasons import RejectReason
from shards.model.replies import CountReply, OrdersReply, Rejected, TableReply
from tests.model.seeds import read_count, read_seed
from tests.unit.ends import pack
from tests.unit.mailbox_owner import Process, call_without_end, own, running

BOUND = 8
LONG_MS = 60_000  # longer than any test: who waits for it hangs
QUERY = encode(CountOpen("1"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.open(tmp_path / "d", 2)


@pytest.fixture
def owner(folder: Folder) -> Iterator[Process]:
    with running(own, folder.path, "shard-0", BOUND) as process:
        yield process


@pytest.fixture
def channel(folder: Folder, owner: Process) -> Iterator[ThreadedShardChannel]:
    channel = ThreadedShardChannel(folder, "shard-0")
    assert channel.connected.wait(30)
    yield channel
    channel.close()


@pytest.fixture
def client(folder: Folder) -> Iterator[Client]:
    client = Client(folder)
    yield client
    client.close()


def wait_until(true: Callable[[], bool]) -> None:
    """Until it is; a test that waits in vain is ended by its time limit."""
    while not true():
        time.sleep(0.002)


def put(channel: ThreadedShardChannel) -> None:
    channel.put_nowait(QUERY, now_ms() + LONG_MS)


def fill(channel: ThreadedShardChannel) -> int:
    """How many messages it takes until the mailbox is full."""
    count = 0
    while True:
        try:
            put(channel)
        except Full:
            return count
        count += 1


def test_a_call_is_answered(client: Client, owner: Process) -> None:
    wait_until(lambda: client.is_serving(0))
    assert client.call(0, CountOpen("42"), LONG_MS) == CountReply(42)
    assert (client.depth(0), client.depth_max(0)) == (0, BOUND)


def test_many_callers_at_once_get_their_own_answers(client: Client, owner: Process) -> None:
    wait_until(lambda: client.is_serving(0))

    def call(number: int) -> bool:
        while True:
            reply = client.call(0, CountOpen(str(number)), LONG_MS)
            if not isinstance(reply, Rejected):
                return reply == CountReply(number)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(call, range(500)))


def test_a_shard_that_is_not_there_is_refused_at_once(client: Client) -> None:
    assert client.call(0, CountOpen("1"), LONG_MS) == Rejected(RejectReason.RESTARTING)
    assert client.ask_archive(CountOpen("1"), LONG_MS) == Rejected(RejectReason.HISTORY_UNREADABLE)
    assert (client.depth(0), client.depth_max(0), client.is_serving(0)) == (0, 0, False)


# The bound


def test_exactly_so_many_messages_fit_and_then_it_is_full(channel: ThreadedShardChannel, owner: Process) -> None:
    owner.take(False)
    assert fill(channel) == BOUND
    assert (channel.qsize(), channel.maxsize()) == (BOUND, BOUND)
    owner.take(True)
    wait_until(lambda: channel.qsize() == 0)
    owner.take(False)
    assert fill(channel) == BOUND


def test_the_bound_is_one_for_all_callers(folder: Folder, channel: ThreadedShardChannel, owner: Process) -> None:
    other = ThreadedShardChannel(folder, "shard-0")
    assert other.connected.wait(30)
    owner.take(False)
    for _ in range(3):
        put(other)
    assert fill(channel) == BOUND - 3
    with pytest.raises(Full):
        put(other)
    other.close()
    owner.take(True)
    wait_until(lambda: channel.qsize() == 0)


def test_a_full_archive_is_busy_and_a_silent_one_is_late(folder: Folder, client: Client) -> None:
    with running(own, folder.path, "archive", BOUND) as owner:
        channel = ThreadedShardChannel(folder, "archive")
        wait_until(lambda: client.archive_serving() and channel.serving())
        owner.take(False)
        assert client.ask_archive(CountOpen("1"), 20) == Rejected(RejectReason.TIMEOUT)
        assert fill(channel) == BOUND - 1
        assert client.ask_archive(CountOpen("1"), LONG_MS) == Rejected(RejectReason.BUSY)
        owner.take(True)
        wait_until(lambda: channel.qsize() == 0)
        assert client.ask_archive(CountOpen("2"), LONG_MS) == CountReply(2)
        channel.close()


def test_full_is_said_at_once_while_the_owner_is_stopped(channel: ThreadedShardChannel, owner: Process) -> None:
    owner.signal(signal.SIGSTOP)
    assert fill(channel) == BOUND  # would hang here if it waited for the owner
    for _ in range(1_000):
        with pytest.raises(Full):
            put(channel)
    owner.signal(signal.SIGCONT)
    wait_until(lambda: channel.qsize() == 0)


def test_a_message_larger_than_the_sockets_buffer_does_not_wait_for_a_stopped_owner(
    client: Client, channel: ThreadedShardChannel, owner: Process
) -> None:
    wait_until(lambda: client.is_serving(0))
    owner.signal(signal.SIGSTOP)
    text = "x" * 5_000_000
    _, waiter = channel.put_nowait(encode(RunSql(text)), now_ms() + LONG_MS)
    _, second = channel.put_nowait(encode(RunSql("short")), now_ms() + LONG_MS)
    assert not waiter.wait(0)
    owner.signal(signal.SIGCONT)
    assert waiter.wait(30) and second.wait(30)
    assert client.call(0, RunSql(text), LONG_MS) == TableReply([], [[len(text)]])


def test_a_reply_that_does_not_come_by_the_deadline_is_a_timeout(client: Client, owner: Process) -> None:
    wait_until(lambda: client.is_serving(0))
    owner.take(False)
    assert client.call(0, CountOpen("1"), 20) == Rejected(RejectReason.TIMEOUT)
    owner.take(True)
    wait_until(lambda: client.depth(0) == 0)
    assert client.call(0, CountOpen("2"), LONG_MS) == CountReply(2), "a late reply reaches nobody"


# Death


def test_killed_callers_take_no_capacity_with_them(
    folder: Folder, channel: ThreadedShardChannel, owner: Process
) -> None:
    chance = random.Random(read_seed())
    for _ in range(read_count("SHARDEX_TEST_KILLS", 12)):
        with running(call_without_end, folder.path) as caller, running(call_without_end, folder.path) as other:
            time.sleep(chance.random() * 0.02)  # somewhere in the middle of what it does
            owner.take(chance.random() < 0.5)
            caller.kill()
            other.kill()
        owner.take(True)
        wait_until(lambda: channel.qsize() == 0)
        owner.take(False)
        assert fill(channel) == BOUND
        owner.take(True)
        wait_until(lambda: channel.qsize() == 0)


class CountingChannel(ThreadedShardChannel):
    """Knows what has been sent."""

    def __init__(self, folder: Folder, name: str) -> None:
        self.sent: list[int] = []
        super().__init__(folder, name)

    def send(self, slot: Slot, body: bytes, deadline_ms: int) -> tuple[int, ThreadedWaiter]:
        sent = super().send(slot, body, deadline_ms)
        self.sent.append(sent[0])
        return sent


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Cancel(1, "alice"), RejectReason.RESTARTING),
        (CancelAll("alice"), RejectReason.RESTARTING),
        (GetBalances("alice"), RejectReason.RESTARTING),
        (Deposit("alice", "USDT", 1, "one"), RejectReason.TIMEOUT),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, RejectReason) else value.value,
)
def test_waiting_callers_learn_of_the_owners_death_at_once(
    folder: Folder, owner: Process, message: Command | Query, reason: RejectReason
) -> None:
    channels: dict[str, CountingChannel] = {}
    client = Client(folder, lambda at, name: channels.setdefault(name, CountingChannel(at, name)))
    wait_until(lambda: client.is_serving(0))
    owner.take(False)
    with ThreadPoolExecutor(4) as pool:
        replies = [pool.submit(client.call, 0, message, LONG_MS) for _ in range(4)]
        wait_until(
            lambda: len(channels["shard-0"].sent) == 4
        )  # a place that is only claimed means that nothing was sent
        owner.kill()
        assert [reply.result(30) for reply in replies] == [Rejected(reason)] * 4
    assert client.call(0, message, LONG_MS) == Rejected(RejectReason.RESTARTING)
    client.close()


def test_a_stopped_owner_that_is_killed_is_known_at_once_too(client: Client, owner: Process) -> None:
    wait_until(lambda: client.is_serving(0))
    owner.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(client.call, 0, Cancel(1, "alice"), LONG_MS)
        wait_until(lambda: client.depth(0) == 1)
        owner.kill()
        assert reply.result(30) == Rejected(RejectReason.RESTARTING)


def test_an_owner_that_comes_again_is_found_and_starts_empty(folder: Folder, client: Client, owner: Process) -> None:
    wait_until(lambda: client.is_serving(0))
    owner.take(False)
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(client.call, 0, Cancel(1, "alice"), LONG_MS)
        wait_until(lambda: client.depth(0) == 1)
        owner.kill()
        assert lost.result(30) == Rejected(RejectReason.RESTARTING)
    with running(own, folder.path, "shard-0", BOUND):
        wait_until(lambda: client.is_serving(0))
        assert client.depth(0) == 0
        assert client.call(0, CountOpen("7"), LONG_MS) == CountReply(7)


def test_a_place_of_an_earlier_life_is_not_used_in_the_next(
    folder: Folder, channel: ThreadedShardChannel, owner: Process
) -> None:
    slot = channel.claim()
    owner.kill()
    wait_until(lambda: not channel.connected.is_set())
    with running(own, folder.path, "shard-0", BOUND) as again:
        assert channel.connected.wait(30)
        with pytest.raises(NotServing):
            channel.send(slot, QUERY, now_ms() + LONG_MS)
        channel.unclaim(slot)
        again.take(False)
        assert fill(channel) == BOUND


# Several shards


def test_several_shards_answer_in_request_order(folder: Folder, client: Client, owner: Process) -> None:
    with running(own, folder.path, "shard-1", BOUND):
        wait_until(lambda: client.is_serving(0) and client.is_serving(1))
        replies = client.call_each([(1, CountOpen("5")), (0, CountOpen("6"))], LONG_MS)
        assert replies == [CountReply(5), CountReply(6)]


def test_slots_are_taken_in_every_mailbox_or_in_none(
    folder: Folder, client: Client, channel: ThreadedShardChannel, owner: Process
) -> None:
    with running(own, folder.path, "shard-1", BOUND) as second:
        wait_until(lambda: client.is_serving(0) and client.is_serving(1))
        owner.take(False)
        second.take(False)
        assert fill(channel) == BOUND
        for shards in ((0, 1), (1, 0)):
            replies = client.call_each([(shard, CountOpen("1")) for shard in shards], LONG_MS)
            assert replies == [Rejected(RejectReason.BUSY)] * 2
            assert client.depth(1) == 0
        owner.kill()
        wait_until(lambda: not client.is_serving(0))
        for shards in ((0, 1), (1, 0)):
            replies = client.call_each([(shard, CountOpen("1")) for shard in shards], LONG_MS)
            assert replies == [Rejected(RejectReason.RESTARTING)] * 2
            assert client.depth(1) == 0


# Large answers


@pytest.mark.parametrize("count", [0, REPLY_PIECE_COUNT, REPLY_PIECE_COUNT + 1, 20 * REPLY_PIECE_COUNT + 7])
def test_a_large_answer_arrives_whole_and_in_order(client: Client, owner: Process, count: int) -> None:
    wait_until(lambda: client.is_serving(0))
    reply = client.call(0, ListOrders("alice", count), LONG_MS)
    assert isinstance(reply, OrdersReply)
    assert [order.id for order in reply.orders] == list(range(count))


def test_a_slow_reader_keeps_nobody_else_waiting(folder: Folder, client: Client, owner: Process) -> None:
    wait_until(lambda: client.is_serving(0))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as slow:
        slow.connect(folder.socket("shard-0"))
        request = encode(ListOrders("alice", 20_000))
        slow.sendall(pack(FrameKind.HELLO, 0) + pack(FrameKind.REQUEST, 1, now_ms() + LONG_MS, request))
        for number in range(20):
            assert client.call(0, CountOpen(str(number)), LONG_MS) == CountReply(number)


def test_closing_ends_the_channels_threads(folder: Folder, owner: Process) -> None:
    before = threading.active_count()
    client = Client(folder)
    wait_until(lambda: client.is_serving(0))
    client.close()
    wait_until(lambda: threading.active_count() <= before)
