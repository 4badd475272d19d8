"""Fills and income: what a futures wallet has seen, in the shards' memory and in the archive alike."""

import itertools
from decimal import Decimal
from typing import Final

import pytest

from tests.http.futures.caller import Json, now_ms
from tests.http.futures.order_trader import AwaitArchive, OrderTrader
from tests.http.futures.trader import list_contract
from tests.http.venue import Venue

FILL: Final = (
    "symbol id orderId side price qty quoteQty realizedPnl commission commissionAsset marginAsset time positionSide"
    " buyer maker"
).split()
INCOME: Final = "symbol incomeType income asset info time tranId tradeId".split()


class Cast:
    """Two accounts on different shards that trade on two markets: each opens, adds, reduces, turns and closes."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.own, self.other = OrderTrader(venue, 0), OrderTrader(venue, venue.shard_count - 1)
        wide = {"market_take_bound": "0.2"}  # so far from each other are their prices
        self.symbols = [list_contract(venue, shard, **wide) for shard in (venue.shard_count - 1, 0)]
        for symbol in self.symbols:
            self._trade(symbol)

    def _trade(self, symbol: str) -> None:
        own, other = self.own, self.other
        self.bought = own.place(symbol, "BUY", "100.1", "3")["orderId"]
        other.place(symbol, "SELL", "100.1", "1")
        other.place(symbol, "SELL", "100.1", "2")
        other.place(symbol, "BUY", "110.2", "1")
        other.place(symbol, "BUY", "109.9", "4")
        self.sold = own.place(symbol, "SELL", "105", "5")["orderId"]
        other.place(symbol, "SELL", "112.5", "2")
        own.place(symbol, "BUY", None, "2")


@pytest.fixture(scope="session")
def cast(venue: Venue) -> Cast:
    return Cast(venue)


# side, price, quantity, value, profit, fee, maker; the fee is 2 and 5 basis points, rounded up to 10^-6
EXPECTED: Final = [
    ("BUY", "100.1", "1", "100.1", "0", "0.02002", True),
    ("BUY", "100.1", "2", "200.2", "0", "0.04004", True),
    ("SELL", "110.2", "1", "110.2", "10.1", "0.0551", False),
    ("SELL", "109.9", "4", "439.6", "19.6", "0.2198", False),
    ("BUY", "112.5", "2", "225", "-5.2", "0.1125", False),
]


def test_fills(cast: Cast, await_archive: AwaitArchive) -> None:
    await_archive()
    for symbol in cast.symbols:
        fills = cast.own.get("/userTrades", symbol=symbol)
        assert [list(fill) for fill in fills] == len(EXPECTED) * [FILL]
        shown = "side price qty quoteQty realizedPnl commission maker".split()
        assert [tuple(fill[name] for name in shown) for fill in fills] == EXPECTED
        for fill in fills:
            assert fill["symbol"] == symbol and fill["positionSide"] == "BOTH"
            assert fill["commissionAsset"] == fill["marginAsset"] == "USDT"
            assert fill["buyer"] is (fill["side"] == "BUY")
            assert type(fill["id"]) is type(fill["orderId"]) is type(fill["time"]) is int
        assert [fill["time"] for fill in fills] == sorted(fill["time"] for fill in fills)
        mirrored = cast.other.get("/userTrades", symbol=symbol)
        assert [fill["id"] for fill in mirrored] == [fill["id"] for fill in fills]
        for own, other in zip(fills, mirrored, strict=True):
            assert (own["time"], own["price"], own["qty"]) == (other["time"], other["price"], other["qty"])
            assert own["buyer"] is not other["buyer"] and own["maker"] is not other["maker"]
            assert own["orderId"] != other["orderId"]
        public = cast.own.get("/trades", symbol=symbol)
        assert [(trade["id"], trade["time"]) for trade in public] == [(fill["id"], fill["time"]) for fill in fills]


def test_which_fills(cast: Cast, await_archive: AwaitArchive) -> None:
    await_archive()
    symbol = cast.symbols[-1]
    fills = cast.own.get("/userTrades", symbol=symbol)

    def ask(**query: str | int) -> list[Json]:
        found: list[Json] = cast.own.get("/userTrades", symbol=symbol, **query)
        return found

    assert ask(orderId=cast.bought) == fills[:2]
    assert ask(orderId=cast.sold) == fills[2:4]
    assert ask(orderId=cast.sold, limit=1) == fills[3:4]
    assert ask(orderId=cast.sold, fromId=0, limit=1) == fills[2:3]
    assert ask(orderId=cast.sold | 1 << 39) == ask(orderId=0) == ask(orderId=2**63 - 1) == []
    for limit in (1, 2, 5, 1_000):
        assert ask(limit=limit) == fills[-limit:]
        assert ask(limit=limit, fromId=0) == ask(limit=limit, startTime=0) == fills[:limit]
        for place, fill in enumerate(fills):
            assert ask(limit=limit, fromId=fill["id"]) == fills[place:][:limit]
            assert ask(limit=limit, fromId=fill["id"] + 1) == fills[place + 1 :][:limit]
    times = sorted({fill["time"] for fill in fills})
    for start, end in itertools.combinations_with_replacement([times[0] - 1, *times, times[-1] + 1], 2):
        wanted = [fill for fill in fills if start <= fill["time"] <= end]
        assert ask(startTime=start, endTime=end) == wanted
        assert ask(startTime=start, endTime=end, limit=2) == wanted[:2]
        assert ask(endTime=end) == [fill for fill in fills if fill["time"] <= end]
        assert ask(endTime=end, limit=1) == [fill for fill in fills if fill["time"] <= end][-1:]
    assert OrderTrader(cast.venue).get("/userTrades", symbol=symbol) == []
    assert cast.other.get("/userTrades", symbol=symbol, orderId=cast.bought) == []


def test_income(venue: Venue, await_archive: AwaitArchive) -> None:
    """Every change of the wallet, oldest first; together they are what is in it."""
    symbols = [list_contract(venue, shard, market_take_bound="0.2") for shard in (venue.shard_count - 1, 0)]
    own, other = OrderTrader(venue, 0, "100"), OrderTrader(venue)
    reference = f"in-{venue.number()}"
    own.pay("deposits", "900.000001", reference).ok()
    for symbol in symbols:
        other.place(symbol, "SELL", "100", "1")
        own.place(symbol, "BUY", "100", "1")
        other.place(symbol, "BUY", "90", "1")
        own.place(symbol, "SELL", "90", "1")
    out = f"out-{venue.number()}"
    own.transfer("perp_to_spot", "50.5", reference=out).ok()
    own.transfer("spot_to_perp", "0.25").ok()
    await_archive()

    rows = own.get("/income")
    assert [list(row) for row in rows] == len(rows) * [INCOME]
    trading = [("COMMISSION", "-0.05"), ("REALIZED_PNL", "-10"), ("COMMISSION", "-0.045")]
    moved = [("TRANSFER", "100"), ("TRANSFER", "900.000001")]
    back = [("TRANSFER", "-50.5"), ("TRANSFER", "0.25")]
    shown = [(row["incomeType"], row["income"]) for row in rows]
    assert shown[:2] == moved and shown[-2:] == back
    assert sorted(shown[2:5]) == sorted(shown[5:8]) == sorted(trading) and len(shown) == 10
    assert [row["symbol"] for row in rows] == ["", "", *3 * [symbols[0]], *3 * [symbols[1]], "", ""]
    assert [row["info"] for row in rows[1:3]] == [reference, "COMMISSION"]
    assert [row["info"] for row in rows[-2:]] == [out, "TRANSFER"]
    times = [row["time"] for row in rows]
    assert times == sorted(times) and times[-1] <= now_ms()
    trades = {str(fill["id"]) for symbol in symbols for fill in own.get("/userTrades", symbol=symbol)}
    for row in rows:
        assert row["asset"] == "USDT" and type(row["tranId"]) is int
        assert (row["tradeId"] in trades) is (row["incomeType"] != "TRANSFER")
        assert row["tradeId"] == "" or row["incomeType"] != "TRANSFER"
    assert len({(row["incomeType"], row["tranId"]) for row in rows}) == len(rows)
    (balance,) = own.call("GET", "/v2/balance").ok()
    assert sum(Decimal(row["income"]) for row in rows) == Decimal(balance["balance"])

    for kind in ("TRANSFER", "REALIZED_PNL", "COMMISSION"):
        assert own.get("/income", incomeType=kind) == [row for row in rows if row["incomeType"] == kind]
    for symbol in symbols:
        assert own.get("/income", symbol=symbol) == [row for row in rows if row["symbol"] == symbol]
    for limit in (1, 4, 10, 1_000):
        assert own.get("/income", limit=limit) == rows[-limit:]
        assert own.get("/income", limit=limit, startTime=0) == rows[:limit]
    for start, end in itertools.combinations_with_replacement(sorted(set(times)), 2):
        assert own.get("/income", startTime=start, endTime=end) == [row for row in rows if start <= row["time"] <= end]
    assert own.get("/income", endTime=times[0] - 1) == []
    assert OrderTrader(venue, funds="1").get("/income")[0]["income"] == "1"


def test_pages_of_income(cast: Cast, await_archive: AwaitArchive) -> None:
    """From a start they go on from it; without one from the newest back. Together they are all there is."""
    await_archive()
    rows = cast.own.get("/income")
    for limit in (1, 3, 10, 1_000):
        for query in ({"startTime": 0}, {}, {"endTime": rows[-2]["time"]}, {"incomeType": "COMMISSION"}):
            wanted = [
                row
                for row in rows
                if row["time"] <= query.get("endTime", row["time"])
                and row["incomeType"] == query.get("incomeType", row["incomeType"])
            ]
            pages: list[list[Json]] = []
            while not pages or len(pages[-1]) == limit:
                pages.append(cast.own.get("/income", limit=limit, page=len(pages) + 1, **query))
                assert len(pages) <= len(wanted) + 1
            assert len(pages) == len(wanted) // limit + 1
            ordered = pages if "startTime" in query else pages[::-1]
            assert [row for page in ordered for row in page] == wanted
            assert pages[0] == cast.own.get("/income", limit=limit, **query)


def test_kinds_of_income_that_there_are_not(cast: Cast) -> None:
    for kind in NO_INCOME:
        assert cast.own.get("/income", incomeType=kind) == []


NO_INCOME: Final = (
    "WELCOME_BONUS FUNDING_FEE INSURANCE_CLEAR REFERRAL_KICKBACK COMMISSION_REBATE API_REBATE CONTEST_REWARD"
    " CROSS_COLLATERAL_TRANSFER OPTIONS_PREMIUM_FEE OPTIONS_SETTLE_PROFIT INTERNAL_TRANSFER AUTO_EXCHANGE"
    " DELIVERED_SETTELMENT COIN_SWAP_DEPOSIT COIN_SWAP_WITHDRAW POSITION_LIMIT_INCREASE_FEE"
    " STRATEGY_UMFUTURES_TRANSFER FEE_RETURN BFUSD_REWARD"
).split()

REFUSED: Final = [
    ("/v1/userTrades", "", "400 -1102"),
    ("/v1/userTrades", "symbol=NONE", "400 -1121"),
    ("/v1/userTrades", "symbol={symbol}&orderId=x&limit=0", "400 -1102"),
    ("/v1/userTrades", "symbol={symbol}&fromId=-1&limit=0", "400 -1102"),
    ("/v1/userTrades", "symbol={symbol}&fromId=1&startTime=1", "400 -1128"),
    ("/v1/userTrades", "symbol={symbol}&fromId=1&endTime=1", "400 -1128"),
    ("/v1/userTrades", "symbol={symbol}&fromId=1&endTime=", "200"),
    ("/v1/userTrades", "symbol={symbol}&startTime=2&endTime=1&limit=0", "400 -1023"),
    ("/v1/userTrades", "symbol={symbol}&startTime=x", "400 -1102"),
    ("/v1/userTrades", "symbol={symbol}&limit=0", "400 -1130"),
    ("/v1/userTrades", "symbol={symbol}&limit=1001", "400 -1130"),
    ("/v1/userTrades", "symbol={symbol}&limit=1000", "200"),
    ("/v1/income", "", "200"),
    ("/v1/income", "symbol=NONE&incomeType=x", "400 -1121"),
    ("/v1/income", "incomeType=FUNDING_FEE&limit=0", "400 -1130"),
    ("/v1/income", "incomeType=FUNDING_FEE&page=0", "400 -1130"),
    ("/v1/income", "incomeType=FUNDING_FEES", "400 -1130"),
    ("/v1/income", "incomeType=funding_fee", "400 -1130"),
    ("/v1/income", "incomeType=transfer", "400 -1130"),
    ("/v1/income", "startTime=2&endTime=1&limit=0", "400 -1023"),
    ("/v1/income", "limit=1001", "400 -1130"),
    ("/v1/income", "page=0", "400 -1130"),
    ("/v1/income", "page=-1", "400 -1130"),
    ("/v1/income", "page=1.0", "400 -1130"),
    ("/v1/income", "page=1000000001", "400 -1130"),
    ("/v1/income", "page=1000000000&limit=1000", "200"),
    ("/v1/income", "page=", "200"),
    ("/v1/income", "limit=1000&incomeType=", "200"),
]


@pytest.mark.parametrize(("path", "query", "expected"), REFUSED)
def test_refused(cast: Cast, path: str, query: str, expected: str) -> None:
    assert cast.own.send("GET", path, query.format(symbol=cast.symbols[0])).brief() == expected
