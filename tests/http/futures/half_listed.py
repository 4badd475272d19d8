"""Markets that are half listed, or as a version before this one has opened them."""

from contextlib import closing

from msgspec import structs

from shards.ipc.client import Client
from shards.model.commands import AddMarket, SetMarkPrice
from shards.model.markets import Product
from shards.model.replies import MarketReply
from storage.reference import Reference
from tests.http.futures.site import TERMS, make_market
from tests.http.futures.trader import free_symbol
from tests.http.venue import Venue
from web.exchange.catalog import encode_market


def open_on_shard(venue: Venue, mark_price: int = 0, *, is_listed: bool, **terms: int) -> str:
    """A market on the last shard; unless it is listed, only its shard knows it."""
    shard = venue.shard_count - 1
    symbol, folder = free_symbol(venue, shard), venue.exchange.folder
    with (
        closing(Reference(folder.reference, folder.secrets().storage_key)) as reference,
        closing(Client(folder)) as client,
    ):
        client.wait_connected(5)
        row = reference.reserve_market(Product.FUTURES, symbol, 4_095)
        assert row is not None and not row.active
        market = make_market(row.number, symbol, base="BTC", futures=structs.replace(TERMS, **terms))
        assert client.call(shard, AddMarket(market), 4_000) == MarketReply(market)
        if mark_price:
            client.call(shard, SetMarkPrice(row.number, mark_price), 4_000)
        if is_listed:
            reference.put_market(row.number, encode_market(market))
    return symbol
