"""What a shard's loop refuses before it decides anything: one real shard, turned by hand, with no archive."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shards import limits
from shards.codec import decode_reply, encode
from shards.connection import Connection
from shards.frames import FrameKind
from shards.loop import Shard
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
from tests.model.world import make_market

NOW_MS = 1_790_000_000_000


class Caller:
    """One caller of one shard."""

    def __init__(self, path: Path) -> None:
        self.folder = Folder.open(path, 1)
        engine, self.journal, _ = recover(self.folder.shard(0), 0, 1)
        snapshots = Snapshots(self.folder.shard(0), 10**9, 0)
        self.shard = Shard(self.folder, engine, self.journal, snapshots, 16, lambda: NOW_MS)
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


def bid() -> Place:
    return Place(NewOrder(1, "alice", Side.BUY, Kind.LIMIT, TimeInForce.GTC, 100, 5, 0))


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
