"""The archive's named queries about orders and trades; test_alike has lists of random rows."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from shards.archive.service import History
from shards.model.accounting import Income, IncomeKind
from shards.model.events import Event, MarketChanged, OrderEnded, Traded
from shards.model.markets import Product
from shards.model.orders import Order
from shards.model.queries import (
    CountOpen,
    GetArchiveStatus,
    GetBalances,
    GetDepth,
    GetOrder,
    GetOrderByClientId,
    GetStatus,
    ListFills,
    ListIncome,
    ListOrders,
    MarketTrades,
    Query,
)
from shards.model.reasons import RejectReason
from shards.model.replies import ArchiveStatus, FillsReply, IncomeReply, OrderReply, OrdersReply, Rejected, TradesReply
from tests.unit.archive.samples import (
    BTC_FUTURES,
    KEY,
    NOON_MS,
    make_fill,
    make_move,
    make_order,
    make_trade,
    number_rows,
)


def test_a_market_keeps_its_product_after_opening_again(path: Path) -> None:
    order = make_order(1, market=3)
    history = History(path, KEY)
    history.store({0: [(1, MarketChanged(BTC_FUTURES, NOON_MS))]})
    history.close()
    history = History(path, KEY)
    history.store({0: [(2, OrderEnded(order))]})
    assert history.answer(ListOrders("alice", 50, product=Product.FUTURES)) == OrdersReply([order])
    assert history.answer(ListOrders("alice", 50, product=Product.SPOT)) == OrdersReply([])
    history.close()


def test_paging_through_orders_meets_each_once(history: History) -> None:
    stored = [make_order(sequence, created_ms=NOON_MS + sequence // 5) for sequence in range(1, 51)]
    history.store({0: number_rows([OrderEnded(order) for order in stored])})
    met: list[Order] = []
    query = ListOrders("alice", 7)
    while True:
        reply = history.answer(query)
        assert isinstance(reply, OrdersReply)
        if not reply.orders:
            break
        met += reply.orders
        query = replace(query, before_ms=met[-1].created_ms, before_id=met[-1].id)
    assert met == stored[::-1]


def test_trades_of_a_market_come_newest_first(history: History) -> None:
    stored = [make_trade(sequence, time_ms=NOON_MS + sequence // 3) for sequence in range(1, 31)]
    other = make_trade(99, market=2)
    history.store({0: number_rows([Traded(trade) for trade in (*stored, other)])})
    newest_first = stored[::-1]
    assert history.answer(MarketTrades(1, 1_000)) == TradesReply(newest_first)
    assert history.answer(MarketTrades(1, 5)) == TradesReply(newest_first[:5])
    assert history.answer(MarketTrades(1, 5, before_id=newest_first[4].id)) == TradesReply(newest_first[5:10])
    since = [trade for trade in newest_first if trade.time_ms >= NOON_MS + 4]
    assert history.answer(MarketTrades(1, 1_000, start_ms=NOON_MS + 4)) == TradesReply(since)
    assert history.answer(MarketTrades(2, 1_000)) == TradesReply([other])


@pytest.mark.parametrize("query", [GetBalances("alice"), CountOpen("alice"), GetDepth(1, 5), GetStatus()])
def test_a_query_for_a_shard_is_refused(history: History, query: Query) -> None:
    assert history.answer(query) == Rejected(RejectReason.HISTORY_UNREADABLE)


def test_a_query_that_fails_harms_nothing(history: History) -> None:
    history.store({0: [(1, OrderEnded(make_order(1)))]})
    for query in (
        ListOrders("alice", 1, status=99),
        ListOrders("alice", 1, product=99),
        ListOrders("alice", -1),
        ListFills("alice", -1),
        GetOrder(2**200),
    ):
        assert history.answer(query) == Rejected(RejectReason.HISTORY_UNREADABLE)
    history.store({0: [(2, OrderEnded(make_order(2)))]})
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(2, {0: 2})


@pytest.mark.parametrize("text", ["'; DROP TABLE stored.orders; --", '" OR 1=1 --', "alice\x00", "%", "?"])
def test_values_are_bound_never_spliced(history: History, text: str) -> None:
    order, fill, move = make_order(1, account=text, client_id=text), make_fill(account=text), make_move(account=text)
    events: list[Event] = [
        OrderEnded(order),
        OrderEnded(make_order(2)),
        fill,
        make_fill(2),
        replace(move, reference=text),
    ]
    history.store({0: number_rows(events)})
    assert history.answer(ListOrders(text, 50)) == OrdersReply([order])
    assert history.answer(GetOrderByClientId(1, text, text)) == OrderReply(order)
    assert history.answer(ListFills(text, 50)) == FillsReply([fill])
    transfer = Income(1, IncomeKind.TRANSFER, move.amount, move.time_ms, reference=text)
    assert history.answer(ListIncome(text, 50, kind=IncomeKind.TRANSFER)) == IncomeReply([transfer])
