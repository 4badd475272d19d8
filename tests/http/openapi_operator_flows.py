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


def pay(venue: WitnessVenue) -> None:
    """Deposits and withdrawals, and a reference that was used for something else."""
    user = venue.user(USDT="10")
    payment = {"account": user.name, "wallet": "spot", "asset": "USDT", "amount": "10"}
    for path in ("/deposits", "/withdrawals"):
        venue.operate("POST", path, {**payment, "reference": path[1:]}).ok()
        for change in ({"amount": "9"}, {"asset": "NONE"}, {"wallet": "cold"}, {"colour": "red"}):
            venue.operate("POST", path, {**payment, "reference": path[1:], **change})


def open_futures_market(venue: WitnessVenue) -> None:
    """Each field of a new market, its status, mark price and risk terms."""
    asset = venue.asset(6)
    symbol = f"{asset}USDT"
    terms = {"symbol": symbol, "base_asset": asset, **_STEPS, **_OPTIONAL}
    venue.operate("POST", "/futures/markets", terms).ok()
    venue.operate("POST", "/futures/markets", terms)
    for change in (*({field: "a b"} for field in terms), *_BAD_TERMS):
        venue.operate("POST", "/futures/markets", {**terms, "symbol": f"{asset}X", **change})
    for status in ("halted", "listed", "gone", "delisted", "listed"):
        venue.operate("PATCH", f"/futures/markets/{symbol}/status", {"status": status})
    venue.operate("PATCH", "/futures/markets/NONE/status", {"status": "halted"})
    for price in ("2500.5", None, "0.001", "x"):
        venue.operate("POST", "/futures/mark-price", {"symbol": "ETHUSDT", "price": price})
    for name in ("NONE", 1, symbol):
        venue.operate("POST", "/futures/mark-price", {"symbol": name, "price": "1"})
    _set_risk(venue, asset, symbol)


def _set_risk(venue: WitnessVenue, asset: str, delisted: str) -> None:
    symbol = f"{asset}R"
    terms = {"symbol": symbol, "base_asset": asset, **_STEPS, "brackets": _BRACKETS}
    venue.operate("POST", "/futures/markets", terms).ok()
    venue.operate("POST", "/futures/markets", {**terms, "symbol": f"{asset}X", "max_leverage": 50})
    for name in (symbol, delisted, "NONE"):
        venue.operate("PATCH", f"/futures/markets/{name}/risk", {"brackets": _BRACKETS[:1]})
        venue.operate("GET", f"/futures/risk/{name}")
    bodies: tuple[Any, ...] = ({}, {"brackets": []}, {"brackets": _BRACKETS[::-1]}, {"liquidation_fee": "0.01"}, [1])
    for body in bodies:
        venue.operate("PATCH", f"/futures/markets/{symbol}/risk", body)
    venue.operate("POST", "/futures/mark-price", {"symbol": symbol, "price": "100"}).ok()
    venue.operate("GET", f"/futures/risk/{symbol}").ok()


_STEPS: Final[dict[str, Any]] = {
    "tick_size": "0.1",
    "lot_size": "0.001",
    "min_notional": "10",
    "maker_fee_bps": 2,
    "taker_fee_bps": 5,
}
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
_BAD_TERMS: Final = ({"base_asset": "NONE"}, {"tick_size": "0.0000001"}, {"lot_size": "0"}, {"colour": "red"})
_BRACKETS: Final = [
    {"notional_cap": 40_000, "max_leverage": 100, "maint_margin_ratio": "0.005"},
    {"notional_cap": 200_000, "max_leverage": 50, "maint_margin_ratio": "0.01"},
]


OPERATOR_FLOWS: Final = (look_around, pay, open_futures_market)
