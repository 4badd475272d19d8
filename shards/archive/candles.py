"""Candles and tickers from the archive's trades."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from shards.archive.rows import to_trade
from shards.model.orders import Candle
from shards.model.queries import GetCandles
from shards.model.replies import Ticker
from storage import queries
from storage.queries import SqlQuery
from storage.statements import Stored

Ask = Callable[[SqlQuery], list[Stored]]

_GROWTH: Final = (1, 8, 64)  # multiples of the limit: spans read one after the other for the newest candles


def find_candles(ask: Ask, requested: GetCandles) -> list[Candle]:
    """Return a market's candles, oldest first. Raises what ``ask`` raises."""
    found: list[Candle] = []  # newest first, if those are requested
    for start_ms, end_ms in (
        _stretches(ask, requested) if requested.newest else [(requested.start_ms, requested.end_ms)]
    ):
        wanted = requested.limit - len(found)
        query = queries.candles_of_market(
            requested.market,
            requested.interval_ms,
            start_ms,
            end_ms,
            requested.before_id,
            wanted,
            newest=requested.newest,
        )
        found += [Candle(open_ms, *_parts(*candle)) for open_ms, *candle in ask(query)]
        if len(found) == requested.limit:
            break
    return found[::-1] if requested.newest else found


def _stretches(ask: Ask, requested: GetCandles) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of ranges of whole spans, from the last trade backward; the last one reaches the beginning.

    Most markets trade in nearly every span: usually the first range suffices and the rest is never read.
    """
    ((newest_ms,),) = ask(queries.newest_trade_time(requested.market, requested.end_ms, requested.before_id))
    if newest_ms is None:
        return
    interval_ms = requested.interval_ms
    after_ms = newest_ms // interval_ms * interval_ms + interval_ms
    for times in _GROWTH:
        start_ms = after_ms - times * requested.limit * interval_ms
        if start_ms <= requested.start_ms:
            break
        yield start_ms, min(after_ms - 1, requested.end_ms)
        after_ms = start_ms
    yield requested.start_ms, min(after_ms - 1, requested.end_ms)


def find_tickers(ask: Ask, before: Mapping[int, int], start_ms: int) -> list[Ticker]:
    """Return a ticker per market in ``before``, of its trades with lower numbers. Raises what ``ask`` raises."""
    folded = ask(queries.candles_of_markets(before, start_ms))
    candles = {market: Candle(0, *_parts(*candle)) for market, *candle in folded}  # as one span over all time
    newest = map(to_trade, ask(queries.newest_trades(before)))
    return [Ticker(trade.market, trade, candles.get(trade.market)) for trade in newest]


def _parts(
    first: int, highest: int, lowest: int, last: int, count: int, first_id: int, last_id: int, *sums: int
) -> tuple[int, ...]:
    """Return a candle's values after its time from those of a row; combines the two parts of each sum."""
    volume, value, bought, bought_value = (
        (upper << queries.SUM_BITS) + lower for upper, lower in zip(sums[::2], sums[1::2], strict=True)
    )
    return first, highest, lowest, last, volume, value, count, bought, bought_value, first_id, last_id
