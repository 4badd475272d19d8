"""Whatever a shard refuses, of both products, is a row of ``refusals``: once, with who, what, when and why."""

import json
from collections.abc import Mapping
from typing import Any

from tests.http.futures.order_trader import OrderTrader
from tests.http.futures.trader import list_contract, set_mark
from tests.http.venue import Pair, Venue, new_order

SHOWN = "command, reason, side, type, tif, price, quantity, quote_quantity, stop_price, client_id, reduce_only"


def rows(venue: Venue, account: str, columns: str = SHOWN) -> list[Mapping[str, Any]]:
    """The account's refusals, oldest first."""
    venue.wait_archived()
    found = venue.sql(f"SELECT {columns} FROM refusals WHERE account = '{account}' ORDER BY time_ms, request, sub")
    return [{name: value for name, value in row.items() if value is not None and value is not False} for row in found]


def account_shards(venue: Venue, shard: int) -> list[int]:
    """An account shard that is the market's, and another if there is any."""
    return [shard, (shard + 1) % venue.shard_count][: venue.shard_count]


def post_only(pair: Pair) -> bytes:
    """A purchase that would match at once."""
    return json.dumps(new_order(pair, "buy", "0.6", "10", tif="post_only", client_order_id="once")).encode()


def test_spot(venue: Venue) -> None:
    pair = venue.pair(0)
    for user in (venue.user(account_shard) for account_shard in account_shards(venue, 0)):
        assert user.try_place(pair, "buy", "0.5", "10", client_order_id="poor").brief() == "400 INSUFFICIENT_BALANCE"
        assert user.try_place(pair, "buy", None, None, quote_quantity="7").brief() == "400 INSUFFICIENT_BALANCE"
        user.deposit("DF", "10")
        user.deposit("USDT", "10")
        stranger = venue.user(DF="10")
        requested = stranger.place(pair, "sell", "0.5", "10")
        resting = user.place(pair, "sell", "0.7", "10")
        body = post_only(pair)
        target = user.key.target("/spot/orders", body)
        for _ in range(3):  # a repeat is answered as the first was
            assert user.key.send("POST", target, body).brief() == "400 POST_ONLY_REJECT"
        assert stranger.cancel(requested["id"]).status == 200
        assert stranger.cancel(resting["id"]).brief() == "403 FORBIDDEN"
        assert user.cancel(resting["id"]).status == 200
        assert user.cancel(resting["id"]).brief() == "404 ORDER_NOT_FOUND"
        assert user.cancel(venue.unused_id(pair)).brief() == "404 ORDER_NOT_FOUND"
        assert user.by_client_id("DELETE", pair, "never").brief() == "404 ORDER_NOT_FOUND"
        limit = {"side": "buy", "type": "limit", "quantity": 10.0}
        cancel = {"command": "cancel", "reason": "unknown_order"}
        poor = {"command": "place", "reason": "insufficient_balance"}
        assert rows(venue, user.name) == [
            {**poor, **limit, "tif": "gtc", "price": 0.5, "client_id": "poor"},
            {**poor, "side": "buy", "type": "market", "tif": "ioc", "quote_quantity": 7.0},
            {"command": "place", "reason": "post_only", **limit, "tif": "post_only", "price": 0.6, "client_id": "once"},
            cancel,
            cancel,
            {**cancel, "client_id": "never"},
        ]
        assert rows(venue, stranger.name) == [{"command": "cancel", "reason": "not_owner"}]
        named = rows(venue, user.name, "product, symbol, order_id, shard, request, sub, time")
        assert {(row["product"], row["symbol"]) for row in named} == {("spot", pair.symbol)}
        assert [bool(row.get("order_id")) for row in named] == [False, False, True, True, True, False]
        assert [row["shard"] for row in named] == [user.account_shard, user.account_shard, 0, 0, 0, 0]
        assert len({(row["shard"], row["request"]) for row in named}) == len(named)
        ended = f"SELECT id FROM orders JOIN refusals r USING (order_id) WHERE r.account = '{stranger.name}'"
        assert venue.sql(ended) == [{"id": resting["id"]}]


def test_futures(venue: Venue) -> None:
    symbol = list_contract(venue, 0)
    set_mark(venue, symbol, "50000")
    other = OrderTrader(venue, 0)
    other.try_place(symbol, "SELL", "51000", "0.010", timeInForce="GTC").ok()
    for trader in (OrderTrader(venue, account_shard, "100") for account_shard in account_shards(venue, 0)):
        poor = trader.try_place(symbol, "BUY", "50000", "1.000", newClientOrderId="poor", timeInForce="GTC")
        assert poor.json["code"] == -2019
        assert trader.try_place(symbol, "BUY", None, "0.100").json["code"] == -2019
        assert trader.try_place(symbol, "SELL", None, "0.001", reduceOnly="true").json["code"] == -2022
        assert trader.try_place(symbol, "BUY", "51000", "0.001", timeInForce="GTX").json["code"] == -5022
        assert trader.try_place(symbol, "BUY", "50000", "0.001", timeInForce="FOK").json["code"] == -5021
        stop = {"symbol": symbol, "side": "SELL", "type": "STOP_MARKET", "stopPrice": "50500", "quantity": "0.001"}
        stop["workingType"] = "MARK_PRICE"
        assert trader.call("POST", "/v1/order", **stop).json["code"] == -2021
        opened = trader.try_place(symbol, "BUY", "49000", "0.001", timeInForce="GTC", newClientOrderId="mine").ok()
        again = trader.try_place(symbol, "BUY", "49000", "0.002", newClientOrderId="mine", timeInForce="GTC")
        assert again.json["code"] == -4116
        more = {"symbol": symbol, "orderId": opened["orderId"], "side": "BUY", "quantity": "2"}
        assert trader.call("PUT", "/v1/order", **more).json["code"] == -2019
        named = f"[{opened['orderId']},{opened['orderId'] + 7}]"
        batch = trader.call("DELETE", "/v1/batchOrders", symbol=symbol, orderIdList=named).ok()
        assert [one.get("code") for one in batch] == [None, -2011]
        assert trader.call("DELETE", "/v1/order", symbol=symbol, orderId=opened["orderId"]).json["code"] == -2011
        lot, two = {"quantity": 0.001}, {"quantity": 0.002}
        sell = {"side": "sell", "tif": "gtc", **lot}
        buy, place = {"side": "buy", "type": "limit", "tif": "gtc"}, {"command": "place"}
        cancel = {"command": "cancel", "reason": "unknown_order"}
        assert rows(venue, trader.name) == [
            {**place, "reason": "insufficient_margin", **buy, "price": 50000.0, "quantity": 1.0, "client_id": "poor"},
            {**place, "reason": "insufficient_margin", **buy, "type": "market", "quantity": 0.1},
            {**place, "reason": "nothing_to_reduce", **sell, "type": "market", "reduce_only": True},
            {**place, "reason": "post_only", **buy, "tif": "post_only", "price": 51000.0, **lot},
            {**place, "reason": "cannot_fill", **buy, "tif": "fok", "price": 50000.0, **lot},
            {**place, "reason": "would_trigger", **sell, "type": "stop_market", "stop_price": 50500.0},
            {**place, "reason": "duplicate_client_id", **buy, "price": 49000.0, "client_id": "mine", **two},
            {"command": "modify", "reason": "insufficient_margin", "price": 49000.0, "quantity": 2.0},
            cancel,
            cancel,
        ]
        assert {row["product"] for row in rows(venue, trader.name, "product")} == {"futures"}
