"""Every client raises its own exception, with the exchange's code."""

import pytest

from tests.clients.bot import Bot
from tests.clients.clients import clients
from tests.clients.orders import UNKNOWN, check_raises
from tests.http.futures.trader import Trader


@clients()
def test_unknown_order(bot: Bot) -> None:
    check_raises(bot, -2011, lambda: bot.cancel(UNKNOWN))
    check_raises(bot, -2011, lambda: bot.cancel("never-placed"))
    check_raises(bot, -2013, lambda: bot.query(UNKNOWN))
    check_raises(bot, -2013, lambda: bot.query("never-placed"))
    order = bot.place("BUY", 0.01, 40_000)["orderId"]
    bot.cancel(order)
    check_raises(bot, -2011, lambda: bot.cancel(order))


@clients()
def test_bad_signature(bot: Bot, own: Trader) -> None:
    bot.connect(own.caller.key, 64 * "s")
    check_raises(bot, -1022, bot.balance)
    check_raises(bot, -1022, lambda: bot.place("BUY", 0.01, 40_000))
    check_raises(bot, -1022, lambda: bot.cancel(UNKNOWN))
    check_raises(bot, -1022, lambda: bot.cancel_batch([UNKNOWN]))
    check_raises(bot, -1022, bot.cancel_all)


@pytest.mark.parametrize("ahead_s", [-70, 30])
@clients()
def test_wrong_clock(bot: Bot, own: Trader, ahead_s: float) -> None:
    bot.clock_s = ahead_s
    bot.connect(own.caller.key, own.caller.secret)
    check_raises(bot, -1021, bot.balance)
    check_raises(bot, -1021, lambda: bot.place("BUY", 0.01, 40_000))
    check_raises(bot, -1021, lambda: bot.cancel(UNKNOWN))
    check_raises(bot, -1021, lambda: bot.cancel_batch([UNKNOWN]))


@clients()
def test_not_enough_margin(bot: Bot) -> None:
    check_raises(bot, -2019, lambda: bot.place("BUY", 10, 40_000))
