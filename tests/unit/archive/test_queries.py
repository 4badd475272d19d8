"""The archive's named queries about orders and trades, against plain Python over the same rows."""

import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from shards.archive.service import History
from shards.model.accounting import Income, IncomeKind
from shards.model.events import Event, MarketChanged, OrderEnded, Traded
from shards.model.markets import Product
from shards.model.orders import Kind, Order, Status, Trade, Trigger
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
    ListTrades,
    MarketTrades,
    Query,
)
from shards.model.reasons import RejectReason
from shards.model.replies import ArchiveStatus, FillsReply, IncomeReply, OrderReply, OrdersReply, Rejected, TradesReply
from tests.unit.archive.samples import (
    BTC_FUTURES,
    BTCUSDT,
    KEY,
    NOON_MS,
    make_fill,
    make_move,
    make_order,
    make_trade,
    number_rows,
)


def test_a_client_id_names_the_latest_order(history: History) -> None:
    stored = [
        make_order(1, client_id="a", created_ms=NOON_MS),
        make_order(2, client_id="a", created_ms=NOON_MS + 2),
        make_order(3, client_id="a", created_ms=NOON_MS + 2),
        make_order(4, client_id="a", created_ms=NOON_MS + 1),
        make_order(5, client_id="a", created_ms=NOON_MS + 9, account="bob"),
        make_order(6, client_id="a", created_ms=NOON_MS + 9, market=2),
        make_order(7, client_id="b", created_ms=NOON_MS + 9),
    ]
    history.store({0: number_rows([OrderEnded(order) for order in stored])})
    assert history.answer(GetOrderByClientId(1, "alice", "a")) == OrderReply(stored[2])
    assert history.answer(GetOrderByClientId(1, "alice", "A")) == Rejected(RejectReason.UNKNOWN_ORDER)


def test_a_client_id_is_found_on_any_futures_market(history: History) -> None:
    spot = make_order(1, client_id="a", market=2, created_ms=NOON_MS + 9)
    first = make_order(2, client_id="a", market=3, trigger=Trigger(Kind.STOP), created_ms=NOON_MS + 1)
    second = make_order(3, client_id="a", market=4, created_ms=NOON_MS + 2)
    markets = [BTCUSDT, BTC_FUTURES, replace(BTC_FUTURES, number=4, symbol="OTHER")]
    announced: list[Event] = [MarketChanged(market, NOON_MS) for market in markets]
    history.store({0: number_rows([*announced, *map(OrderEnded, (spot, first, second))])})
    assert history.answer(GetOrderByClientId(0, "alice", "a")) == OrderReply(second)
    assert history.answer(GetOrderByClientId(0, "alice", "a", triggers=True)) == OrderReply(first)
    assert history.answer(GetOrderByClientId(3, "alice", "a")) == OrderReply(first)


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


def _random_order(chance: random.Random, sequence: int) -> Order:
    return make_order(
        sequence,
        market=chance.choice([1, 2]),
        account=chance.choice(["alice", "bob"]),
        status=chance.choice([Status.FILLED, Status.CANCELED, Status.REJECTED]),
        created_ms=NOON_MS + chance.randrange(20),
    )


def _expected_orders(stored: list[Order], query: ListOrders) -> list[Order]:
    def fits(order: Order) -> bool:
        return (
            order.account == query.account
            and query.market in (0, order.market)
            and query.status in (0, order.status)
            and query.start_ms <= order.created_ms <= query.end_ms
            and (order.created_ms, order.id) < (query.before_ms, query.before_id)
        )

    newest_first = sorted(stored, key=lambda order: (order.created_ms, order.id), reverse=True)
    return [order for order in newest_first if fits(order)][: query.limit]


def test_lists_of_orders(history: History) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    stored = [_random_order(chance, sequence) for sequence in range(1, 201)]
    history.store({0: number_rows([OrderEnded(order) for order in stored])})
    for _ in range(100):
        query = ListOrders(
            chance.choice(["alice", "bob", "carol"]),
            chance.choice([1, 10, 200]),
            market=chance.choice([0, 1, 2]),
            status=chance.choice([0, 0, Status.CANCELED, Status.EXPIRED]),
        )
        if chance.random() < 0.5:
            start_ms, end_ms = NOON_MS + chance.randrange(10), NOON_MS + chance.randrange(10, 25)
            query = replace(query, start_ms=start_ms, end_ms=end_ms)
        if chance.random() < 0.5:
            query = replace(query, before_ms=(before := chance.choice(stored)).created_ms, before_id=before.id)
        assert history.answer(query) == OrdersReply(_expected_orders(stored, query)), query


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


def own_order(trade: Trade, account: str) -> int:
    return trade.maker_order if trade.maker_account == account else trade.taker_order


def _expected_trades(stored: list[Trade], query: ListTrades) -> list[Trade]:
    def fits(trade: Trade) -> bool:
        return (
            query.account in (trade.maker_account, trade.taker_account)
            and query.market in (0, trade.market)
            and query.order in (0, own_order(trade, query.account))
            and query.start_ms <= trade.time_ms <= query.end_ms
            and (trade.time_ms, trade.id) < (query.before_ms, query.before_id)
        )

    newest_first = sorted(stored, key=lambda trade: (trade.time_ms, trade.id), reverse=True)
    return [trade for trade in newest_first if fits(trade)][: query.limit]


def test_lists_of_trades(history: History) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    accounts = ["alice", "bob", "carol"]
    stored = [
        make_trade(
            sequence,
            market=chance.choice([1, 2]),
            maker_account=(pair := chance.sample(accounts, 2))[0],
            taker_account=pair[1],
            maker_order=chance.randrange(1, 9),
            taker_order=chance.randrange(1, 9),
            time_ms=NOON_MS + chance.randrange(20),
        )
        for sequence in range(1, 201)
    ]
    history.store({0: number_rows([Traded(trade) for trade in stored])})
    for _ in range(100):
        query = ListTrades(
            chance.choice([*accounts, "dave"]),
            chance.choice([1, 10, 200]),
            market=chance.choice([0, 1, 2]),
            order=chance.choice([0, 0, 3]),
        )
        if chance.random() < 0.5:
            start_ms, end_ms = NOON_MS + chance.randrange(10), NOON_MS + chance.randrange(10, 25)
            query = replace(query, start_ms=start_ms, end_ms=end_ms)
        if chance.random() < 0.5:
            query = replace(query, before_ms=(before := chance.choice(stored)).time_ms, before_id=before.id)
        assert history.answer(query) == TradesReply(_expected_trades(stored, query)), query


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
