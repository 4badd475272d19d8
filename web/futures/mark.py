"""The mark price of a market."""

from collections.abc import Mapping, Sequence

from shards.markets import Market
from web import history
from web.engine import Engine


def mark_of(engine: Engine, market: Market) -> int | None:
    """The mark price in ticks; None until there is one. Raises EngineRefusal."""
    return marks_of(engine, [market]).get(market.number)


def marks_of(engine: Engine, markets: Sequence[Market]) -> Mapping[int, int]:
    """Mark prices in ticks, by the number of the market: the last trade's. Raises EngineRefusal."""
    return {number: trade.price for number, trade in history.newest_trades(engine, markets).items()}
