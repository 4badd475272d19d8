"""What orders, fills, leverage and mark prices do to a futures wallet: to the unit, and read at once."""

from decimal import Decimal

import pytest

from tests.http.futures.trader import Trader, list_contract, set_mark
from tests.http.venue import Venue, plain


@pytest.fixture
def symbol(far: str) -> str:
    """Fees 2 and 5 bps, leverage 20."""
    return far


@pytest.fixture
def long(venue: Venue) -> Trader:
    """On another shard than the market, where there are several."""
    return Trader(venue, 0, "1000")


@pytest.fixture
def short(venue: Venue) -> Trader:
    """On a third."""
    return Trader(venue, venue.shard_count // 2, "1000")


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize(
    ("price", "quantity", "leverage", "hold", "left"),
    [
        ("50000", "0.01", 20, "25", "975"),
        ("33333.3", "0.001", 20, "1.666665", "998.333335"),
        ("50000.1", "0.007", 20, "17.500035", "982.499965"),
        ("33.3", "0.301", 20, "0.501165", "999.498835"),
        ("50000", "0.001", 7, "7.142858", "992.857142"),
        ("100", "1", 7, "14.285715", "985.714285"),
        ("0.1", "123", 125, "0.0984", "999.9016"),
    ],
)
def test_order_and_cancel(
    symbol: str, long: Trader, side: str, price: str, quantity: str, leverage: int, hold: str, left: str
) -> None:
    """A hold is rounded up to a millionth; a cancel gives back all of it."""
    long.set_leverage(symbol, leverage)
    value = plain(Decimal(price) * Decimal(quantity))
    for _ in range(2):
        order = long.place(symbol, side, price, quantity)["orderId"]
        assert long.money() == f"1000 {left} 0 {hold} 0"
        (shown,) = long.risk()
        assert (shown["bidNotional"], shown["askNotional"]) == ((value, "0") if side == "BUY" else ("0", value))
        assert (shown["initialMargin"], shown["openOrderInitialMargin"]) == (hold, hold)
        assert long.cancel(symbol, order)["status"] == "CANCELED"
        assert long.money() == "1000 1000 0 0 0"
        assert long.risk() == []


def test_a_sale_may_fill_above_its_price(venue: Venue, long: Trader) -> None:
    """It holds at the best bid or the mark where they are higher: what a fill there would need.

    Beside it, what it would lose against the mark.
    """
    symbol = list_contract(venue, venue.shard_count - 1, market_take_bound="0.2")
    seller = Trader(venue, venue.shard_count // 2, "5.4")
    bid = long.place(symbol, "BUY", "110", "1")["orderId"]
    assert seller.try_place(symbol, "SELL", "100", "1").brief() == "400 -2019"
    assert seller.money() == "5.4 5.4 0 0 0"
    long.cancel(symbol, bid)
    seller.deposit("8").ok()
    set_mark(venue, symbol, "109")
    assert seller.try_place(symbol, "SELL", "100", "1").brief() == "400 -2019"
    set_mark(venue, symbol, "108")
    order = seller.place(symbol, "SELL", "100", "1")["orderId"]
    assert seller.money() == "13.4 0 0 13.4 0"
    set_mark(venue, symbol, "90")
    assert seller.money() == "13.4 0 0 13.4 0"
    seller.cancel(symbol, order)
    assert seller.money() == "13.4 13.4 0 0 0"


def test_fills(venue: Venue, symbol: str, long: Trader, short: Trader) -> None:
    """Partial fill, mark, cancel, leverage, reduction, flip, close: each figure by hand."""
    order = long.place(symbol, "BUY", "50000", "0.01")["orderId"]
    taken = short.place(symbol, "SELL", "50000", "0.004")
    assert (taken["status"], taken["avgPrice"]) == ("FILLED", "50000")
    # a fee of 2 bps of 200, 10 of margin, 15 held for the other 0.006
    assert long.money() == "999.96 974.96 10 15 0"
    assert short.money() == "999.9 989.9 10 0 0"
    assert (long.position(symbol), short.position(symbol)) == ("0.004 50000 10", "-0.004 50000 10")

    set_mark(venue, symbol, "50100.5")
    # a profit is not to be spent, a loss is
    assert long.money() == "999.96 974.96 10 15 0.402"
    assert short.money() == "999.9 989.498 10 0 -0.402"
    assert long.cancel(symbol, order)["executedQty"] == "0.004"
    assert long.money() == "999.96 989.96 10 0 0.402"

    long.set_leverage(symbol, 3)
    assert long.position(symbol) == "0.004 50000 10"
    long.place(symbol, "BUY", "50500", "0.001")
    # 50.5 ÷ 3, and 0.3995 that it would lose against the mark
    assert long.money() == "999.96 972.727166 10 17.232834 0.402"
    short.place(symbol, "SELL", "50500", "0.001")
    # cost 200 + 50.5, a fee of 0.0101 and of 0.02525
    assert long.money() == "999.9499 973.116566 26.833334 0 0.0025"
    assert short.money() == "999.87475 987.34725 12.525 0 -0.0025"
    assert long.position(symbol) == "0.005 50100 26.833334"

    # the buyer closes 0.002 of its 0.005 at 51000: 2 × 250.5 ÷ 5 = 100.2 for 102
    short.place(symbol, "BUY", "51000", "0.002", reduceOnly="true")
    # it only reduces: what it would lose is held, for it goes farther from the mark than everybody may
    assert short.money() == "999.87475 985.54825 12.525 1.799 -0.0025"
    sold = long.place(symbol, "SELL", "51000", "0.002", reduceOnly="true")
    assert (sold["status"], sold["avgPrice"]) == ("FILLED", "51000")
    # 1.8 won less a fee of 0.051; of the margin ⌊26.833334 × 2 ÷ 5⌋ = 10.733333 is free again
    assert long.money() == "1001.6989 985.598899 16.100001 0 0.0015"
    assert long.position(symbol) == "0.003 50100 16.100001"
    # 1.8 lost and a fee of 0.0204
    assert short.money() == "998.05435 990.53785 7.515 0 -0.0015"

    # long sells 0.008 at 49000: closes 0.003, opens 0.005 the other way at leverage 3
    long.place(symbol, "SELL", "49000", "0.008")
    # the mark is above its price: 50100.5 × 0.008 ÷ 3, and 8.804 that it would lose
    assert long.money() == "1001.6989 843.193565 16.100001 142.405334 0.0015"
    short.place(symbol, "BUY", "49000", "0.008")
    # long loses 150.3 − 147 and pays 0.0784; 245 ÷ 3 for its new position
    assert long.position(symbol) == "-0.005 49000 81.666667"
    assert long.money() == "998.3205 911.151333 81.666667 0 -5.5025"
    # short wins 3.3 and pays 0.196; 245 ÷ 20
    assert short.position(symbol) == "0.005 49000 12.25"
    assert short.money() == "1001.15835 988.90835 12.25 0 5.5025"

    set_mark(venue, symbol, None)  # the last trade's
    assert (long.money(), short.money()) == ("998.3205 916.653833 81.666667 0 0", "1001.15835 988.90835 12.25 0 0")

    short.place(symbol, "SELL", "49000", "0.005", reduceOnly="true")
    assert long.place(symbol, "BUY", None, "1", reduceOnly="true")["executedQty"] == "0.005"
    assert (long.money(), short.money()) == ("998.198 998.198 0 0 0", "1001.10935 1001.10935 0 0 0")
    assert long.position(symbol) == short.position(symbol) == ""
    assert long.risk() == short.risk() == []


def test_entry_price_is_rounded_half_even(symbol: str, long: Trader, short: Trader) -> None:
    for price, quantity in (("50000", "0.001"), ("50000.1", "0.002")):
        long.place(symbol, "BUY", price, quantity)
        short.place(symbol, "SELL", price, quantity)
    assert long.position(symbol).split()[:2] == ["0.003", "50000.066666667"]
    (risk,) = long.risk()
    assert risk["breakEvenPrice"] == risk["entryPrice"] and risk["markPrice"] == "50000.1"
    # 150.0003 against a cost of 150.0002
    assert (risk["notional"], risk["unRealizedProfit"]) == ("150.0003", "0.0001")


def test_loss_beyond_the_wallet(venue: Venue, symbol: str, long: Trader) -> None:
    poor = Trader(venue, venue.shard_count - 1, "10")
    poor.set_leverage(symbol, 125)
    long.place(symbol, "SELL", "50000", "0.02")
    poor.place(symbol, "BUY", "50000", "0.02")
    assert poor.money() == "9.5 1.5 8 0 0"
    order = poor.place(symbol, "BUY", "40000", "0.004")["orderId"]
    assert poor.money() == "9.5 0.22 8 1.28 0"
    set_mark(venue, symbol, "49000")
    assert poor.money() == "9.5 0 8 1.28 -20"
    (asset,) = poor.account()["assets"]
    assert (asset["marginBalance"], asset["maxWithdrawAmount"]) == ("-10.5", "0")
    assert poor.try_place(symbol, "BUY", "40000", "0.001").brief() == "400 -2019"
    poor.cancel(symbol, order)
    assert poor.money() == "9.5 0 8 0 -20"
    assert poor.transfer("perp_to_spot", "0.000001").brief() == "400 INSUFFICIENT_BALANCE"
    assert poor.pay("withdrawals", "0.000001", "w-1").brief() == "400 INSUFFICIENT_BALANCE"
    # 18.5 short of nothing: so much of a deposit is not available
    assert poor.deposit("18.5").ok()["balance_after"] == "0"
    assert poor.deposit("0.25").ok()["balance_after"] == "0.25"
    assert poor.money() == "28.25 0.25 8 0 -20"

    # closed at 48000, the loss of 40 is booked, and the wallet is what is left: 28.25 − 40 − 0.48
    set_mark(venue, symbol, "48000")
    long.place(symbol, "BUY", "48000", "0.02", reduceOnly="true")
    poor.place(symbol, "SELL", "48000", "0.02", reduceOnly="true")
    assert poor.money() == "-12.23 0 0 0 0"
    assert poor.try_place(symbol, "BUY", "48000", "0.001").brief() == "400 -2019"
    assert poor.deposit("20").ok()["balance_after"] == "7.77"
    assert poor.money() == "7.77 7.77 0 0 0"
    assert long.money() == "1039.608 1039.608 0 0 0"


def test_profit_in_one_market_covers_loss_in_another(venue: Venue, long: Trader, short: Trader) -> None:
    """What counts is the sum, over markets on whichever shards."""
    symbols = [list_contract(venue, shard) for shard in venue.shards[:2]] if venue.shard_count > 1 else []
    symbols = symbols or [list_contract(venue), list_contract(venue)]
    for symbol in symbols:
        short.place(symbol, "SELL", "100", "1")
        long.place(symbol, "BUY", "100", "1")
    assert long.money() == "999.9 989.9 10 0 0"
    set_mark(venue, symbols[0], "90")
    assert long.money() == "999.9 979.9 10 0 -10"
    set_mark(venue, symbols[1], "104")
    assert long.money() == "999.9 983.9 10 0 -6"
    set_mark(venue, symbols[1], "115")
    assert long.money() == "999.9 989.9 10 0 5"
    assert short.money() == "999.96 984.96 10 0 -5"


def test_money_freed_on_one_market_is_spent_on_another(venue: Venue) -> None:
    trader = Trader(venue, 0, "10")
    first, second = (list_contract(venue, shard) for shard in (venue.shard_count - 1, venue.shard_count // 2))
    for _ in range(20):
        order = trader.place(first, "BUY", "20000", "0.01")["orderId"]
        assert trader.try_place(second, "BUY", "20000", "0.001").brief() == "400 -2019"
        trader.cancel(first, order)
        order = trader.place(second, "BUY", "20000", "0.01")["orderId"]
        assert trader.money() == "10 0 0 10 0"
        trader.cancel(second, order)
        assert trader.money() == "10 10 0 0 0"
