"""What an operator does, and that it is in force in every worker once it is answered."""

import itertools
from decimal import Decimal
from functools import partial

import pytest

from tests.http.venue import Answer, User, Venue, at_once, new_order

MANY = 20  # calls on connections of their own: all workers are among those who answer


def pay(venue: Venue, action: str, user: User, amount: str, reference: str, asset: str = "USDT") -> Answer:
    body = {"account": user.name, "wallet": "spot", "asset": asset, "amount": amount, "reference": reference}
    return venue.operate("POST", f"/{action}", body)


def test_assets(venue: Venue) -> None:
    symbol = f"A{venue.number()}"
    body = {"symbol": symbol, "decimals": 7, "image": "https://x/a.png", "chain_id": 11, "contract": "0x1"}
    assert venue.operate("POST", "/assets", body).ok() == {"ok": True, "symbol": symbol}
    for _ in range(MANY):
        told = venue.public("/wallet/tokens").ok()
        assert list(told) == ["success", "data", "error", "timestamp"]
        assert (told["success"], told["error"]) == (True, None)
        assert told["data"][-1] == {
            "symbol": symbol,
            "image": "https://x/a.png",
            "decimals": 7,
            "chainId": 11,
            "contract": "0x1",
        }
    assert venue.operate("POST", "/assets", body).brief() == "409 ASSET_EXISTS"
    plain_one = venue.asset(0)
    last = venue.public("/wallet/tokens").ok()["data"][-1]
    assert last == {"symbol": plain_one, "image": "", "decimals": 0, "chainId": 0, "contract": ""}


def test_markets(venue: Venue) -> None:
    for shard in venue.shards:
        pair = venue.pair(shard, tick="0.0005", lot="0.25", min_notional="2.50", maker_bps=3, taker_bps=1_000)
        user = venue.user(None, USDT="100")
        for _ in range(MANY // 2):
            user.cancel(user.place(pair, "buy", "1.0005", "2.5")["id"]).ok()
            assert venue.public("/spot/markets").ok()[-1] == {
                "id": pair.symbol,
                "base_token": "DF",
                "quote_token": "USDT",
                "tick_size": "0.0005",
                "lot_size": "0.25",
                "min_notional": "2.5",
                "maker_fee_bps": 3,
                "taker_fee_bps": 1_000,
                "status": "listed",
            }
        assert user.try_place(pair, "buy", "1.0001", "10").brief() == "400 INVALID_TICK"
        assert user.try_place(pair, "buy", "1", "10.1").brief() == "400 INVALID_LOT"
        assert user.try_place(pair, "buy", "1", "2.25").brief() == "400 BELOW_MIN_NOTIONAL"
        assert user.place(pair, "buy", "1", "2.5")["status"] == "open"


def test_one_of_simultaneous_markets_is_made(venue: Venue) -> None:
    symbol = f"N{venue.number()}"
    terms = {"id": symbol, "base_token": "DF", "quote_token": "USDT", "tick_size": "0.01", "lot_size": "1"}
    fees = [{"maker_fee_bps": number, "taker_fee_bps": number, "min_notional": "1"} for number in range(6)]

    def add(fee: dict[str, object]) -> str:
        return venue.operate("POST", "/spot/markets", {**terms, **fee}).brief()

    told = at_once([lambda fee=fee: add(fee) for fee in fees])  # type: ignore[misc]
    assert sorted(told) == ["200"] + ["409 MARKET_EXISTS"] * 5
    (made,) = (market for market in venue.public("/spot/markets").ok() if market["id"] == symbol)
    assert made["maker_fee_bps"] == made["taker_fee_bps"] == told.index("200")


def test_halted(venue: Venue) -> None:
    pair, user = venue.pair(venue.shard_count - 1), venue.user(0, USDT="100", DF="100")
    bids = [user.place(pair, "buy", "1", "10", client_order_id=f"h-{number}")["id"] for number in range(4)]
    user.place(pair, "sell", "2", "10")
    depth = venue.depth(pair)
    venue.set_status(pair, "halted")
    for _ in range(MANY):
        assert user.try_place(pair, "buy", "1", "10").brief() == "409 MARKET_HALTED"
    assert venue.depth(pair) == depth
    assert user.wallets() == {"USDT": "60 40", "DF": "90 10"}
    assert user.order(bids[0])["status"] == "open"
    assert user.cancel(bids[0]).ok()["status"] == "canceled"
    assert user.key.call("DELETE", f"/spot/orders/{bids[1]}").ok()["status"] == "canceled"
    assert user.by_client_id("DELETE", pair, "h-2").ok()["id"] == bids[2]
    assert user.wallets() == {"USDT": "90 10", "DF": "90 10"}
    # a repeat of an open order places nothing, and so answers even now
    assert user.place(pair, "buy", "1", "10", client_order_id="h-3")["id"] == bids[3]
    assert len(user.cancel_all(pair)) == 2
    assert user.wallets() == {"USDT": "100 0", "DF": "100 0"}
    venue.set_status(pair, "halted")
    venue.set_status(pair, "listed")
    for _ in range(MANY):
        assert user.try_place(pair, "buy", "1", "1").brief() == "200"
    user.cancel_all()


def test_delisted(venue: Venue) -> None:
    """All open orders are canceled, their money is back on every account shard, and the market is over."""
    for shard in venue.shards:
        pair, kept = venue.pair(shard), venue.pair(shard)
        users = [venue.user(account_shard, USDT="100", DF="100") for account_shard in venue.shards]
        others = [user.place(kept, "buy", "1", "1")["id"] for user in users]
        bids = [user.place(pair, "buy", "1", "10")["id"] for user in users]
        for user in users:
            user.place(pair, "sell", "2", "10")
        taker = venue.user(None, USDT="100")
        taker.place(pair, "buy", "2", "4")
        venue.set_status(pair, "delisted")
        sold = {"USDT": "107 1", "DF": "96 0"}  # the first asked first, and sold 4 at 2
        assert [user.wallets() for user in users] == [sold] + [{"USDT": "99 1", "DF": "100 0"}] * (len(users) - 1)
        for user, bid, other in zip(users, bids, others, strict=True):
            assert user.order(bid)["status"] == "canceled"
            assert [order["id"] for order in user.orders(status="open")] == [other]
            assert user.cancel(bid).brief() == "404 ORDER_NOT_FOUND"
            assert user.cancel_all(pair) == []
        assert [order["filled_qty"] for order in users[0].orders(symbol=pair.symbol)] == ["4", "0"]
        for _ in range(MANY // 2):
            assert users[0].try_place(pair, "buy", "1", "10").brief() == "410 MARKET_DELISTED"
            assert venue.depth(pair) == {"bids": [], "asks": []}
        for status in ("listed", "halted"):
            again = venue.operate("PATCH", f"/spot/markets/{pair.symbol}/status", {"status": status})
            assert again.brief() == "410 MARKET_DELISTED"
        (listed,) = (market for market in venue.public("/spot/markets").ok() if market["id"] == pair.symbol)
        assert listed["status"] == "delisted"
        for user in users:
            user.cancel_all()


def test_deposits_and_withdrawals(venue: Venue) -> None:
    for account_shard in venue.shards:
        user = venue.user(account_shard)
        first = pay(venue, "deposits", user, "100.5", "d-1").ok()
        assert first == {
            "ok": True,
            "reference": "d-1",
            "account": user.name,
            "wallet": "spot",
            "asset": "USDT",
            "amount": "100.5",
            "balance_after": "100.5",
        }
        assert user.wallets() == {"USDT": "100.5 0"}
        assert pay(venue, "deposits", user, "0.000001", "d-2").ok()["balance_after"] == "100.500001"
        again = [pay(venue, "deposits", user, written, "d-1").ok() for written in ("100.5", "100.50", "0100.5")]
        assert again == [first] * 3
        for conflict in (
            pay(venue, "deposits", user, "100.6", "d-1"),
            pay(venue, "deposits", user, "100.5", "d-1", "DF"),
            pay(venue, "withdrawals", user, "100.5", "d-1"),
        ):
            assert conflict.brief() == "409 REFERENCE_CONFLICT"
        assert user.wallets() == {"USDT": "100.500001 0"}

        assert pay(venue, "withdrawals", user, "100.500002", "w-1").brief() == "400 INSUFFICIENT_BALANCE"
        drawn = pay(venue, "withdrawals", user, "100.5", "w-1").ok()  # refused under this reference: it is still free
        assert (drawn["amount"], drawn["balance_after"]) == ("100.5", "0.000001")
        assert pay(venue, "withdrawals", user, "100.5", "w-1").ok() == drawn
        assert pay(venue, "deposits", user, "100.5", "w-1").brief() == "409 REFERENCE_CONFLICT"
        assert user.wallets() == {"USDT": "0.000001 0"}

        # a reference belongs to its account
        other = venue.user(account_shard)
        assert pay(venue, "deposits", other, "7", "d-1").ok()["balance_after"] == "7"


def test_what_orders_hold_cannot_be_withdrawn(venue: Venue) -> None:
    pair, user = venue.pair(venue.shard_count - 1), venue.user(0, USDT="10")
    order = user.place(pair, "buy", "1", "6")["id"]
    assert pay(venue, "withdrawals", user, "4.000001", "w-1").brief() == "400 INSUFFICIENT_BALANCE"
    assert pay(venue, "withdrawals", user, "4", "w-1").ok()["balance_after"] == "0"
    assert user.wallets() == {"USDT": "0 6"}
    user.cancel(order).ok()
    assert pay(venue, "withdrawals", user, "6", "w-2").ok()["balance_after"] == "0"


def test_simultaneous_deposits_of_one_reference(venue: Venue) -> None:
    user = venue.user()
    told = at_once([lambda: pay(venue, "deposits", user, "5", "same").ok()] * 8)
    assert told == told[:1] * 8
    assert user.wallets() == {"USDT": "5 0"}


def test_as_much_as_can_be_deposited(venue: Venue) -> None:
    """A bound that no slip passes; a withdrawal has that of what is there."""
    asset, user = venue.asset(18), venue.user()
    most = "1" + "0" * 15
    beyond = f"{most}.000000000000000001", "1000000000000001", "9" * 20
    for number, amount in enumerate(beyond):
        assert pay(venue, "deposits", user, amount, f"b-{number}", asset).brief() == "400 invalid amount"
    assert user.wallets() == {}
    assert pay(venue, "deposits", user, most, "m-1", asset).ok()["balance_after"] == most
    assert pay(venue, "deposits", user, most, "m-2", asset).ok()["balance_after"] == "2" + "0" * 15
    assert pay(venue, "withdrawals", user, "2" + "0" * 15, "m-3", asset).ok()["balance_after"] == "0"


@pytest.mark.parametrize("action", ["deposits", "withdrawals"])
def test_payments_are_written_out(venue: Venue, action: str) -> None:
    """An exponent, in a text or a number, is a slip of thousandfold."""
    user = venue.user(None, USDT="5000")
    body = {"account": user.name, "wallet": "spot", "asset": "USDT", "reference": "e-1"}
    for written in ("1e3", "1E3", "1e0", "1000e-3", "1.5e+2", 1e-05, 1e300):
        refused = venue.operate("POST", f"/{action}", {**body, "amount": written})
        assert refused.brief() == "400 invalid amount", written
    assert user.wallets() == {"USDT": "5000 0"}
    assert venue.operate("POST", f"/{action}", {**body, "amount": 1000}).ok()["amount"] == "1000"


@pytest.mark.parametrize("first", [0, 1])
def test_names_that_differ_in_case_alone(venue: Venue, first: int) -> None:
    """Of assets and markets of either product: the second is refused, and takes nothing from the first.

    A spot and a futures market may share exactly the same name.
    """
    number = venue.number()
    symbol = f"Case{number}x"
    assert venue.operate("POST", "/assets", {"symbol": symbol, "decimals": 8}).ok()
    spot = {"base_token": symbol, "quote_token": "USDT", "tick_size": "0.01", "lot_size": "1", "min_notional": "1"}
    futures = {"base_asset": symbol, "tick_size": "0.01", "lot_size": "1", "min_notional": "1"}
    fees = {"maker_fee_bps": 0, "taker_fee_bps": 0}
    products = [("/spot/markets", "id", {**spot, **fees}), ("/futures/markets", "symbol", {**futures, **fees})]
    for path, name, terms in (products[first], products[1 - first]):
        assert venue.operate("POST", path, {name: f"{symbol}USDT", **terms}).ok()
        for door, key, requested in products:
            for other in (f"{symbol}usdt", f"{symbol.upper()}USDT", f"{symbol.lower()}usdt"):
                assert venue.operate("POST", door, {key: other, **requested}).brief() == "409 MARKET_EXISTS"
    for other in (symbol.lower(), symbol.upper()):
        assert venue.operate("POST", "/assets", {"symbol": other, "decimals": 8}).brief() == "409 ASSET_EXISTS"
    listed = [each["id"] for each in venue.public("/spot/markets").ok()]
    assert [each for each in listed if each.lower() == f"{symbol}USDT".lower()] == [f"{symbol}USDT"]
    shown = [each["symbol"] for each in venue.public("/wallet/tokens").ok()["data"]]
    assert [each for each in shown if each.lower() == symbol.lower()] == [symbol]


def test_accounts(venue: Venue) -> None:
    user = venue.user(0, USDT="100", DF="5")
    for shard in venue.shards:
        pair = venue.pair(shard)
        user.place(pair, "buy", "1", "2")
        user.cancel(user.place(pair, "buy", "1", "3")["id"]).ok()
    held = 2 * venue.shard_count
    wallet = "wallet_balance available_balance position_margin order_hold unrealized_profit"
    nothing = dict.fromkeys(f"{wallet} margin_balance maintenance_margin margin_ratio".split(), "0")
    told = venue.operate("GET", f"/accounts/{user.name}").ok()
    assert list(told) == ["account", "spot", "futures", "positions", "open_orders"]
    assert told["account"] == user.name
    assert told["spot"] == [
        {"token": "DF", "available": "5", "frozen": "0"},
        {"token": "USDT", "available": str(100 - held), "frozen": str(held)},
    ]
    assert list(told["futures"].items()) == list(nothing.items())
    assert told["positions"] == []
    assert told["open_orders"] == {"spot": venue.shard_count, "futures": 0, "triggers": 0}
    user.cancel_all()
    assert venue.operate("GET", f"/accounts/{user.name}").ok()["open_orders"]["spot"] == 0
    unknown = venue.operate("GET", "/accounts/nobody@example.org:1").ok()
    assert unknown == {
        "account": "nobody@example.org:1",
        "spot": [],
        "futures": nothing,
        "positions": [],
        "open_orders": {"spot": 0, "futures": 0, "triggers": 0},
    }


def test_trading_switch(venue: Venue) -> None:
    """In force in all workers at once, either way; reads go on, and so does the operator."""
    pair, user = venue.pair(venue.shard_count - 1), venue.user(0, USDT="100")
    order = user.place(pair, "buy", "1", "10", client_order_id="t-1")["id"]
    body = new_order(pair, "buy", "1", "10")
    user.key  # noqa: B018 (made while all is well)
    off = "503 spot trading disabled"
    for _ in range(3):
        with venue.trading_disabled():
            calls = [
                partial(user.call, "POST", "/spot/orders", body),
                partial(user.cancel, order),
                partial(user.by_client_id, "DELETE", pair, "t-1"),
                partial(user.call, "DELETE", "/spot/orders"),
                partial(user.key.call, "DELETE", "/spot/orders"),
            ]
            refused = [call() for call in calls for _ in range(MANY // 2)]
            assert [answer.brief() for answer in refused] == [off] * len(refused)
            assert user.wallets()["USDT"] == "90 10"
            assert user.order(order)["status"] == "open"
            assert venue.public("/spot/health").ok()["engine"] == "disabled"
            assert venue.public("/spot/markets").ok()
            user.deposit("DF", "1")
        answers = [user.call("DELETE", "/spot/orders", symbol="NONE") for _ in range(MANY)]
        assert [answer.brief() for answer in answers] == ["200"] * MANY
        assert venue.public("/spot/health").ok()["engine"] == "running"
    assert user.cancel(order).ok()["status"] == "canceled"


def test_shards(venue: Venue) -> None:
    fields = "shard state pid markets accounts open_orders queue_depth queue_depth_max journal_seq snapshot_seq"
    fields += " archive_lag"

    def read() -> list[dict[str, int]]:
        told = venue.operate("GET", "/shards").ok()
        assert list(told) == ["shards", "archive"]
        assert list(told["archive"]) == ["state", "pid", "rows"] and told["archive"]["state"] == "serving"
        assert all(list(shard) == fields.split() and shard["state"] == "serving" for shard in told["shards"])
        assert [shard["shard"] for shard in told["shards"]] == list(venue.shards)
        shards: list[dict[str, int]] = told["shards"]
        return shards

    for shard in venue.shards:
        before = read()[shard]
        pair, user = venue.pair(shard), venue.user(shard, USDT="10")
        user.place(pair, "buy", "1", "1")
        order = user.place(pair, "buy", "1", "1")["id"]
        user.cancel(order).ok()
        after = read()[shard]
        grown = {name: after[name] - before[name] for name in ("markets", "accounts", "open_orders", "journal_seq")}
        assert grown == {"markets": 1, "accounts": 1, "open_orders": 1, "journal_seq": 5}
        assert after["queue_depth_max"] == 1_024
        user.cancel_all()
    venue.wait_archived()


def test_health(venue: Venue) -> None:
    told = venue.public("/spot/health").ok()
    assert list(told) == ["engine", "queue_depth", "books_loaded"]
    assert told["books_loaded"] == len(venue.public("/spot/markets").ok())
    assert venue.send("GET", "/healthz").ok() == {"status": "live"}
    ready = venue.send("GET", "/readyz").ok()
    assert ready["status"] == "ready"
    assert ready["shards"] == {str(shard): "serving" for shard in venue.shards}
    text = venue.send("GET", "/metrics")
    assert text.status == 200 and text.headers["Content-Type"].startswith("text/plain")
    user = venue.user(None, USDT="1")
    for secret in (user.name, user.jwt, user.key.key, venue.exchange.admin_key):
        assert secret not in venue.send("GET", "/metrics").body.decode()


@pytest.mark.parametrize("kind", ["buyer", "seller"])
def test_market_data_after_trades(venue: Venue, kind: str) -> None:
    """Trades, klines and ticker of a market, summed independently."""
    pair = venue.pair(venue.shard_count - 1)
    seller, buyer = venue.user(0, DF="100"), venue.user(0, USDT="1000")
    deals = [("1.5", "4"), ("1.2", "2.5"), ("1.8", "1"), ("1.4", "3")]
    for price, quantity in deals:
        first, second = (seller, buyer) if kind == "buyer" else (buyer, seller)
        first.place(pair, "sell" if first is seller else "buy", price, quantity)
        second.place(pair, "buy" if second is buyer else "sell", price, quantity)
    side = "buy" if kind == "buyer" else "sell"
    trades = venue.public("/spot/trades", symbol=pair.symbol).ok()
    assert all(list(trade) == ["trade_id", "symbol", "side", "price", "quantity", "ts"] for trade in trades)
    assert [(t["side"], Decimal(t["price"]), t["quantity"]) for t in reversed(trades)] == [
        (side, Decimal(price), quantity) for price, quantity in deals
    ]
    own = buyer.trades()
    assert [trade["trade_id"] for trade in own] == [trade["trade_id"] for trade in trades]
    assert venue.public("/spot/trades", symbol=pair.symbol, limit=2).ok() == trades[:2]
    volume = sum(Decimal(quantity) for _, quantity in deals)
    value = sum(Decimal(price) * Decimal(quantity) for price, quantity in deals)
    ticker = venue.public("/spot/ticker/24hr", symbol=pair.symbol).ok()
    assert {name: ticker[name] for name in ("symbol", "last_price", "open_price", "high", "low", "trade_count")} == {
        "symbol": pair.symbol,
        "last_price": "1.4000",
        "open_price": "1.5000",
        "high": "1.8000",
        "low": "1.2000",
        "trade_count": 4,
    }
    assert (Decimal(ticker["volume"]), Decimal(ticker["quote_volume"])) == (volume, value)
    assert ticker["close_time"] - ticker["open_time"] == 86_400
    assert ticker["symbol"] in [other["symbol"] for other in venue.public("/spot/ticker/24hr").ok()]
    days = venue.public("/spot/klines", symbol=pair.symbol, interval="1d").ok()
    minutes = venue.public("/spot/klines", symbol=pair.symbol, interval="1m").ok()
    for candles, seconds in ((days, 86_400), (minutes, 60)):
        assert all(c[0] % seconds == 0 and c[6] == c[0] + seconds - 1 for c in candles)
        assert [earlier[0] < later[0] for earlier, later in itertools.pairwise(candles)] == [True] * (len(candles) - 1)
        assert sum(Decimal(c[5]) for c in candles) == volume
        assert sum(Decimal(c[7]) for c in candles) == value
        assert sum(c[8] for c in candles) == 4
        assert (candles[0][1], candles[-1][4]) == ("1.5000", "1.4000")
        assert (max(Decimal(c[2]) for c in candles), min(Decimal(c[3]) for c in candles)) == (
            Decimal("1.8"),
            Decimal("1.2"),
        )
