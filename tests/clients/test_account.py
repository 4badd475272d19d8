"""Market data, leverage, positions, balance and trades, as every client reads them."""

from tests.clients.bot import Bot
from tests.clients.clients import clients
from tests.clients.conftest import FUNDS, LEVERAGE
from tests.http.futures.trader import Trader

TAKER_FEE = 0.0005


@clients()
def test_market_data(bot: Bot, other: Trader) -> None:
    assert bot.steps() == (0.1, 0.001)
    for price in ("40000", "40000.5", "40000"):
        other.place(bot.symbol, "BUY", price, "0.01")
    assert bot.bids() == [(40_000.5, 0.01), (40_000.0, 0.02)]


@clients(lambda client: "ccxt" not in client.name)
def test_account(bot: Bot) -> None:
    """ccxt reads it for its balance."""
    bot.place("BUY", 0.01, 40_000)
    account = bot.account()
    assert float(account["totalWalletBalance"]) == float(FUNDS)
    assert float(account["totalOpenOrderInitialMargin"]) == 0.01 * 40_000 / LEVERAGE
    assert bot.symbol in [position["symbol"] for position in account["positions"]]


@clients()
def test_leverage(bot: Bot) -> None:
    told = bot.leverage(5)
    assert (int(told["leverage"]), told["symbol"]) == (5, bot.symbol)
    bot.place("BUY", 0.01, 40_000)
    assert bot.balance()[1] == float(FUNDS) - 0.01 * 40_000 / 5


@clients()
def test_position(bot: Bot, other: Trader) -> None:
    """Bought 0.02 at 50,000 with ten times the money, and sold half of it at 51,000."""
    bot.leverage(10)
    assert bot.positions() == []
    other.place(bot.symbol, "SELL", "50000", "0.02")
    bought = bot.place("BUY", 0.02, 50_000)
    assert (bought["status"], float(bought["executedQty"])) == ("FILLED", 0.02)
    check_position(bot, amount=0.02, entry=50_000)
    fees = TAKER_FEE * 0.02 * 50_000
    wallet = float(FUNDS) - fees
    assert bot.balance() == (wallet, wallet - 100)

    other.place(bot.symbol, "BUY", "51000", "0.01")
    sold = bot.place("SELL", 0.01, 51_000, reduceOnly="true")
    assert sold["status"] == "FILLED"
    check_position(bot, amount=0.01, entry=50_000)
    fees = TAKER_FEE * 0.01 * 51_000
    wallet += 0.01 * 1_000 - fees
    assert bot.balance() == (wallet, wallet - 50)
    trades = [(each["orderId"], float(each["price"]), float(each["qty"]), each["maker"]) for each in bot.trades()]
    assert trades == [(bought["orderId"], 50_000, 0.02, False), (sold["orderId"], 51_000, 0.01, False)]
    assert float(bot.trades()[1]["commission"]) == fees


@clients()
def test_short_position(bot: Bot, other: Trader) -> None:
    other.place(bot.symbol, "BUY", "50000", "0.02")
    bot.place("SELL", 0.02, 50_000)
    check_position(bot, amount=-0.02, entry=50_000)


def check_position(bot: Bot, amount: float, entry: float) -> None:
    (position,) = bot.positions()
    assert (float(position["positionAmt"]), float(position["entryPrice"])) == (amount, entry)
