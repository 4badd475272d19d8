"""What printed commands give: patterns of the lines that they print on an exchange on which little happened.

Every line must fit one of the patterns, and every pattern a line. Numbers follow from what :func:`happen` does; open
are times, ids, keys and paths, and what other printed commands change.
"""

import re
from typing import Final

from tests.http.futures.order_trader import OrderTrader
from tests.http.venue import User, Venue

_TIME: Final = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{3,6}(\+00:00)?"
_COPIED: Final = (rf"\S+/(DIR|NEW): as of {_TIME}, shard 0 to record \d+; \d+ files, [\d,]+ bytes",)
_VERIFIED: Final = (r"ok: 1 shard and the archive of /\S+",)
_COLUMN: Final = r"\w+ (BIGINT|SMALLINT|INTEGER|HUGEINT|BOOLEAN|VARCHAR|UUID|DOUBLE|TIMESTAMP|DECIMAL\(\d+,\d+\)).*"

_RISK: Final = (
    "symbol mark_price open_interest liquidation_fee",
    r"BTCUSDT \S+ \S+ 0\.01(25)?",
    "notional_cap max_leverage maint_margin_ratio cum",
    r"\d+ \d+ 0\.\d+ \d+",
)
_TWO_BRACKETS: Final = (r"40000 100 0\.005 0", r"200000 50 0\.01 200")
GIVES: Final[dict[str, tuple[str, ...]]] = {
    "--help": ("Usage: .*", "Commands:", r"sql Run one SELECT or EXPLAIN .*", ".*"),
    "token alice": (r"[\w-]+\.[\w-]+\.[\w-]+",),
    "key alice": (r"api_key \w{64}", r"api_secret \w{64}", "permissions read,trade"),
    "deposit alice USDT 12.5": (r"12\.5 USDT to alice, available [\d.]+, reference cli-\w+",),
    **{
        f"deposit alice USDT 12.5 {options}": (rf"12\.5 USDT to alice, available [\d.]+, reference {reference}",)
        for options, reference in (
            ("--reference moved-ASSET", "moved-ASSET"),
            ("--wallet futures --reference moved-futures", "moved-futures"),
        )
    },
    "withdraw alice USDT 12.5": (r"12\.5 USDT from alice, available [\d.]+, reference cli-\w+",),
    "market list": (
        "symbol base quote tick lot min_notional maker_bps taker_bps status",
        r"DFUSDT DF USDT 0\.0001 0\.01 1 0 0 listed",
        r"(BTCUSDT BTC|ETHUSDT ETH) USDT 0\.01 0\.0001 5 0 0 listed",
    ),
    "market status DFUSDT halted": ("DFUSDT halted",),
    "market status DFUSDT listed": ("DFUSDT listed",),
    "futures list": (
        "symbol base tick lot min_notional maker_bps taker_bps leverage status",
        r"BTCUSDT BTC 0\.1 0\.001 10 2 5 1-100 \(20\) listed",
        r"ETHUSDT ETH 0\.01 0\.001 10 2 5 1-100 \(20\) listed|OTHERUSDT .* listed",
    ),
    "futures add OTHERUSDT BTC --tick 0.1 --lot 0.001 --min-notional 10": ("OTHERUSDT listed",),
    "futures mark BTCUSDT 47600.5": (r"BTCUSDT mark price 47600\.5",),
    "futures risk BTCUSDT --bracket 40000:100:0.005 --bracket 200000:50:0.01": (*_RISK, *_TWO_BRACKETS),
    "futures risk BTCUSDT --liquidation-fee 0.01": _RISK,
    "futures risk BTCUSDT": _RISK,
    "verify": _VERIFIED,
    "snapshot": (r"shard 0: snapshot at record \d+",),
    "backup DIR": _COPIED,
    "restore DIR": _COPIED,
    "sql SELECT 1": ("1",),
    "sql --tables": (
        "name comment",
        r"orders Every order that became terminal: .*",
        r"(trades|fills|futures_fills|movements|refusals|markets) .*",
        r"(cancel_rate|time_to_cancel|order_to_trade_ratio) .* by account, symbol and hour\..*",
    ),
    "sql --tables orders": ("name type comment", _COLUMN),
    "sql SELECT symbol, side, price, status, end_reason, time_on_book_ms FROM orders": (
        "symbol side price status end_reason time_on_book_ms",
        r"DFUSDT (sell|buy) 0\.5 filled filled \d+",
        r"DFUSDT buy 0\.4 canceled user \d+",
        r"BTCUSDT (sell|buy) 47000\.0 filled filled \d+",
    ),
    "sql SELECT type, status, end_reason FROM orders WHERE product = 'futures' ORDER BY order_id": (
        "type status end_reason",
        "limit filled filled",
    ),
    "sql SELECT product, symbol, end_reason, count(*) FROM orders GROUP BY ALL": (
        r"product symbol end_reason count_star\(\)",
        "futures BTCUSDT filled 2",
        "spot DFUSDT filled 2",
        "spot DFUSDT user 1",
    ),
    "sql SELECT product, command, reason, count(*) FROM refusals GROUP BY ALL": (
        r"product command reason count_star\(\)",
        "futures place nothing_to_reduce 1",
        "spot place insufficient_balance 1",
        "spot cancel unknown_order 1",
    ),
    "sql SELECT account, sum(realized_profit) - sum(fee) AS won FROM futures_fills GROUP BY ALL ORDER BY won": (
        "account won",
        r"user-\d+ -2\.35",  # 5 bps of 4,700
        r"user-\d+ -0\.94",
    ),
    "sql SELECT symbol, sum(price * quantity) AS turnover FROM trades GROUP BY ALL ORDER BY turnover DESC": (
        "symbol turnover",
        r"BTCUSDT 4700\.0",
        r"DFUSDT 5\.0",
    ),
    "sql --param account=alice SELECT end_reason, count(*) FROM orders WHERE account = $account GROUP BY ALL": (
        r"end_reason count_star\(\)",
        "user 1",
        "filled 1",
    ),
    "sql --limit 20 SELECT time, symbol, price, quantity FROM trades ORDER BY time DESC": (
        "time symbol price quantity",
        rf"{_TIME} BTCUSDT 47000\.0 0\.1",
        rf"{_TIME} DFUSDT 0\.5 10\.0",
    ),
    "sql EXPLAIN ANALYZE SELECT count(*) FROM orders WHERE status = 'canceled'": (
        "plan",
        r".*Total Time: [\d.]+s.*",
        r".*Aggregates: count_star\(\).*",
        ".*",
    ),
    "sql --out orders.parquet SELECT * FROM orders": (r"5 rows in orders\.parquet",),
}


def happen(venue: Venue) -> None:
    """On each product one trade, and a refused order; and on spot one order that alice cancels, twice."""
    alice, bob = User(venue, "alice"), User(venue, "bob")
    alice.deposit("USDT", "1000")
    bob.deposit("DF", "1000")
    terms = {"symbol": "DFUSDT", "type": "limit"}
    bob.call("POST", "/spot/orders", {**terms, "side": "sell", "price": "0.5000", "quantity": "10"}).ok()
    alice.call("POST", "/spot/orders", {**terms, "side": "buy", "price": "0.5000", "quantity": "10"}).ok()
    placed = alice.call("POST", "/spot/orders", {**terms, "side": "buy", "price": "0.4000", "quantity": "100"}).ok()
    alice.cancel(placed["id"])
    alice.cancel(placed["id"])
    bob.call("POST", "/spot/orders", {**terms, "side": "buy", "price": "0.4000", "quantity": "100"})
    maker, taker = OrderTrader(venue), OrderTrader(venue)
    maker.place("BTCUSDT", "BUY", "47000", "0.1")
    taker.place("BTCUSDT", "SELL", "47000", "0.1")
    OrderTrader(venue).try_place("BTCUSDT", "SELL", None, "0.1", reduceOnly="true")
    venue.wait_archived()


def faults_of(command: str, text: str) -> list[str]:
    """What is printed and should not be, and what is missing."""
    patterns = GIVES[command]
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    odd = [line for line in lines if not any(re.fullmatch(pattern, line) for pattern in patterns)]
    missing = [pattern for pattern in patterns if not any(re.fullmatch(pattern, line) for line in lines)]
    return odd + missing
