"""Two shards in one process, turned by hand: moments between processes that kills hit too seldom."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from shards.clock import monotonic_ms, now_ms
from shards.folder import Folder
from shards.ipc.errors import LinkBroken
from shards.ipc.network import Network
from shards.ipc.threaded_channel import ThreadedShardChannel
from shards.model.accounting import Balance
from shards.model.codec import decode_reply, encode
from shards.model.commands import AddMarket, Cancel, Command, Deposit, Place
from shards.model.markets import Market, Product, shard_of_account, shard_of_symbol
from shards.model.orders import Kind, NewOrder, Side, TimeInForce
from shards.model.queries import GetBalances, Query
from shards.model.replies import BalancesReply, OrderReply, Reply
from shards.runtime.bounds import Bounds
from shards.runtime.loop import Shard
from shards.runtime.recovery import recover
from shards.runtime.snapshots import Snapshots

BOOK, ACCOUNT_SHARD = 0, 1  # the shard of the market, the shard of the account's money
SYMBOL: Final = next(symbol for symbol in (f"M{n}USDT" for n in range(99)) if shard_of_symbol(symbol, 2) == BOOK)
ACCOUNT: Final = next(name for name in (f"a{n}" for n in range(99)) if shard_of_account(name, 2) == ACCOUNT_SHARD)
OTHER: Final = next(name for name in (f"a{n}" for n in range(99)) if shard_of_account(name, 2) == BOOK)
MARKET: Final = Market(1, Product.SPOT, SYMBOL, "M", "USDT", 8, 6, 1, 2, 1, 3, 1, 0, 0)
FUNDS: Final = 10**12
PRICE, LOTS = 100, 1_000
COST: Final = PRICE * LOTS * MARKET.tick_lot_units
SOON_S: Final = 10.0
EAGER: Final = Bounds(reconnect_ms=0)


class Pending:
    """A message sent; its reply can be looked at without waiting."""

    def __init__(self, channel: ThreadedShardChannel, message: Command | Query) -> None:
        _, self._waiter = channel.put_nowait(encode(message), now_ms() + 60_000)
        self._reply: Reply | None = None

    def reply(self, seconds: float = 0) -> Reply | None:
        """The reply, if it comes in time."""
        if self._reply is None and self._waiter.wait(seconds) and self._waiter.bodies:
            self._reply = decode_reply(self._waiter.bodies[0])
        return self._reply


class BlockableNetwork(Network):
    """While blocked, no connection can be made."""

    def __init__(self) -> None:
        self.blocked = False

    def connect(self, path: str) -> socket.socket:
        if self.blocked:
            raise ConnectionRefusedError(path)
        return super().connect(path)


class Pair:
    """Two shards; nothing happens but by ``turn``."""

    def __init__(self, path: Path) -> None:
        self.folder = Folder.open(path, 2)
        self.networks = [BlockableNetwork() for _ in range(2)]
        self.shards = [self._start(index) for index in range(2)]
        self.channels = [ThreadedShardChannel(self.folder, f"shard-{index}") for index in range(2)]
        self.turn_until(lambda: all(channel.serving() for channel in self.channels))

    def _start(self, index: int, **clocks: Any) -> Shard:
        own = self.folder.shard(index)
        engine, journal, sequence = recover(own, index, 2)
        snapshots, network = Snapshots(own, 10**9, sequence), self.networks[index]
        return Shard(self.folder, engine, journal, snapshots, 1_024, network=network, bounds=EAGER, **clocks)

    def kill(self, index: int) -> None:
        """Its sockets close, as if its process had died."""
        self.shards[index].close()

    def start(self, index: int, **clocks: Callable[[], int]) -> None:
        """What the supervisor would do next."""
        self.shards[index] = self._start(index, **clocks)

    def turn_until(self, condition: Callable[[], bool], *indexes: int) -> None:
        """Turn both, or only the shards named."""
        end = time.monotonic() + SOON_S
        while not condition():
            assert time.monotonic() < end, "nothing happens"
            for index in indexes or range(2):
                self.shards[index].turn(0.001)

    def ask(self, index: int, message: Command | Query) -> Reply:
        """Send, turn both until there is a reply."""
        pending = Pending(self.channels[index], message)
        self.turn_until(lambda: pending.reply() is not None)
        reply = pending.reply()
        assert reply is not None
        return reply

    def place(self, account: str = ACCOUNT) -> int:
        """A new order."""
        reply = self.ask(BOOK, Place(make_order(account)))
        assert isinstance(reply, OrderReply), reply
        return reply.order.id

    def close(self) -> None:
        """Drop everything."""
        for channel in self.channels:
            channel.close()
        for index in range(2):
            self.kill(index)


def make_order(account: str) -> NewOrder:
    """One that rests."""
    return NewOrder(1, account, Side.BUY, Kind.LIMIT, TimeInForce.GTC, PRICE, LOTS, 0, "", 0)


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("p"))
    made.ask(BOOK, AddMarket(MARKET))
    made.ask(ACCOUNT_SHARD, Deposit(ACCOUNT, "USDT", FUNDS, "f"))
    made.ask(BOOK, Deposit(OTHER, "USDT", FUNDS, "f"))
    yield made
    made.close()


def test_a_restarted_shard_serves_only_with_what_callers_were_answered_meanwhile(pair: Pair) -> None:
    """The other shard has called it but not heard its welcome yet, and answers a cancel in that moment."""
    order_id = pair.place()
    pair.kill(ACCOUNT_SHARD)
    book = pair.shards[BOOK]
    pair.networks[BOOK].blocked = True
    pair.turn_until(lambda: not book.peers[ACCOUNT_SHARD].connected, BOOK)
    pair.start(ACCOUNT_SHARD)
    pair.turn_until(lambda: pair.shards[ACCOUNT_SHARD].peers[BOOK].connected)
    cancel = Pending(pair.channels[BOOK], Cancel(order_id, ACCOUNT))
    pair.networks[BOOK].blocked = False
    book.turn(SOON_S)
    assert isinstance(cancel.reply(SOON_S), OrderReply)
    for _ in range(10):
        pair.shards[ACCOUNT_SHARD].turn(0.001)
    assert not pair.shards[ACCOUNT_SHARD].mailbox.serving
    pair.turn_until(pair.channels[ACCOUNT_SHARD].serving)
    assert pair.ask(ACCOUNT_SHARD, GetBalances(ACCOUNT)) == BalancesReply([Balance("USDT", FUNDS, 0)])


@pytest.mark.parametrize(("clock", "moment_ms"), [("clock", now_ms), ("monotonic", monotonic_ms)])
def test_time_that_jumps_is_no_waiting_for_peers(pair: Pair, clock: str, moment_ms: Callable[[], int]) -> None:
    """The machine's clock was set, or the process stood still: its peer had no time to come."""
    for index in range(2):
        pair.kill(index)
    ahead = iter((0, 0))
    pair.start(ACCOUNT_SHARD, **{clock: lambda: moment_ms() + next(ahead, 60_000)})
    account_shard = pair.shards[ACCOUNT_SHARD]
    for _ in range(10):
        account_shard.turn(0.001)
    assert not account_shard.mailbox.serving
    pair.start(BOOK)
    pair.turn_until(lambda: all(channel.serving() for channel in pair.channels))


def test_replies_wait_for_a_full_link_and_those_of_other_accounts_do_not(pair: Pair) -> None:
    """The account shard stands still; what was answered before is in the balance it reports when it continues."""
    orders = [pair.place() for _ in range(600)]
    book = pair.shards[BOOK]
    cancels = []
    for order_id in orders:
        cancels.append(Pending(pair.channels[BOOK], Cancel(order_id, ACCOUNT)))
        book.turn(SOON_S)
    other = Pending(pair.channels[BOOK], Place(make_order(OTHER)))
    book.turn(SOON_S)
    assert isinstance(other.reply(SOON_S), OrderReply)
    answered = sum(isinstance(cancel.reply(), OrderReply) for cancel in cancels)
    balances = Pending(pair.channels[ACCOUNT_SHARD], GetBalances(ACCOUNT))
    pair.turn_until(lambda: balances.reply() is not None, ACCOUNT_SHARD)
    reply = balances.reply()
    assert isinstance(reply, BalancesReply)
    assert reply.balances[0].held <= (len(orders) - answered) * COST
    assert 0 < answered < len(orders), "the link never was full"
    pair.turn_until(lambda: all(isinstance(cancel.reply(), OrderReply) for cancel in cancels))


def test_confirmations_come_again_after_a_restart(pair: Pair) -> None:
    """Nothing is kept for a receiver that has it, though nothing new ever comes."""
    pair.place()
    for index in range(2):
        pair.kill(index)
    for index in range(2):
        pair.start(index)
    outboxes = [pair.shards[index].engine.outboxes[1 - index] for index in range(2)]
    pair.turn_until(lambda: not any(map(len, outboxes)))


def test_a_journal_that_lost_its_end_is_noticed(pair: Pair) -> None:
    """Its peer has messages that it knows nothing of; also where no mark says that they were acknowledged."""
    pair.place()
    pair.kill(ACCOUNT_SHARD)
    for path in pair.folder.shard(ACCOUNT_SHARD).glob("journal.*"):
        path.unlink()
    pair.start(ACCOUNT_SHARD)
    with pytest.raises(LinkBroken, match="which made only 0"):
        pair.turn_until(lambda: False)
