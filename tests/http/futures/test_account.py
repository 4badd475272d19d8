"""Balance, account and positions as clients read them: every field, in its order, on every version."""

from tests.http.futures.caller import Json, now_ms
from tests.http.futures.trader import Trader, free_symbol, list_contract, set_mark
from tests.http.venue import Venue

BALANCE = (
    "accountAlias asset balance crossWalletBalance crossUnPnl availableBalance maxWithdrawAmount marginAvailable"
    " updateTime"
).split()
TOTALS = (
    "totalInitialMargin totalMaintMargin totalWalletBalance totalUnrealizedProfit totalMarginBalance"
    " totalPositionInitialMargin totalOpenOrderInitialMargin totalCrossWalletBalance totalCrossUnPnl availableBalance"
    " maxWithdrawAmount"
).split()
ACCOUNT = [
    *("feeTier canTrade canDeposit canWithdraw updateTime multiAssetsMargin tradeGroupId".split()),
    *TOTALS,
    "assets",
    "positions",
]
ASSET = (
    "asset walletBalance unrealizedProfit marginBalance maintMargin initialMargin positionInitialMargin"
    " openOrderInitialMargin crossWalletBalance crossUnPnl availableBalance maxWithdrawAmount marginAvailable"
    " updateTime"
).split()
POSITION = (
    "symbol positionSide positionAmt entryPrice breakEvenPrice unrealizedProfit notional leverage isolated"
    " isolatedMargin isolatedWallet initialMargin maintMargin positionInitialMargin openOrderInitialMargin bidNotional"
    " askNotional maxNotional updateTime"
).split()
RISK = (
    "symbol positionSide positionAmt entryPrice breakEvenPrice markPrice unRealizedProfit liquidationPrice leverage"
    " maxNotionalValue marginType isolatedMargin isAutoAddMargin notional isolatedWallet marginAsset initialMargin"
    " maintMargin positionInitialMargin openOrderInitialMargin adl bidNotional askNotional updateTime"
).split()


def listed(venue: Venue) -> list[str]:
    """Every futures market there is."""
    told = venue.send("GET", "/fapi/v1/exchangeInfo").ok()
    return [symbol["symbol"] for symbol in told["symbols"]]


def only(rows: list[Json], symbol: str) -> Json:
    (found,) = (row for row in rows if row["symbol"] == symbol)
    return found


def test_an_account_that_was_never_used(venue: Venue) -> None:
    for account_shard in venue.shards:
        trader = Trader(venue, account_shard)
        before = now_ms()
        for version in (2, 3):
            (balance,) = trader.call("GET", f"/v{version}/balance").ok()
            assert list(balance) == BALANCE
            assert (balance["accountAlias"], balance["asset"], balance["marginAvailable"]) == (
                trader.name,
                "USDT",
                True,
            )
            assert {balance[name] for name in BALANCE[2:7]} == {"0"}
            account = trader.account(version)
            assert list(account) == ACCOUNT
            assert [account[name] for name in ACCOUNT[:4]] == [0, True, True, True]
            assert (account["multiAssetsMargin"], account["tradeGroupId"]) == (False, -1)
            assert {account[name] for name in TOTALS} == {"0"}
            (asset,) = account["assets"]
            assert list(asset) == ASSET and asset["asset"] == "USDT"
            assert {asset[name] for name in ASSET[1:-2]} == {"0"}
            times = [balance["updateTime"], account["updateTime"], asset["updateTime"]]
            assert all(before - 1_000 <= time <= now_ms() + 1_000 for time in times)
        assert trader.account(3)["positions"] == trader.risk(version=3) == []
        assert [row["symbol"] for row in trader.account(2)["positions"]] == listed(venue)
        for version in (1, 2):
            assert [row["symbol"] for row in trader.risk(version=version)] == listed(venue)


def test_a_position_and_an_order(venue: Venue) -> None:
    symbol = list_contract(venue, venue.shard_count - 1, default_leverage=10)
    short, long = Trader(venue, 0, "1000"), Trader(venue, None, "1000")
    long.place(symbol, "BUY", "100", "2")
    short.place(symbol, "SELL", "100", "2")
    short.place(symbol, "SELL", "120.5", "1")
    short.place(symbol, "BUY", "80", "0.5")
    set_mark(venue, symbol, "101.5")

    position = only(short.account(2)["positions"], symbol)
    assert list(position) == POSITION
    assert type(position.pop("updateTime")) is int
    assert position == {
        "symbol": symbol,
        "positionSide": "BOTH",
        "positionAmt": "-2",
        "entryPrice": "100",
        "breakEvenPrice": "100",
        "unrealizedProfit": "-3",
        "notional": "-203",
        "leverage": "10",
        "isolated": False,
        "isolatedMargin": "0",
        "isolatedWallet": "0",
        "initialMargin": "36.05",
        "maintMargin": "1.015",
        "positionInitialMargin": "20",
        "openOrderInitialMargin": "16.05",
        "bidNotional": "40",
        "askNotional": "120.5",
        "maxNotional": "100000000",
    }
    risk = only(short.risk(version=2), symbol)
    assert list(risk) == RISK
    assert type(risk.pop("updateTime")) is int
    assert risk == {
        "symbol": symbol,
        "positionSide": "BOTH",
        "positionAmt": "-2",
        "entryPrice": "100",
        "breakEvenPrice": "100",
        "markPrice": "101.5",
        "unRealizedProfit": "-3",
        "liquidationPrice": "596.96517413",  # 1199.9 ÷ 2.01, rounded up
        "leverage": "10",
        "maxNotionalValue": "100000000",
        "marginType": "cross",
        "isolatedMargin": "0",
        "isAutoAddMargin": "false",
        "notional": "-203",
        "isolatedWallet": "0",
        "marginAsset": "USDT",
        "initialMargin": "36.05",
        "maintMargin": "1.015",
        "positionInitialMargin": "20",
        "openOrderInitialMargin": "16.05",
        "adl": 0,
        "bidNotional": "40",
        "askNotional": "120.5",
    }

    account = short.account()
    assert {name: account[name] for name in TOTALS} == {
        "totalInitialMargin": "36.05",
        "totalMaintMargin": "1.015",
        "totalWalletBalance": "999.9",
        "totalUnrealizedProfit": "-3",
        "totalMarginBalance": "996.9",
        "totalPositionInitialMargin": "20",
        "totalOpenOrderInitialMargin": "16.05",
        "totalCrossWalletBalance": "999.9",
        "totalCrossUnPnl": "-3",
        "availableBalance": "960.85",
        "maxWithdrawAmount": "960.85",
    }
    (asset,) = account["assets"]
    of_totals = {name: asset[name] for name in ("walletBalance", "marginBalance", "initialMargin", "availableBalance")}
    assert list(of_totals.values()) == ["999.9", "996.9", "36.05", "960.85"]
    (balance,) = short.call("GET", "/v2/balance").ok()
    assert [balance[name] for name in BALANCE[2:7]] == ["999.9", "999.9", "-3", "960.85", "960.85"]
    assert balance["updateTime"] == asset["updateTime"] == account["updateTime"] > 0


def test_versions_show_the_same(venue: Venue) -> None:
    symbol = list_contract(venue)
    long, short = Trader(venue, 0, "1000"), Trader(venue, None, "1000")
    short.place(symbol, "SELL", "100", "1")
    long.place(symbol, "BUY", "100", "1")
    assert long.account(3)["positions"] == [only(long.account(2)["positions"], symbol)]
    assert long.account(3)["assets"] == long.account(2)["assets"]
    rows = [long.risk(version=3), long.risk(symbol, 3), long.risk(symbol, 2), long.risk(symbol, 1)]
    assert rows == rows[:1] * 4 and len(rows[0]) == 1
    assert only(long.risk(version=1), symbol) == rows[0][0]
    assert long.call("GET", "/v2/balance").ok() == long.call("GET", "/v3/balance").ok()


def test_mark_without_a_position(venue: Venue) -> None:
    """Also of a market in which the caller has but an order, and of one in which somebody else trades."""
    symbol, trader = list_contract(venue, venue.shard_count - 1), Trader(venue, 0, "1000")
    assert only(trader.risk(version=2), symbol)["markPrice"] == "0"
    assert trader.risk(symbol, 3) == []
    set_mark(venue, symbol, "47600.5")
    assert only(trader.risk(version=1), symbol)["markPrice"] == "47600.5"
    trader.place(symbol, "BUY", "40000", "0.001")
    assert trader.risk(symbol)[0]["markPrice"] == "47600.5"
    set_mark(venue, symbol, None)
    assert trader.risk(symbol)[0]["markPrice"] == "0"
    for other, side in ((Trader(venue, None, "1000"), "SELL"), (Trader(venue, None, "1000"), "BUY")):
        other.place(symbol, side, "45000", "0.001")
    assert trader.risk(symbol)[0]["markPrice"] == "45000"


def test_market_of_another_symbol_only(venue: Venue) -> None:
    trader = Trader(venue)
    assert trader.call("GET", "/v3/positionRisk", symbol=free_symbol(venue)).brief() == "400 -1121"
    assert trader.call("GET", "/v2/positionRisk", symbol="DFUSDT").brief() == "400 -1121"  # a spot market


def test_leverage_alone_is_no_position(venue: Venue) -> None:
    symbol, trader = list_contract(venue), Trader(venue)
    trader.set_leverage(symbol, 7)
    assert trader.risk() == trader.account()["positions"] == []
    assert only(trader.risk(version=2), symbol)["leverage"] == "7"
    assert only(trader.account(2)["positions"], symbol)["leverage"] == "7"
    assert trader.account()["updateTime"] > 0
