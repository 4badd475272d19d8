"""What a shard's loop refuses before it decides anything: one real shard, turned by hand, without archive and peers."""

import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from shards import limits
from shards.codec import decode_reply, encode
from shards.connection import Connection
from shards.frames import FrameKind
from shards.loop import Shard
from shards.markets import shard_of_account
from shards.messages import (
    AddMarket,
    AmountReply,
    Cancel,
    Command,
    Deposit,
    MarketReply,
    OrderReply,
    Place,
    Reason,
    Refused,
    Reply,
)
from shards.orders import Kind, NewOrder, Side, TimeInForce
from shards.recovery import recover
from shards.snapshots import Snapshots
from storage.folder import Folder
from storage.journal import StorageFull
from tests.model.world import make_market

NOW_MS = 1_790_000_000_000


class Caller:
    """One caller of one shard."""

    def __init__(self, path: Path, shard_count: int = 1) -> None:
        self.folder = Folder.open(path, shard_count)
        engine, self.journal, _ = recover(self.folder.shard(0), 0, shard_count)
        snapshots, passed = Snapshots(self.folder.shard(0), 10**9, 0), count(step=limits.LINK_WAIT_TURN_MS)
        self.shard = Shard(self.folder, engine, self.journal, snapshots, 16, lambda: NOW_MS, lambda: next(passed))
        while not self.shard.mailbox.counters.serving:  # peers are not waited for longer than this
            self.shard.turn(0)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(self.folder.socket("shard-0"))
        self.connection = Connection(sock)
        self._send(FrameKind.HELLO, 0)
        self.connection.receive()

    def _send(self, kind: FrameKind, number: int, time: int = 0, body: bytes = b"") -> None:
        self.connection.send(kind, number, time, body)
        self.connection.flush()
        for _ in range(3):  # accept, hear, answer
            self.shard.turn(0)

    def ask(self, command: Command, deadline_ms: int = NOW_MS) -> Reply:
        """The reply to a command."""
        self._send(FrameKind.REQUEST, 1, deadline_ms, encode(command))
        (reply,) = self.connection.receive()
        return decode_reply(reply.body)

    def ask_at_once(self, *commands: Command) -> list[Reply]:
        """The replies to commands of one batch."""
        for number, command in enumerate(commands, 1):
            self.connection.send(FrameKind.REQUEST, number, NOW_MS, encode(command))
        self.connection.flush()
        self.shard.turn(0)
        replies = sorted(self.connection.receive(), key=lambda reply: reply.number)
        return [decode_reply(reply.body) for reply in replies]

    def close(self) -> None:
        self.connection.release()
        self.shard.mailbox.close()
        self.journal.close()


@pytest.fixture
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    made = Caller(tmp_path_factory.mktemp("l"))  # a socket's path must be short
    assert isinstance(made.ask(AddMarket(make_market(1))), MarketReply)
    assert isinstance(made.ask(Deposit("alice", "USDT", 10**9, "one")), AmountReply)
    yield made
    made.close()


def bid(account: str = "alice") -> Place:
    return Place(NewOrder(1, account, Side.BUY, Kind.LIMIT, TimeInForce.GTC, 100, 5, 0))


def test_a_command_past_its_deadline_is_not_executed(caller: Caller) -> None:
    sequence = caller.journal.last_sequence()
    assert caller.ask(bid(), NOW_MS - 1) == Refused(Reason.TIMEOUT)
    assert caller.journal.last_sequence() == sequence
    assert isinstance(caller.ask(bid(), NOW_MS), OrderReply)


def test_an_archive_that_is_far_behind_stops_placing_and_nothing_else(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of ended orders wait in memory for it: without a bound they would fill it."""
    monkeypatch.setattr(limits, "ARCHIVE_BACKLOG_MAX", 3)
    placed = [caller.ask(bid()) for _ in range(3)]
    for reply in placed:  # a row each, beside the market's and the deposit's
        assert isinstance(reply, OrderReply)
        assert isinstance(caller.ask(Cancel(reply.order.id, "alice")), OrderReply)
    sequence = caller.journal.last_sequence()
    assert caller.ask(bid()) == Refused(Reason.BUSY)
    assert caller.journal.last_sequence() == sequence
    assert isinstance(caller.ask(Deposit("alice", "USDT", 1, "two")), AmountReply)


def test_a_full_disk_refuses_what_another_shard_would_have_to_hold(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its grant could not be written here: who asked would wait for it until the deadline."""
    caller = Caller(tmp_path_factory.mktemp("l"), 2)
    away = next(name for name in map(str, count()) if shard_of_account(name, 2) == 1)
    assert isinstance(caller.ask(AddMarket(make_market(1))), MarketReply)

    def append(*_: object) -> None:
        raise StorageFull("full")

    with monkeypatch.context() as full:
        full.setattr(caller.journal, "append", append)
        assert caller.ask_at_once(Cancel(1, away), bid(away)) == [Refused(Reason.STORAGE_FULL)] * 2
    assert caller.ask_at_once(bid(away)) == [Refused(Reason.RESTARTING)]  # its home is not there
    caller.close()
