"""Mark prices, from each market's shard."""

from collections.abc import Mapping, Sequence

from shards.model.markets import Market
from shards.model.queries import GetPrices
from shards.model.replies import PricesReply
from web.exchange.gateway import ExchangeGateway
from web.exchange.history import pieces


def marks_of(gateway: ExchangeGateway, markets: Sequence[Market]) -> Mapping[int, int]:
    """Mark prices in ticks, by market number; 0 while there is none. Raises EngineRejected."""
    found: dict[int, int] = {}
    for piece in pieces(markets):
        requested = [(gateway.market_shard(market), GetPrices(market.number)) for market in piece]
        replies = gateway.ask_each(PricesReply, requested)
        found.update((market.number, reply.mark) for market, reply in zip(piece, replies, strict=True))
    return found
