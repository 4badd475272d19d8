"""Placing, querying, listing, canceling and modifying orders, by way of every client."""

from tests.clients.bot import Bot
from tests.clients.clients import clients
from tests.clients.conftest import FUNDS, LEVERAGE
from tests.clients.orders import UNKNOWN, check_batch, check_order
from tests.exchange import until
from tests.http.futures.trader import Trader

LONGEST_ID = "grid.1:a/b_c-" + 23 * "z"  # 36, of every kind of character that is allowed


@clients()
def test_place_and_query(bot: Bot) -> None:
    placed = bot.place("BUY", 0.01, 40_000.5, "bid-1")
    facts = {"side": "BUY", "status": "NEW", "price": 40_000.5, "origQty": 0.01, "executedQty": 0.0}
    check_order(placed, clientOrderId="bid-1", **facts)
    order = placed["orderId"]
    assert isinstance(order, int) and order < 2**53
    for found in (bot.query(order), bot.query("bid-1"), *bot.open_orders(), *bot.all_orders()):
        check_order(found, orderId=order, clientOrderId="bid-1", **facts)


@clients()
def test_place_batch(bot: Bot) -> None:
    bid = {"side": "BUY", "quantity": "0.01", "price": "40000.5", "newClientOrderId": "bid-1"}
    ask = {"side": "SELL", "quantity": "0.02", "price": "60000", "newClientOrderId": "ask:1/a"}
    placed = {each["clientOrderId"]: each for each in bot.place_batch(bid, ask)}
    check_order(placed["bid-1"], side="BUY", status="NEW", price=40_000.5, origQty=0.01)
    check_order(placed["ask:1/a"], side="SELL", status="NEW", price=60_000.0, origQty=0.02)
    assert sorted(each["clientOrderId"] for each in bot.open_orders()) == ["ask:1/a", "bid-1"]


@clients()
def test_cancel_by_order_id(bot: Bot) -> None:
    order = bot.place("BUY", 0.01, 40_000)["orderId"]
    held = 0.01 * 40_000 / LEVERAGE
    assert bot.balance() == (float(FUNDS), float(FUNDS) - held)
    check_order(bot.cancel(order), orderId=order, status="CANCELED")
    assert bot.balance() == (float(FUNDS), float(FUNDS))
    assert bot.open_orders() == []
    check_order(bot.query(order), status="CANCELED")


@clients()
def test_cancel_by_client_order_id(bot: Bot) -> None:
    order = bot.place("SELL", 0.01, 60_000, LONGEST_ID)["orderId"]
    check_order(bot.query(LONGEST_ID), orderId=order, clientOrderId=LONGEST_ID)
    check_order(bot.cancel(LONGEST_ID), orderId=order, clientOrderId=LONGEST_ID, status="CANCELED")


@clients()
def test_client_order_id_made(bot: Bot) -> None:
    """By the client, or by the exchange for it."""
    placed = bot.place("BUY", 0.01, 40_000)
    assert 1 <= len(placed["clientOrderId"]) <= 36
    check_order(bot.cancel(placed["clientOrderId"]), orderId=placed["orderId"], status="CANCELED")


@clients()
def test_batch_cancel(bot: Bot, other: Trader) -> None:
    """Open, canceled before, filled, unknown, somebody else's, and one of them twice."""
    foreign = other.place(bot.symbol, "BUY", "49000", "0.005")["orderId"]
    names = ["open", "canceled", "filled", "later"]
    placed = {name: bot.place("SELL", 0.01, 51_000, name)["orderId"] for name in names[:2]}
    placed["filled"] = bot.place("SELL", 0.002, 49_000, "filled")["orderId"]
    placed["later"] = bot.place("SELL", 0.01, 51_000, "later")["orderId"]
    bot.cancel("canceled")
    assert bot.query("filled")["status"] == "FILLED"
    requested = [*(placed[name] for name in names[:3]), UNKNOWN, foreign, placed["open"]]
    check_batch(bot, requested, ["CANCELED", "CANCELED", "FILLED", -2011, -2011, "CANCELED"])
    check_batch(bot, ["canceled", "unknown", "later"], ["CANCELED", -2011, "CANCELED"])
    check_batch(bot, [UNKNOWN, UNKNOWN + 1], [-2011, -2011])
    check_batch(bot, ["filled"], ["FILLED"])
    assert bot.open_orders() == []


@clients()
def test_cancel_all(bot: Bot, other: Trader) -> None:
    theirs = other.place(bot.symbol, "BUY", "40000", "0.01")["orderId"]
    for price in (39_000, 40_000, 41_000):
        bot.place("BUY", 0.01, price)
    bot.trigger("SELL", "STOP_MARKET", 0.01, stopPrice=30_000)
    bot.cancel_all()
    assert bot.open_orders() == [] == bot.open_triggers()
    assert bot.balance() == (float(FUNDS), float(FUNDS))
    bot.cancel_all()
    left = other.call("GET", "/v1/openOrders", symbol=bot.symbol).ok()
    assert [order["orderId"] for order in left] == [theirs]


@clients()
def test_modify(bot: Bot) -> None:
    order = bot.place("BUY", 0.01, 40_000, "moved")["orderId"]
    check_order(bot.modify(order, "BUY", 0.02, 41_000), orderId=order, origQty=0.02, price=41_000.0, status="NEW")
    check_order(bot.query("moved"), orderId=order, origQty=0.02, price=41_000.0, status="NEW")
    assert bot.balance()[1] == float(FUNDS) - 0.02 * 41_000 / LEVERAGE


@clients()
def test_countdown(bot: Bot) -> None:
    order = bot.place("BUY", 0.01, 40_000)["orderId"]
    told = bot.countdown(60_000)
    assert (told["symbol"], str(told["countdownTime"])) == (bot.symbol, "60000")
    bot.countdown(0)
    assert [each["orderId"] for each in bot.open_orders()] == [order]
    bot.countdown(50)
    until(lambda: bot.open_orders() == [], 5, "canceled by the countdown")
    assert bot.query(order)["status"] == "CANCELED"
