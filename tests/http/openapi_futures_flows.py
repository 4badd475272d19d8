"""The futures API without its orders: the server, market data, accounts, settings, credentials."""

from typing import Final

from tests.http.openapi_order_flows import BTC, LIMIT, trade
from tests.http.openapi_venue import WitnessVenue


def look_around(venue: WitnessVenue) -> None:
    """The server, and a path and a method that are not there."""
    for path in ("ping", "time", "exchangeInfo", "openapi.json"):
        assert venue.send("GET", f"/fapi/v1/{path}").status == 200, path
        venue.send("PATCH", f"/fapi/v1/{path}")
    venue.send("GET", "/fapi/v1/nowhere")
    venue.send("GET", "/fapi/v1/exchangeInfo?a=1&a=2")


def read_market(venue: WitnessVenue) -> None:
    """Public data, before and after the first trade."""
    _read_market(venue)
    trade(venue.trader(usdt="100000"), venue.trader(usdt="100000"))
    _read_market(venue)
    for path, query in _BAD_QUERIES:
        venue.send("GET", f"/fapi/v1/{path}?{query}")
    venue.send("GET", "/fapi/v2/ticker/price?symbol=NONE")


def _read_market(venue: WitnessVenue) -> None:
    for path in _PUBLIC:
        assert venue.send("GET", f"/fapi/{path}").status == 200, path


_PUBLIC: Final = (
    *(f"v1/depth?symbol={BTC}&limit={limit}" for limit in (50, 100, 500, 1000)),
    f"v1/trades?symbol={BTC}",
    f"v1/aggTrades?symbol={BTC}&fromId=1",
    f"v1/aggTrades?symbol={BTC}&startTime=1&endTime=9999999999999",
    f"v1/klines?symbol={BTC}&interval=1m",
    *(
        f"{path}{query}"
        for path in ("v1/premiumIndex", "v1/ticker/24hr", "v1/ticker/price", "v2/ticker/price", "v1/ticker/bookTicker")
        for query in ("", f"?symbol={BTC}")
    ),
)
_BAD_QUERIES: Final = (
    *((path, "symbol=NONE&interval=1m") for path in ("depth", "trades", "aggTrades", "klines", "ticker/24hr")),
    *((path, "symbol=NONE") for path in ("premiumIndex", "ticker/price", "ticker/bookTicker")),
    *((path, f"symbol={BTC}&limit=0&interval=1m") for path in ("depth", "trades", "aggTrades", "klines")),
    *((path, f"symbol={BTC}&startTime=2&endTime=1&interval=1m") for path in ("aggTrades", "klines")),
    ("aggTrades", f"symbol={BTC}&fromId=1&startTime=1"),
    ("klines", f"symbol={BTC}&interval=7m"),
)


def account(venue: WitnessVenue) -> None:
    """Balance, account, positions: of nobody, and of somebody with a losing position."""
    maker, trader = venue.trader(usdt="1000000"), venue.trader(usdt="100000.5")
    for who in (venue.trader(), trader):
        if who is trader:
            trade(maker, trader)
            trader.ok("POST", "/v1/order", **LIMIT, side="BUY", price="40000")
            venue.operate("POST", "/futures/mark-price", {"symbol": BTC, "price": "49000"}).ok()
        for path in ("/v2/balance", "/v3/balance", "/v2/account", "/v3/account"):
            who.ok("GET", path)
        for version in (1, 2, 3):
            who.ok("GET", f"/v{version}/positionRisk")
        venue.operate("GET", f"/accounts/{who.user.name}").ok()
    venue.operate("PATCH", f"/futures/markets/{BTC}/status", {"status": "delisted"})
    venue.operate("POST", "/futures/mark-price", {"symbol": BTC, "price": None}).ok()


def settings(venue: WitnessVenue) -> None:
    """Leverage, modes, fees, listen keys."""
    trader = venue.trader()
    trader.ok("POST", "/v1/leverage", symbol=BTC, leverage=10)
    for value in (0, 126, "x"):
        trader.ask("POST", "/v1/leverage", symbol=BTC, leverage=value)
    for kind in ("CROSSED", "ISOLATED", "OTHER"):
        trader.ask("POST", "/v1/marginType", symbol=BTC, marginType=kind)
    for path, name in (("/v1/positionSide/dual", "dualSidePosition"), ("/v1/multiAssetsMargin", "multiAssetsMargin")):
        trader.ok("GET", path)
        trader.ok("POST", path, **{name: "FALSE"})
        trader.ask("POST", path, **{name: "true"})
        trader.ask("POST", path, **{name: "maybe"})
    for path in ("/v1/leverageBracket", "/v1/symbolConfig", "/v1/commissionRate"):
        for query in ({"symbol": BTC}, {"symbol": "NONE"}, {}):
            trader.ask("GET", path, **query)
    for path in ("/v1/leverage", "/v1/marginType"):
        trader.ask("POST", path, symbol="NONE", leverage=1, marginType="CROSSED")
    for method in ("PUT", "POST", "PUT", "DELETE"):
        trader.send(method, "/v1/listenKey")


def credentials(venue: WitnessVenue) -> None:
    """What is wrong with a signed request beside what the probes do."""
    trader, reader = venue.trader(), venue.trader("read")
    for query in ("", "timestamp=x&signature=00", "timestamp=1", f"timestamp=1&signature={'0' * 64}"):
        trader.send("GET", "/v2/balance", query)
    trader.send("GET", "/v2/balance", "", headers={"X-MBX-APIKEY": "-"})
    reader.ok("GET", "/v2/balance")
    reader.ask("DELETE", "/v1/allOpenOrders", symbol=BTC)


FUTURES_FLOWS: Final = (look_around, read_market, settings, credentials, account)
