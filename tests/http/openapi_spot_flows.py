"""Spot orders, wallets and keys in use."""

from typing import Final

from tests.http.openapi_venue import WitnessVenue
from tests.http.venue import Pair, User, new_order


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
    venue.operate("GET", f"/accounts/{user.name}").ok()


def _read_market(venue: WitnessVenue, pair: Pair) -> None:
    venue.depth(pair)
    venue.public("/spot/trades", symbol=pair.symbol, limit=1).ok()
    assert venue.public("/spot/klines", symbol=pair.symbol, interval="1m").ok()
    venue.public("/spot/ticker/24hr", symbol=pair.symbol).ok()
    assert venue.public("/spot/ticker/24hr").ok()


def keys_and_credentials(venue: WitnessVenue) -> None:
    """Keys made, listed, revoked; what opens nothing."""
    user, reader = venue.user(), venue.user().make_key("read")
    made = user.call("POST", "/api-keys", {"label": "grid bot"}).ok()
    user.call("GET", "/api-keys").ok()
    user.call("DELETE", f"/api-keys/{made['api_key']}").ok()
    user.call("DELETE", f"/api-keys/{made['api_key']}")
    for _ in range(20):
        user.call("POST", "/api-keys", {}).ok()
    user.call("POST", "/api-keys", {})
    reader.call("POST", "/spot/transfer")


def transfer(venue: WitnessVenue) -> None:
    """To the futures wallet and back."""
    user = venue.user(USDT="100")
    move = {"token": "USDT", "direction": "spot_to_perp", "amount": "60.5", "reference": "move-1"}
    for _ in range(2):
        user.call("POST", "/spot/transfer", move).ok()
    back = {**move, "direction": "perp_to_spot", "reference": "move-2", "amount": 10.5}
    user.call("POST", "/spot/transfer", back).ok()
    user.call("POST", "/spot/transfer", {**move, "amount": "61"})


SPOT_FLOWS: Final = (place_and_cancel, keys_and_credentials, transfer)
