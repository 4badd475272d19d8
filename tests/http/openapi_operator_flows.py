"""The operator, and pages for machines, in use."""

from typing import Any, Final

from tests.http.openapi_venue import WitnessVenue
from tests.http.venue import API


def look_around(venue: WitnessVenue) -> None:
    """Health, metrics, documents, and a path and a method that are not there."""
    ready = ("/readyz", "/readyz?history=required")
    for path in ("/healthz", *ready, "/metrics", f"{API}/openapi.json", f"{API}/spot/health"):
        assert venue.send("GET", path).status == 200, path
        assert venue.send("OPTIONS", path).status == 405
    assert venue.send("GET", "/readyz?history=x").brief() == "400 invalid history"
    venue.send("GET", f"{API}/nowhere")
    venue.public("/spot/markets").ok()
    venue.public("/wallet/tokens").ok()


def operate(venue: WitnessVenue) -> None:
    """The operator's calls, and what they are refused for."""
    asset, user = venue.asset(6), venue.user()
    venue.operate("POST", "/assets", {"symbol": asset, "decimals": 6})
    for name, value in (("symbol", "a b"), ("decimals", 19), ("image", 1), ("chain_id", "x"), ("contract", 1)):
        venue.operate("POST", "/assets", {"symbol": "Z1", "decimals": 6, name: value})
    _open_markets(venue, asset)
    payment = {"account": user.name, "wallet": "spot", "asset": "USDT", "amount": "10", "reference": "r1"}
    for path in ("/deposits", "/withdrawals"):
        venue.operate("POST", path, {**payment, "reference": path[1:]}).ok()
        for change in (
            {"account": "a b"},
            {"wallet": "cold"},
            {"asset": ""},
            {"asset": "NONE"},
            {"amount": "x"},
            {"amount": "0"},
            {"reference": "a b"},
            {"reference": path[1:], "amount": "9"},
            {"reference": "too-much", "amount": "1000000000"} if path == "/withdrawals" else {"amount": "0.0000001"},
            {"colour": "red"},
        ):
            venue.operate("POST", path, {**payment, **change})
    venue.set_trading("enabled")
    venue.operate("POST", "/trading", {"spot": "on"})
    venue.operate("GET", f"/accounts/{user.name}").ok()
    venue.operate("GET", "/accounts/a%20b")
    venue.operate("GET", "/shards").ok()


def _open_markets(venue: WitnessVenue, asset: str) -> None:
    steps = {"tick_size": "0.1", "lot_size": "0.001", "min_notional": "10", "maker_fee_bps": 2, "taker_fee_bps": 5}
    spot = {"id": f"{asset}USDT", "base_token": asset, "quote_token": "USDT", **steps}
    futures = {"symbol": f"{asset}USDT", "base_asset": asset, **steps, **_OPTIONAL}
    changes: dict[str, Any] = dict.fromkeys((*spot, *futures), "a b")
    for path, terms in (("/spot/markets", spot), ("/futures/markets", futures)):
        venue.operate("POST", path, terms).ok()
        venue.operate("POST", path, terms)
        name = next(iter(terms))
        for change in (
            *({field: changes[field]} for field in terms),
            {"base_token" if "id" in terms else "base_asset": "NONE"},
            {"tick_size": "0.0000001"},
            {"lot_size": "0"},
            {"colour": "red"},
        ):
            venue.operate("POST", path, {**terms, name: f"{asset}X", **change})
        for status in ("halted", "listed", "gone", "delisted", "listed"):
            venue.operate("PATCH", f"{path}/{terms[name]}/status", {"status": status})
        venue.operate("PATCH", f"{path}/NONE/status", {"status": "halted"})
    for body in (
        {"symbol": "ETHUSDT", "price": "2500.5"},
        {"symbol": "ETHUSDT", "price": None},
        {"symbol": "ETHUSDT", "price": "0.001"},
        {"symbol": "ETHUSDT", "price": "x"},
        {"symbol": "NONE", "price": "1"},
        {"symbol": 1, "price": "1"},
        {"symbol": futures["symbol"], "price": "1"},
    ):
        venue.operate("POST", "/futures/mark-price", body)
    _set_risk(venue, asset, {"base_asset": asset, **steps}, futures["symbol"])


def _set_risk(venue: WitnessVenue, asset: str, terms: dict[str, Any], delisted: str) -> None:
    symbol = f"{asset}R"
    venue.operate("POST", "/futures/markets", {"symbol": symbol, **terms, "brackets": _BRACKETS}).ok()
    both = {"symbol": f"{asset}X", **terms, "brackets": _BRACKETS, "max_leverage": 50}
    venue.operate("POST", "/futures/markets", both)
    for name in (symbol, delisted, "NONE"):
        venue.operate("PATCH", f"/futures/markets/{name}/risk", {"brackets": _BRACKETS[:1]})
        venue.operate("GET", f"/futures/risk/{name}")
    for body in (
        {},
        {"brackets": []},
        {"brackets": _BRACKETS[::-1]},
        {"brackets": _BRACKETS, "colour": "red"},
        {"liquidation_fee": "0.01"},
        {"liquidation_fee": "0.1"},
        [1],
    ):
        venue.operate("PATCH", f"/futures/markets/{symbol}/risk", body)
    venue.operate("POST", "/futures/mark-price", {"symbol": symbol, "price": "100"}).ok()
    venue.operate("GET", f"/futures/risk/{symbol}").ok()


_BRACKETS: Final = [
    {"notional_cap": 40_000, "max_leverage": 100, "maint_margin_ratio": "0.005"},
    {"notional_cap": 200_000, "max_leverage": 50, "maint_margin_ratio": "0.01"},
]


_OPTIONAL: Final[dict[str, Any]] = {
    "max_notional": "1000000",
    "max_position_notional": 1_000_000,
    "min_leverage": 1,
    "max_leverage": 50,
    "default_leverage": 10,
    "maint_margin_ratio": "0.01",
    "trigger_protect": "0.1",
    "market_take_bound": "0.1",
    "mark_price": "100",
    "liquidation_fee": "0.01",
}


OPERATOR_FLOWS: Final = (look_around, operate)
