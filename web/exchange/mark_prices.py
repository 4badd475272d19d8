"""Mark prices: each market's shard knows its own."""

from collections.abc import Mapping, Sequence

from shards.model.markets import Market
from shards.model.queries import GetPrices
from shards.model.replies import PricesReply
from web.exchange.gateway import Engine
from web.exchange.history import pieces


def marks_of(engine: Engine, markets: Sequence[Market]) -> Mapping[int, int]:
    """Mark prices in ticks, by the number of the market; 0 while there is none. Raises EngineRefusal."""
    found: dict[int, int] = {}
    for piece in pieces(markets):
        asked = [(engine.owner(market), GetPrices(market.number)) for market in piece]
        replies = engine.ask_each(PricesReply, asked)
        found.update((market.number, reply.mark) for market, reply in zip(piece, replies, strict=True))
    return found
