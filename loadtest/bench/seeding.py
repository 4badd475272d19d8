"""Data folders with a full book, written as journals: what an engine would have after placing all these orders."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from shards.engine.engine import MAILBOX
from shards.folder import Folder
from shards.model.codec import encode
from shards.model.commands import AddMarket, Command, Deposit, Place
from shards.model.markets import Market, Product
from shards.model.orders import Kind, NewOrder, Side, TimeInForce
from storage.journal import Journal, Record

OWNER = "owner"
START_MS = 1_790_000_000_000
_BATCH = 10_000  # records per transaction

MARKET = Market(
    number=1,
    product=Product.SPOT,
    symbol="DFUSDT",
    base="DF",
    quote="USDT",
    base_decimals=18,
    quote_decimals=6,
    tick_digits=1,
    price_decimals=4,
    lot_digits=1,
    lot_decimals=2,
    min_notional=1_000_000,
    maker_fee_bps=2,
    taker_fee_bps=5,
)


def limit_order(account: str, side: Side, price: int, quantity: int = 1_000, client_id: str = "") -> Place:
    """A resting order; price in ticks, quantity in lots."""
    return Place(NewOrder(1, account, side, Kind.LIMIT, TimeInForce.GTC, price, quantity, 0, client_id))


def full_book(others: int, own: int, levels: int = 1_000) -> Iterator[Command]:
    """A market, funds, ``others`` orders of many accounts and ``own`` orders of :data:`OWNER` spread among them.

    Each order has a realistic client id, unique in its account.
    """
    yield AddMarket(MARKET)
    accounts = [OWNER, *(f"other-{index}" for index in range(100))]
    for account in accounts:
        yield Deposit(account, "USDT", 10**20, "usdt")
        yield Deposit(account, "DF", 10**30, "df")
    step = max(1, others // own) if own else 0
    placed = 0
    for index in range(max(others, own * step)):
        if own and index % step == 0 and placed < own:
            placed += 1
            yield _spread(OWNER, index, levels)
        if index < others:
            yield _spread(accounts[1 + index % 100], index, levels)


def _spread(account: str, index: int, levels: int) -> Place:
    client_id = f"c{100_000 + index}"
    if index % 2:
        return limit_order(account, Side.BUY, 5_000 - index % levels, client_id=client_id)
    return limit_order(account, Side.SELL, 5_001 + index % levels, client_id=client_id)


def write_journal(folder: Folder, commands: Iterable[Command]) -> int:
    """Write the journal of a folder of one shard; returns the number of records."""
    journal = Journal(folder.shard(0) / "journal.sqlite")
    batch: list[Record] = []
    sequence = 0
    for sequence, command in enumerate(commands, 1):
        batch.append(Record(sequence, START_MS + sequence, MAILBOX, 0, encode(command)))
        if len(batch) == _BATCH:
            journal.append(batch)
            batch = []
    if batch:
        journal.append(batch)
    journal.close()
    return sequence


def seed_folder(path: Path, others: int, own: int) -> Folder:
    """A data folder of one shard with such a book."""
    folder = Folder.open(path, 1)
    write_journal(folder, full_book(others, own))
    return folder
