"""Spot orders, wallets and keys in use, and what they are refused for."""

from typing import Any, Final

from tests.http.openapi_venue import WitnessVenue
from tests.http.venue import API, Pair, User, new_order


def place_and_cancel(venue: WitnessVenue) -> None:
    """Each kind of order, and each way of canceling, by token and by key."""
    pair = venue.pair(maker_bps=10, taker_bps=20)
    maker, taker = venue.user(DF="1000", USDT="1000"), venue.user(DF="1000", USDT="1000")
    sell = maker.place(pair, "sell", "0.6100", "40", client_order_id="rests/1")
    taker.place(pair, "buy", "0.6100", "12.5", tif="ioc")
    taker.place(pair, "buy", None, None, quote_quantity="3")
    taker.place(pair, "sell", None, "3")
    maker.place(pair, "buy", "0.5", "10", tif="post_only")
    taker.place(pair, "sell", None, "2")
    maker.order(sell["id"])
    maker.by_client_id("GET", pair, "rests/1").ok()
    maker.cancel(sell["id"].upper()).ok()
    maker.place(pair, "sell", "0.7", "2", client_order_id="again")
    maker.by_client_id("DELETE", pair, "again").ok()
    maker.place(pair, "sell", "0.8", "2")
    assert len(maker.cancel_all(pair)) == 2
    key = maker.key
    placed = key.call("POST", "/spot/orders", new_order(pair, "sell", "0.9", "2")).ok()
    key.call("DELETE", f"/spot/orders/{placed['id']}").ok()
    key.call("DELETE", "/spot/orders").ok()
    _read_own(venue, pair, maker, sell["id"])
    venue.wait_archived()
    _read_own(venue, pair, maker, sell["id"])
    _read_market(venue, pair)


def _read_own(venue: WitnessVenue, pair: Pair, user: User, order: str) -> None:
    for query in (
        {"symbol": pair.symbol},
        {"status": "canceled", "limit": 1},
        {"before": order},
        {"start": 1, "end": 2},
    ):
        user.orders(**query)
    user.order(order)
    user.by_client_id("GET", pair, "again").ok()
    trades = user.trades(symbol=pair.symbol)
    assert trades
    user.trades(before=trades[0]["trade_id"], limit=1, start=1)
    user.balances()
    for path in ("/spot/orders", "/spot/trades/me"):
        for name in ("symbol", "start", "end", "limit", "before"):
            user.call("GET", path, **{name: "-"})
    user.call("GET", "/spot/orders", status="gone")
    venue.operate("GET", f"/accounts/{user.name}").ok()


def _read_market(venue: WitnessVenue, pair: Pair) -> None:
    venue.depth(pair)
    venue.public("/spot/trades", symbol=pair.symbol, limit=1).ok()
    assert venue.public("/spot/klines", symbol=pair.symbol, interval="1m").ok()
    venue.public("/spot/ticker/24hr", symbol=pair.symbol).ok()
    assert venue.public("/spot/ticker/24hr").ok()
    for path in ("/spot/depth", "/spot/trades", "/spot/klines", "/spot/ticker/24hr"):
        for query in (
            {},
            {"symbol": "NONE", "interval": "1m"},
            {"symbol": pair.symbol, "limit": "x", "interval": "1m"},
        ):
            venue.public(path, **query)
        venue.send("GET", f"{API}{path}?symbol=A&symbol=B")
    for query in ({"interval": "7m"}, {"interval": "1m", "start_time": "x"}, {"interval": "1m", "end_time": "x"}):
        venue.public("/spot/klines", symbol=pair.symbol, **query)


def refuse_orders(venue: WitnessVenue) -> None:
    """What a new order and a cancel can be refused for."""
    pair = venue.pair()
    user, other = venue.user(DF="100", USDT="100"), venue.user()
    good = new_order(pair, "buy", "0.5", "10")
    for change in _BAD_ORDERS:
        user.call("POST", "/spot/orders", {name: v for name, v in {**good, **change}.items() if v is not None})
    mine = user.place(pair, "buy", "0.5", "10", client_order_id="mine")["id"]
    user.try_place(pair, "buy", "0.4", "10", client_order_id="mine")
    user.try_place(pair, "sell", "0.5", "10")
    user.place(pair, "sell", "0.7", "10")
    user.try_place(pair, "buy", "1000", "10", tif="post_only")
    other.deposit("DF", "10")
    other.try_place(pair, "sell", "0.5", "10", tif="post_only")
    assert {order["status"] for order in user.orders(symbol=pair.symbol)} >= {"rejected", "open"}
    other.cancel(mine)
    other.call("GET", f"/spot/orders/{mine}")
    for method in ("GET", "DELETE"):
        user.call(method, "/spot/orders/nonsense")
        user.call(method, f"/spot/orders/{venue.unused_id(pair)}")
        user.by_client_id(method, pair, "never used")
        user.by_client_id(method, pair, "never-used")
    user.call("DELETE", "/spot/orders", symbol="NONE").ok()
    venue.send("DELETE", f"{API}/spot/orders?symbol=A&symbol=A", user.bearer)
    user.call("DELETE", "/spot/orders", market="NONE")
    for name in ("recvWindow", "signature", "timestamp"):
        venue.send("DELETE", f"{API}/spot/orders?{name}=1;symbol=NONE", user.bearer)
    venue.send("DELETE", f"{API}/spot/orders", user.bearer, b"{")
    user.cancel(mine).ok()
    user.cancel(mine)
    _refuse_while_closed(venue, user)


def _refuse_while_closed(venue: WitnessVenue, user: User) -> None:
    pair = venue.pair()
    venue.set_trading("disabled")
    user.try_place(pair, "buy", "0.5", "10")
    user.call("DELETE", "/spot/orders")
    user.cancel(venue.unused_id(pair))
    user.by_client_id("DELETE", pair, "x")
    venue.public("/spot/health").ok()
    venue.set_trading("enabled")
    for status in ("halted", "delisted"):
        venue.set_status(pair, status)
        user.try_place(pair, "buy", "0.5", "10")
    venue.operate("PATCH", f"/spot/markets/{pair.symbol}/status", {"status": "listed"})


_BAD_ORDERS: Final[tuple[dict[str, Any], ...]] = (
    {"symbol": None},
    {"symbol": 1},
    {"symbol": "NONE"},
    {"side": "BUY"},
    {"type": "stop"},
    {"tif": "fok"},
    {"client_order_id": "a b"},
    {"price": None},
    {"quantity": None},
    {"price": "x"},
    {"quantity": "x"},
    {"price": "0.50001"},
    {"quantity": "0.001"},
    {"quantity": "1"},
    {"quantity": "100000"},
    {"type": "market", "side": "sell", "quantity": None},
    {"type": "market"},
    {"type": "market", "quote_quantity": "x"},
    {"type": "market", "quote_quantity": "0.0000001"},
)


def keys_and_credentials(venue: WitnessVenue) -> None:
    """Keys made, listed, revoked; what opens nothing."""
    user, reader = venue.user(), venue.user().make_key("read")
    made = user.call("POST", "/api-keys", {"label": "grid bot"}).ok()
    user.call("GET", "/api-keys").ok()
    user.call("DELETE", f"/api-keys/{made['api_key']}").ok()
    user.call("DELETE", f"/api-keys/{made['api_key']}")
    for body in ({"label": 1}, {"permissions": ["withdraw"]}, None):
        user.call("POST", "/api-keys", body)
    for _ in range(20):
        user.call("POST", "/api-keys", {}).ok()
    user.call("POST", "/api-keys", {})
    for method, path in (
        ("POST", "/api-keys"),
        ("GET", "/api-keys"),
        ("DELETE", "/api-keys/x"),
        ("POST", "/spot/transfer"),
    ):
        reader.call(method, path)
    pair = venue.pair()
    reader.call("GET", "/spot/orders").ok()
    for method, path in (
        ("POST", "/spot/orders"),
        ("DELETE", "/spot/orders"),
        ("DELETE", f"/spot/orders/{venue.unused_id(pair)}"),
        ("DELETE", f"/spot/orders/by-client-id/{pair.symbol}/x"),
    ):
        reader.call(method, path)


def transfer(venue: WitnessVenue) -> None:
    """To the futures wallet and back."""
    user = venue.user(USDT="100")
    move = {"token": "USDT", "direction": "spot_to_perp", "amount": "60.5", "reference": "move-1"}
    for _ in range(2):
        user.call("POST", "/spot/transfer", move).ok()
    user.call(
        "POST", "/spot/transfer", {**move, "direction": "perp_to_spot", "reference": "move-2", "amount": 10.5}
    ).ok()
    for change in (
        {"amount": "61"},
        {"reference": "a b"},
        {"token": "DF"},
        {"direction": "up"},
        {"amount": "0"},
        {"amount": "-1"},
        {"amount": "x"},
        {"amount": "0.0000001"},
        {"amount": "1000", "reference": "move-3"},
    ):
        user.call("POST", "/spot/transfer", {**move, **change})
    user.call("POST", "/spot/transfer")


SPOT_FLOWS: Final = (place_and_cancel, refuse_orders, keys_and_credentials, transfer)
