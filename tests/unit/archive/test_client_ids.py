"""Ended orders are found by their client ids, however often these were used and wherever their rows stand by now."""

import os
from pathlib import Path
from random import Random

import duckdb
import pytest

from shards.archive.lookups import Lookup
from shards.archive.service import History
from shards.model.events import MarketChanged, OrderEnded
from shards.model.orders import Kind, Order, Trigger
from shards.model.queries import FindEnded, GetOrder, GetOrderByClientId
from shards.model.reasons import RejectReason
from shards.model.replies import BatchReply, OrderReply, Rejected
from storage.client_ids import Runs, key_of
from tests.unit.archive.samples import BTC_FUTURES, BTCUSDT, DFUSDT, KEY, NOON_MS, make_order, number_rows
from tests.unit.archive.test_schema import old  # noqa: F401

SEED = int(os.environ.get("SHARDEX_TEST_SEED", "5"))
NAMES = ("x", "X", "grid-7", "a b", "", "é", "'; --")
ACCOUNTS = ("alice", "bob", "alice x")


def random_orders(chance: Random, count: int) -> list[Order]:
    """They end in another order than that in which they were placed."""
    orders = [
        make_order(
            sequence,
            market=chance.choice([1, 2, 3]),
            account=chance.choice(ACCOUNTS),
            client_id=chance.choice(NAMES),
            created_ms=NOON_MS + sequence // 3,
            trigger=Trigger(Kind.STOP, 5) if chance.random() < 0.3 else None,
        )
        for sequence in range(1, count + 1)
    ]
    chance.shuffle(orders)
    return orders


def expected(orders: list[Order], query: GetOrderByClientId) -> Order | None:
    """The latest, looked for one after the other."""
    named = [
        order
        for order in orders
        if (order.account, order.client_id) == (query.account, query.client_id)
        and (order.market == query.market or (not query.market and order.market == 3))
        and (order.trigger is not None or not query.triggers)
    ]
    return max(named, key=lambda order: (order.created_ms, order.id), default=None)


@pytest.mark.parametrize("run", [7, 40, 1_000_000])
def test_the_latest_order_of_each_name(path: Path, run: int) -> None:
    print(f"SHARDEX_TEST_SEED={SEED}")
    chance, runs = Random(SEED), Runs(run, 3 * run)
    orders = random_orders(chance, 400)
    history = History(path, KEY, runs=runs)
    history.store({1: number_rows([MarketChanged(market, 1) for market in (DFUSDT, BTCUSDT, BTC_FUTURES)])})
    for first in range(0, len(orders), 20):
        if first == 200:  # what has been counted is known after a restart
            history.close()
            history = History(path, KEY, runs=runs)
        history.store({0: number_rows([OrderEnded(order) for order in orders[first : first + 20]], first + 1)})
    for account in ACCOUNTS:
        for name in filter(None, NAMES):
            for market in (0, 1, 2, 3, 4):
                for triggers in (False, True):
                    query = GetOrderByClientId(market, account, name, triggers)
                    found = expected(orders, query)
                    reply = history.answer(query)
                    assert reply == (OrderReply(found) if found else Rejected(RejectReason.UNKNOWN_ORDER)), query
    history.close()


def test_several_in_one_query(history: History) -> None:
    """In the order asked; another's order is found by its id alone."""
    mine, others = make_order(1, market=3, client_id="x"), make_order(2, market=3, account="bob", client_id="y")
    history.store({0: number_rows([MarketChanged(BTC_FUTURES, 1), OrderEnded(mine), OrderEnded(others)])})
    unknown = RejectReason.UNKNOWN_ORDER
    assert history.answer(FindEnded(3, "alice", [7, others.id, mine.id], [])) == BatchReply([unknown, others, mine])
    assert history.answer(FindEnded(3, "alice", [], ["y", "x", "z"])) == BatchReply([unknown, mine, unknown])
    assert history.answer(FindEnded(2, "alice", [], ["x"])) == BatchReply([unknown])
    assert history.answer(FindEnded(3, "alice", [], [])) == BatchReply([])


def test_what_several_callers_ask_is_answered_together(history: History) -> None:
    """Each as if it were alone: by number, by client id and both, on one market and on any, repeated, of nobody."""
    print(f"SHARDEX_TEST_SEED={SEED}")
    chance = Random(SEED)
    orders = random_orders(chance, 200)
    history.store({1: number_rows([MarketChanged(market, 1) for market in (DFUSDT, BTCUSDT, BTC_FUTURES)])})
    history.store({0: number_rows([OrderEnded(order) for order in orders])})
    numbers = [order.id for order in orders] + [7]
    requested: list[Lookup] = []
    for _ in range(40):
        market, account = chance.randrange(4), chance.choice(ACCOUNTS)
        ids, names = chance.choices(numbers, k=chance.randrange(4)), chance.choices(NAMES[:3], k=chance.randrange(4))
        requested += [
            GetOrder(chance.choice(numbers)),
            GetOrderByClientId(market, account, chance.choice(NAMES[:3]), chance.random() < 0.5),
            FindEnded(market, account, ids, names),
        ]
    by_id = {order.id: order for order in orders}
    for query, reply in zip(requested, history.look_up(requested), strict=True):
        match query:
            case GetOrder(number):
                found = [by_id.get(number)]
            case GetOrderByClientId():
                found = [expected(orders, query)]
            case FindEnded(market, account, ids, names):
                named = [expected(orders, GetOrderByClientId(market, account, name)) for name in names]
                found = [*map(by_id.get, ids), *named]
        if isinstance(query, FindEnded):
            assert reply == BatchReply([order or RejectReason.UNKNOWN_ORDER for order in found]), query
        else:
            (order,) = found
            assert reply == (OrderReply(order) if order else Rejected(RejectReason.UNKNOWN_ORDER)), query


def test_orders_of_an_archive_of_before(old: Path) -> None:  # noqa: F811
    """Its keys are made when it is opened, in slices, and are those that are made today."""
    history = History(old, KEY, runs=Runs(slice=1))
    assert isinstance(history.answer(GetOrderByClientId(1, "alice", "grid-7")), OrderReply)
    history.close()
    with duckdb.connect(old) as database:
        assert database.execute("SELECT key FROM stored.client_ids").fetchall() == [(key_of("alice", "grid-7"),)]


def test_the_file_can_be_read_by_an_older_duckdb(path: Path) -> None:
    History(path, KEY).close()
    with duckdb.connect(path) as database:
        (tags,) = database.execute("SELECT tags FROM duckdb_databases() WHERE path IS NOT NULL").fetchone() or ({},)
    assert tags["storage_version"].startswith("v1.4")
