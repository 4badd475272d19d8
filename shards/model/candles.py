"""Build candles from trades and merge candles."""

from collections.abc import Iterable, Sequence
from typing import Final

from shards.model.orders import Candle, Side, Trade
from shards.model.queries import GetCandles

ONE_SPAN_MS: Final = 2**53  # an interval so long that all trades fall into one candle


def fold(trades: Iterable[Trade], interval_ms: int) -> list[Candle]:
    """Return the candles of trades given oldest first."""
    candles: list[Candle] = []
    for trade in trades:
        candle = _candle_of(trade, interval_ms)
        if candles and candles[-1].open_ms == candle.open_ms:
            candles[-1] = add(candles[-1], candle)
        else:
            candles.append(candle)
    return candles


def add(earlier: Candle, later: Candle) -> Candle:
    """Merge two candles of the same interval."""
    return Candle(
        open_ms=earlier.open_ms,
        open=earlier.open,
        high=max(earlier.high, later.high),
        low=min(earlier.low, later.low),
        close=later.close,
        volume=earlier.volume + later.volume,
        value=earlier.value + later.value,
        count=earlier.count + later.count,
        taker_buy_volume=earlier.taker_buy_volume + later.taker_buy_volume,
        taker_buy_value=earlier.taker_buy_value + later.taker_buy_value,
        first_id=earlier.first_id,
        last_id=later.last_id,
    )


def join(earlier: Sequence[Candle], later: Sequence[Candle]) -> list[Candle]:
    """Concatenate the candles of earlier and later trades; an interval present in both becomes one candle."""
    if earlier and later and earlier[-1].open_ms == later[0].open_ms:
        return [*earlier[:-1], add(earlier[-1], later[0]), *later[1:]]
    return [*earlier, *later]


def limit_candles(candles: list[Candle], query: GetCandles) -> list[Candle]:
    """Return at most ``query.limit`` candles, the newest or the oldest as requested."""
    return candles[-query.limit :] if query.newest else candles[: query.limit]


def _candle_of(trade: Trade, interval_ms: int) -> Candle:
    price, volume, value = trade.price, trade.quantity, trade.price * trade.quantity
    bought = trade.taker_side is Side.BUY
    return Candle(
        open_ms=trade.time_ms // interval_ms * interval_ms,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=volume,
        value=value,
        count=1,
        taker_buy_volume=volume if bought else 0,
        taker_buy_value=value if bought else 0,
        first_id=trade.id,
        last_id=trade.id,
    )
