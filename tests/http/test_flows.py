"""Orders, trades and cancels of several users, on every combination of shards. After each step every balance is read
back at once, by whatever worker, and is exact to the last unit."""

import itertools
from decimal import Decimal

import pytest

from tests.http.venue import ORDER_FIELDS, Json, Pair, User, Venue, plain, total

D = Decimal


def check(user: User, **expected: str) -> None:
    """The user's balances: "available frozen" of each token, and no other token."""
    assert user.wallets() == expected


def test_trade_and_cancel_on_every_combination_of_shards(venue: Venue) -> None:
    """Shards of seller × buyer × market: fees, price improvement, market orders, partial fills, cancels."""
    pairs = [venue.pair(shard, maker_bps=10, taker_bps=20) for shard in venue.shards]
    for seller_shard, buyer_shard, pair in itertools.product(venue.shards, venue.shards, pairs):
        seller, buyer = venue.user(seller_shard, DF="1000"), venue.user(buyer_shard, USDT="1000")
        trade_and_cancel(pair, seller, buyer)


def trade_and_cancel(pair: Pair, seller: User, buyer: User) -> None:
    ask = seller.place(pair, "sell", "0.5000", "100")
    assert (ask["status"], ask["fills"]) == ("open", [])
    check(seller, DF="900 100")

    # 30 at 0.5 although 0.6 was offered: 15, not 18; fee 0.2 % of 30 DF, and 0.1 % of 15 USDT
    bought = buyer.place(pair, "buy", "0.6", "30")
    assert (bought["status"], bought["price"], bought["avg_fill_price"]) == ("filled", "0.6000", "0.5000")
    assert fills_of(bought) == [("0.5000", "30", "0.06", "DF")]
    check(buyer, USDT="985 0", DF="29.94 0")
    check(seller, DF="900 70", USDT="14.985 0")

    # 10.007 buy 2001 lots at 0.005 each; 0.002 come back; fees 0.04002 DF and 0.010005 USDT
    by_quote = buyer.place(pair, "buy", None, None, quote_quantity="10.007")
    assert (by_quote["status"], by_quote["filled_qty"], by_quote["quantity"]) == ("filled", "20.01", None)
    assert (by_quote["quote_quantity"], by_quote["price"], by_quote["tif"]) == ("10.007", None, "ioc")
    check(buyer, USDT="974.995 0", DF="49.90998 0")
    check(seller, DF="900 49.99", USDT="24.979995 0")

    bid = buyer.place(pair, "buy", "0.4", "50")
    check(buyer, USDT="954.995 20", DF="49.90998 0")

    # the seller takes 20 at 0.4: fee 0.2 % of 8 USDT for the seller, 0.1 % of 20 DF for the buyer
    sold = seller.place(pair, "sell", None, "20")
    assert (sold["status"], sold["avg_fill_price"], fills_of(sold)) == (
        "filled",
        "0.4000",
        [("0.4000", "20", "0.016", "USDT")],
    )
    check(seller, DF="880 49.99", USDT="32.963995 0")
    check(buyer, USDT="954.995 12", DF="69.88998 0")

    rest = buyer.cancel(bid["id"]).ok()
    assert list(rest) == ORDER_FIELDS
    assert (rest["status"], rest["filled_qty"], rest["avg_fill_price"]) == ("canceled", "20", "0.4000")
    assert rest["created_at"] == bid["created_at"] <= rest["updated_at"]
    check(buyer, USDT="966.995 0", DF="69.88998 0")
    assert buyer.cancel(bid["id"]).brief() == "404 ORDER_NOT_FOUND"
    assert seller.cancel(bid["id"]).brief() == "403 FORBIDDEN"

    (left,) = seller.cancel_all()
    assert (left["id"], left["filled_qty"], left["avg_fill_price"]) == (ask["id"], "50.01", "0.5000")
    check(seller, DF="929.99 0", USDT="32.963995 0")
    assert seller.order(ask["id"]) == left
    assert [order["id"] for order in buyer.orders()] == [bid["id"], by_quote["id"], bought["id"]]
    assert buyer.venue.depth(pair) == {"bids": [], "asks": []}


def fills_of(placed: Json) -> list[tuple[str, str, str, str]]:
    """Price, quantity, fee and its token of each fill."""
    assert all(list(fill) == ["trade_id", "price", "quantity", "fee", "fee_token"] for fill in placed["fills"])
    return [(fill["price"], fill["quantity"], fill["fee"], fill["fee_token"]) for fill in placed["fills"]]


def test_funds_freed_on_one_shard_are_spent_at_once_on_another(venue: Venue) -> None:
    pairs = [venue.pair(shard) for shard in (*venue.shards, 0)]
    for account_shard, (first, second) in itertools.product(venue.shards, itertools.permutations(pairs, 2)):
        user = venue.user(account_shard, USDT="10", DF="10")
        bid, ask = user.place(first, "buy", "0.5", "20"), user.place(first, "sell", "2", "10")
        check(user, USDT="0 10", DF="0 10")
        assert user.try_place(second, "buy", "0.5", "2").brief() == "400 INSUFFICIENT_BALANCE"
        user.cancel(bid["id"]).ok()
        check(user, USDT="10 0", DF="0 10")
        user.place(second, "buy", "0.25", "40")
        check(user, USDT="0 10", DF="0 10")
        assert [order["id"] for order in user.cancel_all(first)] == [ask["id"]]
        user.place(second, "sell", "4", "10")
        check(user, USDT="0 10", DF="0 10")
        assert len(user.cancel_all()) == 2
        check(user, USDT="10 0", DF="10 0")


def test_proceeds_are_spent_at_once_on_another_shard(venue: Venue) -> None:
    """What a fill brings, to the maker as to the taker, may be spent as soon as the taker has the answer."""
    pairs = [venue.pair(shard) for shard in venue.shards]
    for account_shard, first, second in itertools.product(venue.shards, pairs, pairs):
        maker, taker = venue.user(account_shard, USDT="10"), venue.user(venue.shard_count - 1 - account_shard, DF="10")
        maker.place(first, "buy", "1", "10")
        taker.place(first, "sell", "1", "10")
        maker.place(second, "sell", "3", "10")
        taker.place(second, "buy", "2", "5")
        check(maker, USDT="0 0", DF="0 10")
        check(taker, USDT="0 10", DF="0 0")
        maker.cancel_all()
        taker.cancel_all()


def test_cancel_all_with_and_without_symbol(venue: Venue) -> None:
    pairs = [venue.pair(shard) for shard in (*venue.shards, 0)]
    user, other = venue.user(None, USDT="1000"), venue.user(None, USDT="1000")
    placed = [user.place(pair, "buy", f"0.{digit}", "10") for digit in (1, 2, 3) for pair in pairs]
    kept = [other.place(pair, "buy", "0.1", "10") for pair in pairs]
    first = user.cancel_all(pairs[0])
    assert [order["id"] for order in first] == [order["id"] for order in placed if order["symbol"] == pairs[0].symbol]
    assert len({order["updated_at"] for order in first}) == 1
    assert user.cancel_all(pairs[0]) == []
    rest = user.cancel_all()
    assert [order["id"] for order in rest] == [o["id"] for o in placed if o["symbol"] != pairs[0].symbol]
    by_symbol = itertools.groupby(sorted(rest, key=lambda o: o["symbol"]), key=lambda o: o["symbol"])
    assert all(len({order["updated_at"] for order in group}) == 1 for _, group in by_symbol)
    assert user.cancel_all() == []
    check(user, USDT="1000 0")
    assert sorted(o["id"] for o in other.orders(status="open")) == sorted(o["id"] for o in kept)
    canceled = {order["id"]: order for order in (*first, *rest)}
    assert all(order == canceled[order["id"]] for order in user.orders())


def test_cancel_all_by_key(venue: Venue) -> None:
    """JWT and API key of one account are the same caller."""
    pair, user = venue.pair(), venue.user(None, USDT="1000")
    by_token = user.place(pair, "buy", "0.5", "10")
    body = {"symbol": pair.symbol, "side": "buy", "type": "limit", "price": "0.4", "quantity": "10"}
    by_key = user.key.call("POST", "/spot/orders", body).ok()
    assert user.key.call("GET", f"/spot/orders/{by_token['id']}").ok()["id"] == by_token["id"]
    assert user.order(by_key["id"])["price"] == "0.4000"
    assert user.key.call("DELETE", f"/spot/orders/{by_token['id']}").ok()["status"] == "canceled"
    canceled = user.key.call("DELETE", "/spot/orders", symbol=pair.symbol).ok()["canceled"]
    assert [order["id"] for order in canceled] == [by_key["id"]]
    check(user, USDT="1000 0")


def test_partial_fills_then_cancel_all(venue: Venue) -> None:
    pair = venue.pair()
    seller, buyer = venue.user(None, DF="100"), venue.user(None, USDT="100")
    asks = [seller.place(pair, "sell", price, "10") for price in ("1.1", "1.2", "1.3")]
    bought = buyer.place(pair, "buy", "1.2", "25")
    assert (bought["status"], bought["filled_qty"], bought["avg_fill_price"]) == ("partially_filled", "20", "1.1500")
    check(buyer, USDT="71 6", DF="20 0")
    buyer.place(pair, "buy", None, None, quote_quantity="3.9")
    check(buyer, USDT="67.1 6", DF="23 0")
    (canceled,) = seller.cancel_all()
    assert (canceled["id"], canceled["filled_qty"]) == (asks[2]["id"], "3")
    (rest,) = buyer.cancel_all()
    assert (rest["id"], rest["filled_qty"], rest["avg_fill_price"]) == (bought["id"], "20", "1.1500")
    check(buyer, USDT="73.1 0", DF="23 0")
    check(seller, USDT="26.9 0", DF="77 0")


def test_averages(venue: Venue) -> None:
    """With tick decimals on a tick; else rounded half-even, eight decimals finer, without trailing zeros."""
    pair = venue.pair(tick="0.01", lot="0.01")
    seller, buyer = venue.user(None, DF="1000"), venue.user(None, USDT="1000")
    for asks, average in [
        ([("1.00", "1"), ("1.02", "1")], "1.01"),
        ([("1.00", "1"), ("1.01", "1")], "1.005"),
        ([("1.00", "1"), ("1.01", "2")], "1.0066666667"),
        ([("1.00", "2"), ("1.01", "1")], "1.0033333333"),
        ([("1.00", "5.12"), ("1.01", "5.12"), ("1.02", "5.12")], "1.01"),
    ]:
        for price, quantity in asks:
            seller.place(pair, "sell", price, quantity)
        wanted = sum((D(quantity) for _, quantity in asks), D(0))
        bought = buyer.place(pair, "buy", "2", plain(wanted))
        assert (bought["status"], bought["avg_fill_price"]) == ("filled", average)
        assert buyer.order(bought["id"])["avg_fill_price"] == average


def test_price_then_time(venue: Venue) -> None:
    pair = venue.pair()
    makers = [venue.user(account_shard, DF="10") for account_shard in (*venue.shards, *venue.shards, 0, 0)]
    taker = venue.user(None, USDT="1000")
    prices = ["1.1", "1", "1.1", "1", "1.2", "1", "1.1", "1.2", "1", "1"][: len(makers)]
    asks = [maker.place(pair, "sell", price, "1") for maker, price in zip(makers, prices, strict=True)]
    expected = sorted(asks, key=lambda ask: D(ask["price"]))  # stable: then by time
    for ask in expected:
        bought = taker.place(pair, "buy", "1.2", "1")
        assert fills_of(bought) == [(ask["price"], "1", "0", "DF")]
        assert taker.trades(limit=1)[0]["trade_id"] == bought["fills"][0]["trade_id"]
        assert [user.orders()[0]["status"] for user in makers if user.orders()[0]["id"] == ask["id"]] == ["filled"]
    assert venue.depth(pair) == {"bids": [], "asks": []}


def test_ioc_and_market_rests(venue: Venue) -> None:
    pair = venue.pair()
    seller, buyer = venue.user(None, DF="100"), venue.user(None, USDT="100")
    nothing = buyer.place(pair, "buy", "1", "10", tif="ioc")
    assert (nothing["status"], nothing["filled_qty"], nothing["avg_fill_price"]) == ("canceled", "0", "0")
    for placed in (buyer.place(pair, "buy", None, None, quote_quantity="10"), seller.place(pair, "sell", None, "10")):
        assert (placed["status"], placed["filled_qty"], placed["fills"]) == ("canceled", "0", [])
    check(buyer, USDT="100 0")
    check(seller, DF="100 0")
    seller.place(pair, "sell", "1", "4")
    some = buyer.place(pair, "buy", "1", "10", tif="ioc")
    assert (some["status"], some["filled_qty"], some["quantity"]) == ("canceled", "4", "10")
    check(buyer, USDT="96 0", DF="4 0")
    seller.place(pair, "sell", "1", "4")
    ran_out = buyer.place(pair, "buy", None, None, quote_quantity="10")
    assert (ran_out["status"], ran_out["filled_qty"]) == ("canceled", "4")
    check(buyer, USDT="92 0", DF="8 0")
    buyer.place(pair, "buy", "1", "3")
    sold = seller.place(pair, "sell", None, "5")
    assert (sold["status"], sold["filled_qty"]) == ("canceled", "3")
    check(seller, USDT="11 0", DF="89 0")
    maker_only = buyer.place(pair, "buy", "1", "3", tif="post_only")
    assert (maker_only["status"], maker_only["tif"]) == ("open", "post_only")
    buyer.cancel(maker_only["id"]).ok()
    check(buyer, USDT="89 0", DF="11 0")


def test_fees_are_rounded_up_to_the_smallest_unit(venue: Venue) -> None:
    base, quote = venue.asset(2), venue.asset(4)
    pair = venue.pair(None, base, quote, tick="0.01", lot="0.01", min_notional="0.0001", maker_bps=1, taker_bps=1_000)
    seller, buyer = venue.user(None, **{base: "10"}), venue.user(None, **{quote: "10"})
    seller.place(pair, "sell", "1.37", "0.01")
    # 10 % of 0.01 is 0.001: rounded up, the whole 0.01; 0.01 % of 0.0137 is 0.0001
    assert fills_of(buyer.place(pair, "buy", "1.37", "0.01")) == [("1.37", "0.01", "0.01", base)]
    check(buyer, **{base: "0 0", quote: "9.9863 0"})
    check(seller, **{base: "9.99 0", quote: "0.0136 0"})
    seller.place(pair, "sell", "1.37", "1")
    buyer.place(pair, "buy", "1.37", "0.11")  # two fees of 2 units, not one of 3
    buyer.place(pair, "buy", "1.37", "0.11")
    check(buyer, **{base: "0.18 0", quote: "9.6849 0"})
    check(seller, **{base: "8.99 0.78", quote: "0.3148 0"})


def test_as_fine_and_as_large_as_numbers_get(venue: Venue) -> None:
    base, quote = venue.asset(18), venue.asset(18)
    fine = venue.pair(0, base, quote, tick="0.000000000000000001", lot="1", min_notional="0.000000000000000001")
    whole = venue.pair(
        venue.shard_count - 1, base, quote, tick="1", lot="0.000000000000000001", min_notional="0.000000000000000001"
    )
    rich, poor = "99999999999999999999", "0.000000000000000003"
    seller, buyer = venue.user(), venue.user()
    seller.endow(base, int(D(rich) * 10**18))
    buyer.endow(quote, int(D(rich) * 10**18))
    tiny = venue.user(None, **{quote: poor})
    highest = buyer.place(fine, "buy", "1000000000", "99999999999")
    assert highest["price"] == "1000000000.000000000000000000"
    check(buyer, **{quote: "999999999 99999999999000000000"})
    assert seller.place(fine, "sell", "999999999.999999999999999999", "99999999999")["status"] == "filled"
    check(seller, **{base: "99999999900000000000 0", quote: "99999999999000000000 0"})
    check(buyer, **{base: "99999999999 0", quote: "999999999 0"})
    least = tiny.place(whole, "buy", "1", "0.000000000000000002")
    check(tiny, **{quote: "0.000000000000000001 0.000000000000000002"})
    assert seller.place(whole, "sell", "1", "1e-18")["fills"][0]["quantity"] == "0.000000000000000001"
    canceled = tiny.cancel(least["id"]).ok()
    assert (canceled["filled_qty"], canceled["quantity"]) == ("0.000000000000000001", "0.000000000000000002")
    check(tiny, **{base: "0.000000000000000001 0", quote: "0.000000000000000002 0"})
    assert total((seller, buyer, tiny), base) == D(rich)
    assert total((seller, buyer, tiny), quote) == D(rich) + D(poor)


@pytest.mark.parametrize("written", ["0.5", "0.5000", "0.50000000000000000", "5e-1", "0.05e1", "5E-01", "00.5"])
def test_numbers_are_read_exactly(venue: Venue, written: str) -> None:
    pair, user = venue.pair(), venue.user(None, USDT="1000")
    assert user.place(pair, "buy", written, "10")["price"] == "0.5000"
    head = f'{{"symbol":"{pair.symbol}","side":"buy","type":"limit","quantity":1e1,"price":'
    if not written.startswith("00"):  # as a number, too
        placed = venue.send("POST", "/api/v1/spot/orders", user.bearer, f"{head}{written}}}".encode()).ok()
        assert (placed["price"], placed["quantity"]) == ("0.5000", "10")


def test_the_next_request_sees_it(venue: Venue) -> None:
    """Whichever worker takes it: every call is on a new connection."""
    pair, user = venue.pair(venue.shard_count - 1), venue.user(0, USDT="100")
    for number in range(20):
        order = user.place(pair, "buy", "1", "2", client_order_id=f"c-{number}")
        check(user, USDT="98 2")
        assert user.order(order["id"])["status"] == "open"
        assert user.orders(limit=1)[0]["id"] == order["id"]
        assert venue.depth(pair)["bids"] == [["1.0000", "2"]]
        canceled = user.by_client_id("DELETE", pair, f"c-{number}").ok()
        check(user, USDT="100 0")
        assert user.order(order["id"]) == canceled
        assert user.orders(limit=1) == [canceled]
        assert user.by_client_id("GET", pair, f"c-{number}").ok() == canceled
        assert venue.depth(pair)["bids"] == []
    assert len(user.orders(limit=200, status="canceled")) == 20
