"""An exchange of one shard that starts with a long journal."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Final

from loadtest.bench.seeding import write_journal
from shards.folder import Folder
from shards.model.commands import Command
from shards.model.markets import Market
from storage.reference import Asset, Reference
from tests.exchange import Exchange
from web.exchange.catalog import encode_market

READY_S: Final = 90.0  # hundreds of thousands of commands are replayed


@contextmanager
def seeded(commands: Iterable[Command], market: Market, assets: Mapping[str, int]) -> Iterator[Exchange]:
    """``assets``: their decimals; ``market`` is the only one."""
    with closing(Exchange(1)) as exchange:
        folder = Folder.open(exchange.data, 1)
        write_journal(folder, commands)
        with closing(Reference(folder.reference, folder.secrets().storage_key)) as reference:
            for symbol, decimals in assets.items():
                assert reference.add_asset(Asset(symbol, decimals))
            row = reference.reserve_market(market.product, market.symbol, 1)
            assert row is not None and row.number == market.number
            reference.put_market(row.number, encode_market(market))
        exchange.engine.start()
        exchange.web.start()
        exchange.wait_ready(READY_S)
        exchange.admin_key = folder.secrets().admin_key
        yield exchange
