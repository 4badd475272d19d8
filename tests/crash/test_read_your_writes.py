"""Whatever was acknowledged is in the balance that is read next, though order and money live on different shards."""

import random
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

import pytest

from shards.ipc.client import Client
from shards.limits import DEADLINE_MS
from shards.model.commands import Cancel, Command, Place
from shards.model.markets import Market
from shards.model.orders import Kind, NewOrder, Side, TimeInForce
from shards.model.queries import GetBalances, GetOrderByClientId, Query
from shards.model.reasons import RejectReason
from shards.model.replies import BalancesReply, OrderReply, Rejected, Reply
from storage.reference import Reference
from tests.crash.floor import FUNDS, QUOTE, QUOTE_DECIMALS, Account, Floor
from tests.crash.processes import BACK_S, archive_process, check_at_rest, connected, shard_process
from tests.crash.settings import make_random, times
from tests.crash.workers import Workers
from tests.exchange import Exchange, kill, until
from web.exchange.catalog import Catalog

READERS: Final = 8
OPEN_MAX: Final = 50  # orders of one reader
CALM_COUNT: Final = 4_000  # answers, each with a balance read right after it
STORM_COUNT: Final = 250  # of them between two kills
NOT_THERE: Final = (RejectReason.RESTARTING, RejectReason.BUSY, RejectReason.TIMEOUT)


class Reader:
    """One account's only user: it knows to the unit what its balance must be after every answer."""

    def __init__(
        self, client: Client, markets: list[Market], shards: dict[str, int], account: Account, rnd: random.Random
    ) -> None:
        self._client = client
        self._markets = markets
        self._shards = shards
        self._account = account
        self._rnd = rnd
        self._numbers = count(1)
        self._open: dict[int, tuple[Market, int]] = {}  # order → market, units held
        self._funds = int(FUNDS) * 10**QUOTE_DECIMALS
        self.reads = 0
        self.faults: list[str] = []

    def step(self) -> None:
        """Place or cancel, then read."""
        cancels = self._open and (len(self._open) >= OPEN_MAX or self._rnd.random() < 0.5)
        action = self._cancel() if cancels else self._place()
        if action:
            self._read(action)

    def _place(self) -> str:
        market = self._rnd.choice(self._markets)
        client_id = str(next(self._numbers))
        price, lots = self._rnd.randint(1_000, 2_000), self._rnd.randint(1_000, 9_000)
        order = NewOrder(
            market.number, self._account.account, Side.BUY, Kind.LIMIT, TimeInForce.GTC, price, lots, 0, client_id, 0
        )
        started = time.monotonic()
        reply = self._call(market, Place(order))
        if isinstance(reply, Rejected) and reply.reason is RejectReason.TIMEOUT:
            time.sleep(max(0.0, started + DEADLINE_MS / 1_000 + 0.2 - time.monotonic()))
            reply = self._insist(market, lambda: GetOrderByClientId(market.number, self._account.account, client_id))
        if not isinstance(reply, OrderReply):
            return ""
        self._open[reply.order.id] = market, price * lots * market.tick_lot_units
        return f"placed {reply.order.id} on shard {self._shards[market.symbol]}"

    def _cancel(self) -> str:
        order_id = self._rnd.choice(list(self._open))
        market, _ = self._open[order_id]
        reply = self._insist(market, lambda: Cancel(order_id, self._account.account))
        if isinstance(reply, Rejected) and reply.reason not in (
            RejectReason.UNKNOWN_ORDER,
            RejectReason.TERMINAL_ORDER,
        ):
            return ""
        del self._open[order_id]
        return f"canceled {order_id} on shard {self._shards[market.symbol]}"

    def _read(self, action: str) -> None:
        reply = self._insist(None, lambda: GetBalances(self._account.account))
        assert isinstance(reply, BalancesReply), reply
        held = sum(units for _, units in self._open.values())
        wanted = self._funds - held, held
        balance = next((each.available, each.held) for each in reply.balances if each.asset == QUOTE)
        self.reads += 1
        if balance != wanted:
            shard = self._account.account_shard
            self.faults.append(f"{action}; shard {shard} reported {balance} right after, right is {wanted}")

    def _call(self, market: Market | None, message: Command | Query) -> Reply:
        shard = self._shards[market.symbol] if market else self._account.account_shard
        return self._client.call(shard, message)

    def _insist(self, market: Market | None, make: Callable[[], Command | Query]) -> Reply:
        """Ask until there is an answer; only what may be repeated."""
        end = time.monotonic() + BACK_S
        while True:
            reply = self._call(market, make())
            if not isinstance(reply, Rejected) or reply.reason not in NOT_THERE:
                return reply
            assert time.monotonic() < end, f"no answer for {BACK_S} s: {reply}"
            time.sleep(0.002)


class Readers(Workers):
    """All readers at work in threads, from ``with`` to its end."""

    def __init__(self, exchange: Exchange, client: Client, rnd: random.Random) -> None:
        floor = Floor(exchange)
        folder = exchange.folder
        catalog = Catalog(Reference(folder.reference, folder.secrets().storage_key).facts())
        markets = [catalog.spot[market.symbol] for market in floor.markets]
        shards = {market.symbol: market.shard for market in floor.markets}
        accounts = [floor.accounts_of(number % floor.shard_count) for number in range(READERS)]
        self._readers = [Reader(client, markets, shards, account, random.Random(rnd.random())) for account in accounts]
        super().__init__(*(reader.step for reader in self._readers))

    def reads(self) -> int:
        """Balances compared so far."""
        return sum(reader.reads for reader in self._readers)

    def faults(self) -> list[str]:
        """Every balance that did not show what had been acknowledged to its reader."""
        return [*self.failures, *(fault for reader in self._readers for fault in reader.faults)]

    def await_reads(self, number: int) -> None:
        """Until so many more balances were compared."""
        goal = self.reads() + number
        until(lambda: self.reads() >= goal or bool(self.faults()), BACK_S, f"{number} more balances are read")


@pytest.fixture
def readers(own_exchange: Exchange) -> Iterator[Readers]:
    with connected(own_exchange) as client:
        yield Readers(own_exchange, client, make_random())
    check_at_rest(own_exchange)


def test_in_calm(readers: Readers) -> None:
    with readers:
        readers.await_reads(times(CALM_COUNT))
    assert readers.faults() == []


def test_while_processes_are_killed(own_exchange: Exchange, readers: Readers) -> None:
    """The archive, and shards: also those that keep the money."""
    rnd = make_random()
    with readers:
        for _ in range(times(10)):
            readers.await_reads(STORM_COUNT)
            shard = rnd.randrange(-1, own_exchange.folder.shard_count)
            kill(archive_process(own_exchange) if shard < 0 else shard_process(own_exchange, shard))
        readers.await_reads(STORM_COUNT)
    print(f"{readers.reads()} balances read")
    assert readers.faults() == []
