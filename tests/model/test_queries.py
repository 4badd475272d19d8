"""What a shard tells of its markets and accounts, beside lists of orders and trades."""

import pytest

from shards.model.commands import AddMarket, Deposit, Place, SetMarkPrice
from shards.model.ids import make_number
from shards.model.orders import Candle, Kind, NewOrder, Side, TimeInForce
from shards.model.queries import (
    CountOpen,
    GetDepth,
    GetMarket,
    GetOpenInterest,
    GetPrices,
    GetTickers,
    GetTrade,
    MarketTrades,
    Query,
)
from shards.model.reasons import RejectReason
from shards.model.replies import (
    CountReply,
    DepthReply,
    MarketReply,
    OpenCountReply,
    PricesReply,
    Rejected,
    TickersReply,
    TradesReply,
)
from tests.model.test_futures import ACCOUNTS, MARKET, bracket, make_world, open_long, order, placed
from tests.model.world import START_MS, World, make_market

SPOT = 2
BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def world() -> World:
    """A futures and a spot market."""
    world = make_world(1)
    world.call(AddMarket(make_market(SPOT, "DFUSDT")))
    return world


def levels(world: World, limit: int = 100) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    reply = world.call(GetDepth(1, limit))
    assert isinstance(reply, DepthReply)
    return reply.bids, reply.asks


@pytest.mark.parametrize("side", Side)
def test_the_depth_shows_what_reduce_only_orders_can_still_reduce(world: World, side: Side) -> None:
    """The best of an account first; what other orders of its own would have used up before counts, too."""
    other, sign = (SELL, 1) if side is BUY else (BUY, -1)
    placed(world, order("trader-1", other, 500_000, 10))
    placed(world, order("trader-0", side, 500_000, 10))
    for distance, quantity, reduces in ((1, 3, True), (2, 4, False), (3, 8, True), (4, 9, True)):
        price = 500_000 + sign * distance * 1_000
        placed(world, order("trader-0", other, price, quantity, reduce_only=reduces))
        if distance < 4:
            placed(world, order("trader-2", other, price, 5))
    asks = [(500_000 + sign * distance * 1_000, lots) for distance, lots in ((1, 8), (2, 9), (3, 8))]
    shown = levels(world)[other is SELL]
    assert shown == asks
    for count in (1, 2, 3):
        assert levels(world, count)[other is SELL] == asks[:count]
    placed(world, order("trader-2", side, 499_000 if side is BUY else 501_000, 7))
    assert levels(world)[side is SELL] == [(499_000 if side is BUY else 501_000, 7)]


def test_prices_and_open_interest(world: World) -> None:
    assert world.call(GetPrices(1)) == PricesReply(0, 0)
    assert world.call(GetOpenInterest(1)) == CountReply(0)
    open_long(world, "trader-0", 10)
    open_long(world, "trader-1", 4)
    placed(world, order("trader-1", BUY, 499_000, 3))
    placed(world, order("trader-0", SELL, 499_000, 3))
    world.call(SetMarkPrice(1, 498_000))
    assert world.call(GetPrices(1)) == PricesReply(499_000, 498_000)
    assert world.call(GetOpenInterest(1)) == CountReply(14)
    assert world.call(GetMarket(1)) == MarketReply(MARKET)


@pytest.mark.parametrize("query", [GetPrices(SPOT), GetOpenInterest(SPOT), GetDepth(9, 5), GetMarket(9), GetPrices(9)])
def test_queries_of_an_unknown_market_are_rejected(world: World, query: Query) -> None:
    world.symbols[9] = MARKET.symbol
    assert world.call(query) == Rejected(RejectReason.UNKNOWN_MARKET)


def test_open_orders_are_counted_by_kind(world: World) -> None:
    world.call(Deposit("trader-0", "USDT", 10**9, "spot"))
    for quantity in (1, 2, 3):
        world.call(Place(NewOrder(SPOT, "trader-0", BUY, Kind.LIMIT, TimeInForce.GTC, 100, quantity, 0)))
    bracket(world)
    placed(world, order("trader-1", BUY, 400_000, 1))
    counted = [world.call(CountOpen(account)) for account in ("trader-0", "trader-1", "trader-2")]
    assert counted == [OpenCountReply(3, 1, 2), OpenCountReply(0, 1, 0), OpenCountReply(0, 0, 0)]


def test_trades_of_a_market(world: World) -> None:
    """The newest first, within all bounds; and the last of each market, with a candle."""
    sold = ((500_000, 1), (510_000, 2), (490_000, 3))
    for turn, (price, quantity) in enumerate(sold):
        world.now_ms = START_MS + 1_000 * turn
        placed(world, order(ACCOUNTS[-1], SELL, price, quantity))
        placed(world, order("trader-0", BUY, price, quantity))
    numbers = [make_number(1, sequence) for sequence in (1, 2, 3)]

    def trade_ids(query: MarketTrades | GetTrade) -> list[int]:
        reply = world.call(query)
        assert isinstance(reply, TradesReply)
        return [trade.id for trade in reply.trades]

    assert trade_ids(MarketTrades(1, 100)) == numbers[::-1]
    assert trade_ids(MarketTrades(1, 2)) == numbers[:0:-1]
    assert trade_ids(MarketTrades(1, 100, START_MS + 1_000)) == numbers[:0:-1]
    assert trade_ids(MarketTrades(1, 100, 0, numbers[2])) == numbers[1::-1]
    assert trade_ids(MarketTrades(SPOT, 100)) == []
    assert trade_ids(GetTrade(numbers[1])) == [numbers[1]] and trade_ids(GetTrade(numbers[2] + 1)) == []

    reply = world.call(GetTickers({1: numbers[2] + 1, SPOT: 2**62}, START_MS + 1_000))
    assert isinstance(reply, TickersReply)
    (ticker,) = reply.tickers
    assert (ticker.market, ticker.newest.id, ticker.first_id) == (1, numbers[2], numbers[0])
    candle = ticker.candle
    assert isinstance(candle, Candle)
    assert (candle.open, candle.high, candle.low, candle.close) == (510_000, 510_000, 490_000, 490_000)
    reply = world.call(GetTickers({1: numbers[1]}, START_MS + 1_000))
    assert isinstance(reply, TickersReply)
    assert [(each.newest.id, each.candle) for each in reply.tickers] == [(numbers[0], None)]
    assert world.call(GetTickers({1: numbers[0]}, 0)) == TickersReply([])
