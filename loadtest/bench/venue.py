"""A real exchange to be measured: funded accounts with keys, markets, and open orders placed without the HTTP side.

Everything that is not timed is done here: orders are placed through the engine's own client, 256 at a time.
"""

import os
import queue
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from msgspec.structs import replace

from loadtest.accounts import Account
from loadtest.bench.large_archive import fill_archive
from loadtest.site import open_account
from shards.clock import now_ms
from shards.folder import Folder
from shards.ipc.client import Client
from shards.ipc.threaded_channel import ThreadedShardChannel
from shards.model.codec import encode
from shards.model.commands import CancelAll, Command, Place
from shards.model.markets import Market, shard_of_symbol
from shards.model.orders import Kind, NewOrder, Order, Side, TimeInForce
from shards.model.queries import GetStatus
from shards.model.replies import OrderReply, OrdersReply, Reply, ShardStatus
from storage.reference import Reference
from tests.exchange import Exchange, until
from web.exchange.catalog import Catalog
from web.http.tokens import Tokens

T = TypeVar("T")

ACCOUNT_COUNT: Final = 64
MARKET_COUNT: Final = 16
FUNDS: Final = "1000000000000"
LEVELS: Final = 1_000
LEVEL: Final = 50_000  # ticks: the lowest ask; the bids are below
LOTS: Final = 10
SPOT: Final = "DFUSDT"
_TOKEN_S: Final = 86_400
_AT_ONCE: Final = 256  # concurrent messages: a quarter of a mailbox's capacity
_STILL_MS: Final = 600_000
_ARCHIVE_S: Final = 60.0  # for all rows of one run


class Venue:
    """An exchange set up for benchmarks."""

    def __init__(self, shard_count: int, settings: Mapping[str, str] | None = None) -> None:
        """``settings``: environment variables of both services in addition to the defaults. Starts it."""
        self._exchange = Exchange(shard_count, settings)
        try:
            self._exchange.start()
            self._set_up()
        except BaseException:
            self._exchange.close()
            raise

    def _set_up(self) -> None:
        self.port = self._exchange.port
        self.client = Client(self.folder)
        assert self.client.wait_connected(30), "the shards do not answer"
        self.id_key = bytes.fromhex(self.folder.secrets().id_key)
        self._tokens = Tokens(self.folder.secrets().jwt, {}, "HS256")
        self.traders = [self._admit(f"trader-{number}") for number in range(ACCOUNT_COUNT)]
        for number in range(MARKET_COUNT):
            self._open_market(f"M{number:02}USDT")
        catalog = self._read_catalog()
        self.futures = [market for market in catalog.futures.values() if market.symbol.startswith("M")]
        self.spot = catalog.spot[SPOT]
        self._client_ids = 0

    @property
    def folder(self) -> Folder:
        return self._exchange.folder

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.client.close()
        self._exchange.close()

    # Setting up

    def _admit(self, name: str) -> Account:
        funds = {"spot": {"USDT": FUNDS, "DF": FUNDS}, "futures": {"USDT": FUNDS}}
        return open_account(self._exchange, name, self._tokens.mint(name, _TOKEN_S), funds)

    def _open_market(self, symbol: str) -> None:
        terms = {"tick_size": "0.1", "lot_size": "0.001", "min_notional": "10", "maker_fee_bps": 2, "taker_fee_bps": 5}
        _check(self._exchange.operate("POST", "/futures/markets", {"symbol": symbol, "base_asset": "BTC", **terms}))

    def _read_catalog(self) -> Catalog:
        return Catalog(Reference(self.folder.reference, self.folder.secrets().storage_key).facts())

    # Orders

    def with_new_token(self, trader: Account, number: int) -> Account:
        """The account with a bearer token that is different for each ``number``."""
        return replace(trader, jwt=self._tokens.mint(trader.account, _TOKEN_S + number))

    def client_id(self) -> str:
        """A client id not used before."""
        self._client_ids += 1
        return f"b{self._client_ids}"

    def new_order(self, market: Market, trader: Account, index: int) -> NewOrder:
        """The ``index``-th order of a book of :data:`LEVELS` levels on each side; it never trades."""
        level, side = divmod(index, 2)
        price = LEVEL + level % LEVELS if side else LEVEL - 1 - level % LEVELS
        return NewOrder(
            market=market.number,
            account=trader.account,
            side=Side.SELL if side else Side.BUY,
            kind=Kind.LIMIT,
            tif=TimeInForce.GTC,
            price=price,
            quantity=LOTS if market in self.futures else 100 * LOTS,
            quote_quantity=0,
            client_id=self.client_id(),
        )

    def place(
        self, market: Market, count: int, traders: Sequence[Account] | None = None
    ) -> list[tuple[Account, Order]]:
        """Place ``count`` orders of ``traders`` in turn; returns them, all open."""
        owners = [owner for _, owner in zip(range(count), _cycle(traders or self.traders), strict=False)]
        commands = [Place(self.new_order(market, owner, index)) for index, owner in enumerate(owners)]
        placed: list[tuple[Account, Order]] = []
        for owner, reply in zip(owners, self._tell(market, commands), strict=True):
            assert isinstance(reply, OrderReply), reply
            placed.append((owner, reply.order))
        return placed

    def clear(self, market: Market) -> None:
        """Cancel all remaining orders on a market."""
        for reply in self._tell(market, [CancelAll(trader.account, market.number) for trader in self.traders]):
            assert isinstance(reply, OrdersReply), reply

    def fill_archive(self, count: int) -> None:
        """Restart the engine with so many ended orders of the traders on the futures markets."""
        assert self._exchange.engine.stop(30), "the engine does not stop"
        accounts, markets = [trader.account for trader in self.traders], [market.number for market in self.futures]
        fill_archive(self.folder, count, accounts, markets)
        self._exchange.engine.start()
        self._exchange.wait_ready(120)

    def wait_archived(self) -> None:
        """Wait until the archive has all rows: otherwise the next measurement would include archiving them."""
        until(self._is_archived, _ARCHIVE_S, "the archive has all rows")

    def _is_archived(self) -> bool:
        told = self.client.call_each([(shard, GetStatus()) for shard in range(self.client.shard_count)])
        return all(isinstance(status, ShardStatus) and not status.archive_lag for status in told)

    def _tell(self, market: Market, commands: Sequence[Command]) -> Iterator[Reply]:
        shard = shard_of_symbol(market.symbol, self.client.shard_count)
        for start in range(0, len(commands), _AT_ONCE):
            piece = commands[start : start + _AT_ONCE]
            yield from self.client.call_each([(shard, command) for command in piece], 30_000)

    # Processes

    def pids(self) -> dict[str, list[int]]:
        """The processes of each kind: those that a request passes through, and the archive."""
        shards = [self._exchange.shard_pid(shard) for shard in range(self.client.shard_count)]
        return {"web": self._exchange.worker_pids(), "shards": shards, "archive": [self._exchange.archive_pid()]}

    @contextmanager
    def full_mailbox(self, market: Market) -> Iterator[None]:
        """Stop the market's shard (SIGSTOP) with its mailbox full, for the duration of the context."""
        shard = shard_of_symbol(market.symbol, self.client.shard_count)
        channel = ThreadedShardChannel(self.folder, f"shard-{shard}")
        assert channel.connected.wait(10)
        pid = self._exchange.shard_pid(shard)
        os.kill(pid, signal.SIGSTOP)
        try:
            with suppress(queue.Full):
                while True:
                    channel.put_nowait(encode(GetStatus()), now_ms() + _STILL_MS)
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
            until(lambda: not self.client.depth(shard), 10, "the shard takes what waited")
            channel.close()


def _cycle(values: Sequence[T]) -> Iterator[T]:
    while True:
        yield from values


def _check(response: object) -> None:
    assert getattr(response, "ok", False), getattr(response, "text", response)
