"""Candles, by way of what bots fetch them with."""

from tests.clients.bot import Bot
from tests.clients.clients import clients
from tests.http.futures.trader import Trader


@clients(lambda client: client.program == "ccxt_unified.py")
def test_fetch_ohlcv(bot: Bot, own: Trader, other: Trader) -> None:
    own.place(bot.symbol, "SELL", "50000", "0.02")
    other.place(bot.symbol, "BUY", "50000", "0.01")
    other.place(bot.symbol, "BUY", "50000", "0.01")
    for interval in ("1m", "15m", "1d"):
        whole = bot.candles(interval)
        assert sum(row[5] for row in whole) == 0.02 and {*whole[-1][1:5]} == {50_000.0}
        assert bot.candles(interval, limit=1) == whole[-1:]
        opened = int(whole[0][0])
        assert bot.candles(interval, since=opened) == whole
        assert bot.candles(interval, since=opened, limit=1) == whole[:1]
        assert bot.candles(interval, since=opened - 1, limit=1) == whole[:1]
        assert bot.candles(interval, since=int(whole[-1][0]) + 1) == []
