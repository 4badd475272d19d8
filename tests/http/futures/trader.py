"""Traders on margin: fresh accounts and futures markets on shards of one's choice, and every call over HTTP."""

import itertools
from typing import Any, Final
from urllib.parse import urlencode

from shards.model.markets import shard_of_symbol
from tests.http.futures.caller import Answer, Caller, Json, sender
from tests.http.venue import Venue

TERMS: Final[dict[str, Any]] = {
    "base_asset": "BTC",
    "tick_size": "0.1",
    "lot_size": "0.001",
    "min_notional": "10",
    "maker_fee_bps": 2,
    "taker_fee_bps": 5,
}
BRACKETS: Final = [
    {"notional_cap": 1_000, "max_leverage": 50, "maint_margin_ratio": "0.005"},
    {"notional_cap": 4_000, "max_leverage": 20, "maint_margin_ratio": "0.01"},
]
HELD: Final = "symbol amount entry_price margin maintenance_margin liquidation_price".split()
FUNDS: Final = "wallet_balance available_balance position_margin order_hold unrealized_profit".split()


def list_contract(venue: Venue, shard: int | None = None, **terms: Any) -> str:
    """A fresh futures market, with its book on that shard; returns its symbol."""
    symbol = free_symbol(venue, shard)
    told = venue.operate("POST", "/futures/markets", {"symbol": symbol, **TERMS, **terms}).ok()
    assert told == {"ok": True, "symbol": symbol}
    return symbol


def free_symbol(venue: Venue, shard: int | None = None) -> str:
    """A name that no market has, for a book on that shard."""
    names = (f"F{venue.number()}USDT" for _ in itertools.count())
    return next(name for name in names if shard in (None, shard_of_symbol(name, venue.shard_count)))


def set_mark(venue: Venue, symbol: str, price: str | None) -> None:
    """The operator's mark price; None: the last trade's."""
    told = venue.operate("POST", "/futures/mark-price", {"symbol": symbol, "price": price}).ok()
    assert told == {"ok": True, "symbol": symbol, "price": price}


class Trader:
    """An account with a futures wallet and an API key."""

    def __init__(self, venue: Venue, account_shard: int | None = None, funds: str = "0") -> None:
        self.venue = venue
        self.user = venue.user(account_shard)
        self.name = self.user.name
        key = self.user.key
        self.caller = Caller(sender(venue.exchange.port), key.key, key.secret)
        if funds != "0":
            self.deposit(funds).ok()

    # Money

    def pay(self, action: str, amount: str, reference: str) -> Any:
        payment = {"account": self.user.name, "wallet": "futures", "asset": "USDT", "amount": amount}
        return self.venue.operate("POST", f"/{action}", {**payment, "reference": reference})

    def deposit(self, amount: str) -> Any:
        return self.pay("deposits", amount, f"r{self.venue.number()}")

    def transfer(self, direction: str, amount: str, **more: Any) -> Any:
        return self.user.call(
            "POST", "/spot/transfer", {"token": "USDT", "direction": direction, "amount": amount, **more}
        )

    # Calls

    def call(self, method: str, path: str, /, **query: Any) -> Answer:
        """Signed; ``path`` after ``/fapi``."""
        return self.caller.call(method, path, urlencode(query))

    def try_place(self, symbol: str, side: str, price: str | None, quantity: str, **more: Any) -> Answer:
        order = {"symbol": symbol, "side": side, "quantity": quantity, **more}
        if price is None:
            return self.call("POST", "/v1/order", type="MARKET", **order)
        return self.call("POST", "/v1/order", type="LIMIT", price=price, **order)

    def place(self, symbol: str, side: str, price: str | None, quantity: str, **more: Any) -> Json:
        """A new order: limit with a price, market without one."""
        return self.try_place(symbol, side, price, quantity, **more).ok()

    def cancel(self, symbol: str, order: int) -> Json:
        return self.call("DELETE", "/v1/order", symbol=symbol, orderId=order).ok()

    def set_leverage(self, symbol: str, leverage: int) -> None:
        told = self.call("POST", "/v1/leverage", symbol=symbol, leverage=leverage).ok()
        assert told == {"leverage": leverage, "maxNotionalValue": "100000000", "symbol": symbol}

    # What it has

    def account(self, version: int = 3) -> Json:
        return self.call("GET", f"/v{version}/account").ok()

    def risk(self, symbol: str | None = None, version: int = 3) -> Json:
        query = {} if symbol is None else {"symbol": symbol}
        return self.call("GET", f"/v{version}/positionRisk", **query).ok()

    def money(self) -> str:
        """Wallet, available, margin of positions, holds, unrealized profit; every view says the same."""
        told = self.venue.operate("GET", f"/accounts/{self.name}").ok()
        wallet, available, position_margin, hold, unrealized = (told["futures"][name] for name in FUNDS)
        (balance,) = self.call("GET", "/v3/balance").ok()
        assert (balance["balance"], balance["availableBalance"], balance["crossUnPnl"]) == (
            wallet,
            available,
            unrealized,
        )
        asset = self.account()["assets"][0]
        assert (asset["walletBalance"], asset["availableBalance"]) == (wallet, available)
        assert (asset["positionInitialMargin"], asset["openOrderInitialMargin"]) == (position_margin, hold)
        assert asset["unrealizedProfit"] == unrealized
        return f"{wallet} {available} {position_margin} {hold} {unrealized}"

    def position(self, symbol: str) -> str:
        """Amount, entry price, margin; every view says the same. "" without a position."""
        held = self.venue.operate("GET", f"/accounts/{self.name}").ok()["positions"]
        found = [row for row in held if row["symbol"] == symbol]
        (shown,) = self.risk(symbol, 2)
        assert all(list(row) == HELD for row in held)
        if not found:
            nothing = (shown["positionAmt"], shown["entryPrice"], shown["positionInitialMargin"], shown["notional"])
            assert nothing == ("0", "0", "0", "0")
            return ""
        assert list(found[0].values())[1:] == [
            shown["positionAmt"],
            shown["entryPrice"],
            shown["positionInitialMargin"],
            shown["maintMargin"],
            shown["liquidationPrice"],
        ]
        return " ".join(list(found[0].values())[1:4])
