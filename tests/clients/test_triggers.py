"""Trigger orders: older clients place them on ``order``, newer ones on ``algoOrder``, and both are the same orders."""

import pytest

from tests.clients.bot import Bot
from tests.clients.clients import clients
from tests.clients.orders import UNKNOWN, check_batch, check_order, check_raises
from tests.exchange import until
from tests.http.futures.trader import Trader

TRIGGERS = [
    ("SELL", "STOP_MARKET", 45_000.0),
    ("BUY", "TAKE_PROFIT_MARKET", 45_000.0),
]


@pytest.mark.parametrize(("side", "type", "stop"), TRIGGERS)
@clients()
def test_place_query_and_cancel(bot: Bot, own: Trader, side: str, type: str, stop: float) -> None:
    placed = bot.trigger(side, type, 0.01, "guard-1", stopPrice=stop)
    facts = {"side": side, "status": "NEW", "origQty": 0.01, "stopPrice": stop}
    check_order(placed, clientOrderId="guard-1", **facts)
    order = placed["orderId"]
    for found in (bot.query_trigger(order), bot.query_trigger("guard-1"), *bot.open_triggers()):
        check_order(found, orderId=order, clientOrderId="guard-1", **facts)
    check_on_both(own, bot, order, type, "NEW")
    bot.cancel_trigger(order)
    assert bot.open_triggers() == []
    check_on_both(own, bot, order, type, "CANCELED")


@clients()
def test_cancel_by_client_order_id(bot: Bot) -> None:
    order = bot.trigger("SELL", "STOP_MARKET", 0.01, "a.b:c/d_e-f", stopPrice=45_000)["orderId"]
    bot.cancel_trigger("a.b:c/d_e-f")
    check_order(bot.query_trigger(order), clientOrderId="a.b:c/d_e-f", status="CANCELED")


@clients()
def test_limit(bot: Bot) -> None:
    """A STOP with a price."""
    order = bot.trigger("BUY", "STOP", 0.01, stopPrice=55_000, price=55_100.0, timeInForce="GTC")["orderId"]
    check_order(bot.query_trigger(order), stopPrice=55_000.0, price=55_100.0, status="NEW")


@clients()
def test_trailing(bot: Bot, own: Trader) -> None:
    order = bot.trigger("SELL", "TRAILING_STOP_MARKET", 0.01, callbackRate=1.5)["orderId"]
    check_order(bot.query_trigger(order), status="NEW", origQty=0.01)
    (row,) = own.call("GET", "/v1/openOrders", symbol=bot.symbol).ok()
    assert (row["origType"], float(row["priceRate"])) == ("TRAILING_STOP_MARKET", 1.5)
    bot.cancel_trigger(order)
    assert bot.open_triggers() == []


@clients()
def test_batch_cancel(bot: Bot) -> None:
    """Takes regular orders and trigger orders alike."""
    requested = [
        bot.trigger("SELL", "STOP_MARKET", 0.01, stopPrice=45_000)["orderId"],
        bot.place("BUY", 0.01, 40_000)["orderId"],
        bot.trigger("BUY", "STOP_MARKET", 0.01, stopPrice=55_000)["orderId"],
    ]
    bot.cancel_trigger(requested[2])
    check_batch(bot, requested, 3 * ["CANCELED"])


@clients(lambda client: client.has_algo)
def test_cancel_all_triggers(bot: Bot) -> None:
    """And leave the regular orders."""
    order = bot.place("BUY", 0.01, 40_000)["orderId"]
    for price in (44_000, 45_000):
        bot.trigger("SELL", "STOP_MARKET", 0.01, stopPrice=price)
    bot.cancel_all_triggers()
    assert bot.open_triggers() == []
    assert [each["orderId"] for each in bot.open_orders()] == [order]


@clients()
def test_fire(bot: Bot, own: Trader, other: Trader) -> None:
    """A trigger that has fired and traded is done: no cancel finds it."""
    other.place(bot.symbol, "BUY", "50000", "0.01")
    bot.place("SELL", 0.001, 50_000)
    order = bot.trigger("SELL", "STOP_MARKET", 0.005, stopPrice=49_000)["orderId"]
    other.place(bot.symbol, "BUY", "49000", "0.01")
    bot.place("SELL", 0.010, 49_000)  # the last trade is at 49,000 now
    until(lambda: bot.query_trigger(order)["status"] in ("FILLED", "FINISHED"), 5, "its margin granted, and traded")
    assert own.call("GET", "/v1/order", symbol=bot.symbol, orderId=order).ok()["executedQty"] == "0.005"
    assert bot.open_triggers() == []
    assert order in [trade["orderId"] for trade in bot.trades()]
    check_raises(bot, -2011 if bot.client.has_algo else -2030, lambda: bot.cancel_trigger(order))


@clients()
def test_refusals(bot: Bot) -> None:
    by_mark = {"workingType": "MARK_PRICE"}
    check_raises(bot, -2013, lambda: bot.query_trigger(UNKNOWN))
    check_raises(bot, -2013, lambda: bot.query_trigger("never-placed"))
    check_raises(bot, -2011, lambda: bot.cancel_trigger(UNKNOWN))
    check_raises(bot, -2021, lambda: bot.trigger("SELL", "STOP_MARKET", 0.01, stopPrice=55_000, **by_mark))
    order = bot.trigger("SELL", "STOP_MARKET", 0.01, stopPrice=45_000)["orderId"]
    bot.cancel_trigger(order)
    check_raises(bot, -2011 if bot.client.has_algo else -2031, lambda: bot.cancel_trigger(order))


def check_on_both(own: Trader, bot: Bot, order: int, type: str, status: str) -> None:
    """What the exchange itself says, on either front."""
    regular = own.call("GET", "/v1/order", symbol=bot.symbol, orderId=order).ok()
    assert (regular["orderId"], regular["origType"], regular["status"]) == (order, type, status)
    conditional = own.call("GET", "/v1/algoOrder", algoId=order).ok()
    assert (conditional["algoId"], conditional["orderType"], conditional["algoStatus"]) == (order, type, status)
