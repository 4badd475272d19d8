"""Markets, orders and trades of the archive's tests, and what its SQL says."""

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from shards.archive.service import History
from shards.model.accounting import MarginFill, MoveCause, Wallet
from shards.model.events import Event, FundsMoved, MarginFilled
from shards.model.ids import make_number
from shards.model.markets import FuturesTerms, Market, Product
from shards.model.orders import EndReason, Kind, Order, Side, Status, TimeInForce, Trade
from shards.model.queries import RunSql
from shards.model.reasons import RejectReason
from shards.model.replies import JsonScalar, Rejected, TableReply

KEY = b"k" * 32
ROOT = Path(__file__).parents[3]
NOON_MS = 1_790_000_000_000  # 2026-09-21 14:13:20 UTC

DFUSDT = Market(1, Product.SPOT, "DFUSDT", "DF", "USDT", 18, 6, 1, 4, 1, 2, 1_000_000, 10, 20)
BTCUSDT = Market(2, Product.SPOT, "BTCUSDT", "BTC", "USDT", 8, 6, 25, 2, 1, 4, 5_000_000, 0, 0)
BTC_FUTURES = Market(
    3,
    Product.FUTURES,
    "BTCUSDT",
    "BTC",
    "USDT",
    8,
    6,
    1,  # tick 0.1
    1,
    1,  # lot 0.001: at one tick it costs 100 units
    3,
    5_000_000,
    2,
    5,
    futures=FuturesTerms(10**12, 10**13, 1, 100, 20, 5_000, 50_000, 50_000),
)


_ORDER = Order(
    make_number(1, 1), 1, "alice", Side.SELL, Kind.LIMIT, TimeInForce.GTC, price=6_100, quantity=4_000,
    quote_quantity=0, client_id="", signed_ms=0, filled=1_250, filled_value=1_250 * 6_100, hold=0,
    status=Status.CANCELED, end_reason=EndReason.USER, created_ms=NOON_MS, updated_ms=NOON_MS + 42_000, request=7,
)  # fmt: skip
_TRADE = Trade(
    make_number(1, 1), 1, price=6_100, quantity=1_250, taker_side=Side.BUY, maker_order=0, taker_order=0,
    maker_account="alice", taker_account="bob", maker_fee=7_625, taker_fee=25 * 10**15, time_ms=NOON_MS + 41_000,
)  # fmt: skip
_FILL = MarginFill(
    trade=0, order=0, side=Side.BUY, price=600_000, quantity=25, lot_value=60_000_000, fee=750_000, maker=False,
    time_ms=NOON_MS + 41_000,
)  # fmt: skip
_MOVE = FundsMoved(
    1, "alice", Wallet.FUTURES, "USDT", 100_000_000, MoveCause.DEPOSIT, reference="wire-7", time_ms=NOON_MS + 40_000
)


def make_order(sequence: int = 1, *, market: int = 1, **changes: Any) -> Order:
    return replace(_ORDER, id=make_number(market, sequence), market=market, **changes)


def make_trade(sequence: int = 1, *, market: int = 1, **changes: Any) -> Trade:
    orders = {"maker_order": make_number(market, 1), "taker_order": make_number(market, 2)}
    return replace(_TRADE, id=make_number(market, sequence), market=market, **{**orders, **changes})


def make_fill(
    sequence: int = 1, *, account: str = "alice", market: int = 3, profit: int = 0, **changes: Any
) -> MarginFilled:
    """Alice has bought 0.025 BTC at 60,000.0 on margin; it was booked a little later."""
    fill = replace(_FILL, **{"trade": make_number(market, sequence), "order": make_number(market, 1), **changes})
    return MarginFilled(account, market, fill, profit, changes.get("time_ms", NOON_MS + 41_005))


def make_move(sequence: int = 1, **changes: Any) -> FundsMoved:
    """Alice has put 100 USDT into her futures wallet."""
    return replace(_MOVE, id=sequence, **changes)


def number_rows(events: list[Event], first: int = 1) -> list[tuple[int, Event]]:
    return list(enumerate(events, first))


def table(history: History, sql: str) -> list[dict[str, JsonScalar]]:
    reply = history.answer(RunSql(sql))
    assert isinstance(reply, TableReply), reply
    return [dict(zip(reply.columns, row, strict=True)) for row in reply.rows]


def refusal(history: History, sql: str) -> str:
    reply = history.answer(RunSql(sql))
    assert isinstance(reply, Rejected), reply
    assert reply.reason == RejectReason.BAD_SQL
    assert reply.text
    return reply.text
