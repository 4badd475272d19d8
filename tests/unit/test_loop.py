"""What a shard's loop refuses before it decides anything: one real shard, turned by hand, without archive and peers."""

import socket
import sqlite3
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from shards import limits
from shards.engine.engine import Engine
from shards.folder import Folder
from shards.ipc.frames import FrameKind
from shards.model.accounting import Balance, Settlement, Wallet
from shards.model.codec import decode_link, decode_reply, encode
from shards.model.commands import (
    AddMarket,
    Cancel,
    CancelBatch,
    CancelByClientId,
    Command,
    Deposit,
    Modify,
    Place,
    SetMarkPrice,
    Transfer,
)
from shards.model.links import MarkChanged, Settle, TriggerMarginRequest, TriggerMarginResult
from shards.model.markets import shard_of_account
from shards.model.orders import Kind, NewOrder, Order, Side, TimeInForce, Trigger, WatchedPrice
from shards.model.queries import GetBalances, ListOpen, Query, TakeSnapshot
from shards.model.reasons import RejectReason
from shards.model.replies import AmountReply, BalancesReply, MarketReply, OrderReply, OrdersReply, Rejected, Reply
from shards.runtime.bounds import Bounds
from shards.runtime.loop import Shard
from shards.runtime.snapshots import Snapshots
from storage.journal import Journal
from storage.snapshot import list_snapshots
from tests.model import colluders
from tests.model.world import make_market
from tests.unit.ends import End

NOW_MS = 1_790_000_000_000
DEPTH = 200


class Disk(sqlite3.Connection):
    """May be full."""

    is_full = False

    def executemany(self, *statement: Any) -> sqlite3.Cursor:
        if self.is_full:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return super().executemany(*statement)


class Caller:
    """One caller of one shard with a new journal."""

    def __init__(self, path: Path, shard_count: int = 1, **bounds: int) -> None:
        self.now_ms = NOW_MS
        self.folder = Folder.open(path, shard_count)
        own, passed = self.folder.shard(0), count(step=limits.LINK_WAIT_TURN_MS)
        self.journal, self.snapshots = Journal(own / "journal.sqlite", connect=self.open_disk), Snapshots(own, 10**9, 0)
        self.shard = Shard(
            self.folder,
            Engine(0, shard_count),
            self.journal,
            self.snapshots,
            DEPTH,
            lambda: self.now_ms,
            passed.__next__,
            bounds=Bounds(**bounds),
        )
        while not self.shard.mailbox.serving:  # peers are not waited for longer than this
            self.shard.turn(0)
        self.connection = self.connect()

    def open_disk(self, *args: Any, **options: Any) -> Disk:
        self.disk = sqlite3.connect(*args, **options, factory=Disk)
        return self.disk

    def connect(self, source: int = -1) -> End:
        """A new connection; as that of shard ``source``, if there is one."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(self.folder.socket("shard-0"))
        connection = End(sock)
        self.send(connection, FrameKind.HELLO, source + 1)
        connection.receive()
        return connection

    def send(self, connection: End, kind: FrameKind, number: int, time: int = 0, body: bytes = b"") -> None:
        """Send, and let the shard hear it."""
        connection.send(kind, number, time, body)
        connection.flush()
        for _ in range(3):  # accept, hear, answer
            self.shard.turn(0)

    def ask(self, command: Command | Query, deadline_ms: int = NOW_MS) -> Reply:
        """The reply to a command."""
        self.send(self.connection, FrameKind.REQUEST, 1, deadline_ms, encode(command))
        (reply,) = self.connection.receive()
        return decode_reply(reply.body)

    def place(self) -> Order:
        """A new order."""
        reply = self.ask(bid())
        assert isinstance(reply, OrderReply)
        return reply.order

    def ask_at_once(self, *commands: Command | Query) -> list[Reply]:
        """The replies to commands of one batch."""
        self.begin(*commands)
        replies = sorted(self.turn(), key=lambda reply: reply[0])
        return [reply for _, reply in replies]

    def begin(self, *commands: Command | Query) -> None:
        """Send them, numbered from 1 on."""
        for number, command in enumerate(commands, 1):
            self.connection.send(FrameKind.REQUEST, number, NOW_MS, encode(command))
        self.connection.flush()

    def turn(self) -> list[tuple[int, Reply]]:
        """Number and reply of what one turn answers, in its order."""
        self.shard.turn(0)
        return [(frame.number, decode_reply(frame.body)) for frame in self.connection.receive()]

    def close(self) -> None:
        self.connection.release()
        self.shard.mailbox.close()
        self.journal.close()


def bounded(**bounds: int) -> pytest.MarkDecorator:
    """The caller's shard has these limits."""
    return pytest.mark.parametrize("caller", [bounds], indirect=True, ids=[""])


@pytest.fixture
def caller(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Caller]:
    made = Caller(tmp_path_factory.mktemp("l"), **getattr(request, "param", {}))  # a socket's path must be short
    assert isinstance(made.ask(AddMarket(make_market(1))), MarketReply)
    assert isinstance(made.ask(Deposit("alice", "USDT", 10**9, "one")), AmountReply)
    yield made
    made.close()


def bid(account: str = "alice") -> Place:
    return Place(NewOrder(1, account, Side.BUY, Kind.LIMIT, TimeInForce.GTC, 100, 5, 0))


def test_a_command_past_its_deadline_is_not_executed(caller: Caller) -> None:
    sequence = caller.journal.last_sequence()
    assert caller.ask(bid(), NOW_MS - 1) == Rejected(RejectReason.TIMEOUT)
    assert caller.journal.last_sequence() == sequence
    assert isinstance(caller.ask(bid(), NOW_MS), OrderReply)


@bounded(archive_backlog_count=3)
def test_an_archive_that_is_far_behind_stops_what_makes_rows_without_end(caller: Caller) -> None:
    """Rows of ended orders wait in memory for it: without a bound they would fill it."""
    opened, *placed = [caller.place() for _ in range(4)]
    for order in placed:  # a row each, beside the market's and the deposit's
        assert isinstance(caller.ask(Cancel(order.id, "alice")), OrderReply)
    sequence = caller.journal.last_sequence()
    ended = placed[0].id
    for command in (
        bid(),
        Modify(opened.id, "alice", quantity=2),
        Transfer("alice", "USDT", Wallet.FUTURES, 1),
        Cancel(ended, "alice"),
        Cancel(opened.id, "mallory"),
        CancelByClientId(1, "alice", "never used"),
        CancelBatch(1, "alice", [ended], ["never used"]),
    ):
        assert caller.ask(command) == Rejected(RejectReason.BUSY), command
    assert caller.journal.last_sequence() == sequence
    canceled, *others = caller.ask_at_once(
        *[Cancel(opened.id, "alice")] * 2, CancelBatch(1, "alice", [opened.id, ended])
    )
    assert isinstance(canceled, OrderReply) and others == [Rejected(RejectReason.BUSY)] * 2, "each takes one of its own"
    assert isinstance(caller.ask(Deposit("alice", "USDT", 1, "two")), AmountReply)


def test_a_full_disk_refuses_what_another_shard_would_have_to_hold(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its grant could not be written here: who asked would wait for it until the deadline."""
    caller = Caller(tmp_path_factory.mktemp("l"), 2)
    away = next(name for name in map(str, count()) if shard_of_account(name, 2) == 1)
    assert isinstance(caller.ask(AddMarket(make_market(1))), MarketReply)
    caller.disk.is_full = True
    assert caller.ask_at_once(Cancel(1, away), bid(away)) == [Rejected(RejectReason.STORAGE_FULL)] * 2
    caller.disk.is_full = False
    assert caller.ask_at_once(bid(away)) == [Rejected(RejectReason.RESTARTING)]  # its account shard is not there
    caller.close()


def test_a_full_disk_keeps_back_what_it_cannot_take_up_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Others may have been told of money that lies here, in link messages that cannot be written."""
    caller = Caller(tmp_path_factory.mktemp("l"), 2)
    alice, bob = islice((name for name in map(str, count()) if shard_of_account(name, 2) == 0), 2)
    link = caller.connect(source=1)
    caller.disk.is_full = True
    caller.send(link, FrameKind.LINK, 1, NOW_MS, encode(Settle([Settlement(alice, "USDT", "DF", 0, 0, 5, 0)])))
    assert caller.ask(GetBalances(alice)) == Rejected(RejectReason.STORAGE_FULL)
    assert caller.ask(GetBalances(bob)) == BalancesReply([])
    caller.send(link, FrameKind.LINK, 2, NOW_MS, encode(MarkChanged({1: 2})))
    assert caller.ask(GetBalances(bob)) == Rejected(RejectReason.STORAGE_FULL), "what positions are worth concerns all"
    caller.disk.is_full = False
    assert caller.ask(GetBalances(alice)) == BalancesReply([Balance("DF", 5, 0), Balance("USDT", 0, 0)])
    assert caller.ask(GetBalances(bob)) == BalancesReply([])
    link.release()
    caller.close()


@bounded(query_ms=0)
def test_commands_come_first_and_accounts_take_turns_with_their_queries(caller: Caller) -> None:
    """Whoever asks for much keeps neither commands nor other accounts waiting."""
    caller.begin(*[ListOpen("alice")] * 3, GetBalances("bob"), bid())
    assert [number for number, _ in caller.turn()] == [5, 1]
    assert [[number for number, _ in caller.turn()] for _ in range(4)] == [[4], [2], [3], []]


@bounded(query_ms=0, query_count=2)
def test_an_account_has_only_so_many_queries_waiting(caller: Caller) -> None:
    caller.begin(*[ListOpen("alice")] * 4, GetBalances("bob"))
    replies = dict(caller.turn())
    assert replies == {1: OrdersReply([]), 3: Rejected(RejectReason.BUSY), 4: Rejected(RejectReason.BUSY)}
    assert [[number for number, _ in caller.turn()] for _ in range(2)] == [[5], [2]]


@bounded(query_ms=0)
def test_no_more_queries_wait_than_the_mailbox_holds(caller: Caller) -> None:
    caller.begin(*[GetBalances(str(number)) for number in range(DEPTH + 2)])
    replies = dict(caller.turn())
    assert replies == {
        1: BalancesReply([]),
        DEPTH + 1: Rejected(RejectReason.BUSY),
        DEPTH + 2: Rejected(RejectReason.BUSY),
    }


@bounded(query_ms=0)
def test_a_query_that_has_waited_past_its_deadline_is_not_answered(caller: Caller) -> None:
    caller.begin(*[ListOpen("alice")] * 2)
    assert caller.turn() == [(1, OrdersReply([]))]
    caller.now_ms += 1
    assert caller.turn() == [(2, Rejected(RejectReason.TIMEOUT))]


@bounded(query_ms=0, unread_bytes=50_000)
def test_a_caller_that_does_not_read_gets_no_further_answers(caller: Caller) -> None:
    """Until it has read those it has; its commands are still carried out."""
    for _ in range(50):
        caller.ask(bid())
    caller.begin(*[ListOpen("alice")] * 200)
    shard = caller.shard
    for _ in range(200):
        shard.turn(0)
    reader = next(iter(shard.mailbox.callers))
    assert 50_000 < reader.unsent_bytes < 100_000 and len(shard.queries) > 50
    assert not shard.queries.has_next(), "it waits without turning in vain"
    received = 0
    while received < 200:
        received += len(caller.turn())
    assert len(shard.queries) == 0


@bounded(query_ms=0)
def test_a_caller_that_has_gone_is_not_answered(caller: Caller) -> None:
    """A long list for nobody would keep others waiting as long as any."""
    caller.begin(ListOpen("alice"), TakeSnapshot())
    assert caller.turn() == [(1, OrdersReply([]))]
    caller.connection.release()
    assert len(caller.shard.queries) == 1
    caller.shard.turn(0)
    assert len(caller.shard.queries) == 0
    caller.snapshots.wait()
    assert list_snapshots(caller.folder.shard(0)) == []


def test_a_change_that_needs_money_after_all_asks_for_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its trigger has fired since, in the same turn: the account's shard must hold more, which is not there."""
    caller = Caller(tmp_path_factory.mktemp("l"), 2)
    away = next(name for name in map(str, count()) if shard_of_account(name, 2) == 1)
    link = caller.connect(source=1)
    trigger = Trigger(Kind.STOP, 50_500, WatchedPrice.MARK)
    stop = NewOrder(1, away, Side.BUY, Kind.STOP, TimeInForce.GTC, 51_000, 5, 0, trigger=trigger)
    for command in (AddMarket(colluders.make_market(1)), SetMarkPrice(1, 50_000), Place(stop)):
        placed = caller.ask(command)
    assert isinstance(placed, OrderReply)
    caller.ask(SetMarkPrice(1, 50_600))
    (asked,) = (
        message
        for message in map(decode_link, (posted.body for posted in caller.shard.engine.outboxes[1]))
        if isinstance(message, TriggerMarginRequest)
    )
    held = TriggerMarginResult(asked.id, away, asked.side, asked.hold_price, 20, asked.terms, asked.limit, asked.loss)
    link.send(FrameKind.LINK, 1, NOW_MS, encode(held))
    link.flush()
    assert caller.ask_at_once(Modify(asked.id, away, quantity=4)) == [Rejected(RejectReason.RESTARTING)]
    assert caller.shard.engine.received == {1: 1}, "what was granted came first"
    link.release()
    caller.close()
