"""The archive's bounds: no query takes more than its share of time and memory, and storing goes on."""

import threading
import time
from pathlib import Path

import duckdb
import pytest

from shards.archive.rows import order_row
from shards.archive.service import History
from shards.archive.sql_answers import SqlBounds
from shards.model.events import Event, OrderEnded
from shards.model.queries import GetOrder, ListOrders, RunSql
from shards.model.replies import OrderReply, OrdersReply, Rejected, TableReply
from storage.archive import Archive
from storage.queries import ROW_COUNT, SqlQuery
from storage.tables import ORDERS
from tests.exchange import until
from tests.unit.archive.samples import KEY, make_order, number_rows, refusal, table

ENDLESS = "SELECT count(*) FROM range(1000000000000)"
GREEDY = [
    "SELECT list(range) FROM range(100000000)",
    "SELECT count(DISTINCT range) FROM range(1000000000)",
    "SELECT range, random() AS r FROM range(300000000) ORDER BY r LIMIT 100000 OFFSET 200000000",
]


@pytest.mark.parametrize("history", [SqlBounds(row_count=2_500)], indirect=True)
def test_an_answer_has_a_bounded_number_of_rows(history: History) -> None:
    assert len(table(history, "SELECT range FROM range(2500)")) == 2_500
    assert "more than 2500 rows" in refusal(history, "SELECT range FROM range(2501)")
    assert "more than 2500 rows" in refusal(history, "SELECT range FROM range(1000000000000)")


@pytest.mark.parametrize("history", [SqlBounds(answer_bytes=1_000_000)], indirect=True)
def test_an_answer_has_a_bounded_size(history: History) -> None:
    assert len(table(history, "SELECT repeat('x', 900) FROM range(1000)")) == 1_000
    assert "larger than 1000000 bytes" in refusal(history, "SELECT repeat('x', 1100) FROM range(1000)")
    assert "larger than 1000000 bytes" in refusal(history, "SELECT repeat('x', 1000000)")


@pytest.mark.parametrize("history", [SqlBounds(sql_ms=300)], indirect=True)
def test_a_statement_ends_at_its_time(history: History) -> None:
    for sql in (ENDLESS, "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"):
        started = time.monotonic()
        assert refusal(history, sql) == "the statement took longer than 0.3 s"
        assert time.monotonic() - started < 5  # on a busy machine, too
    assert table(history, "SELECT 1 AS one") == [{"one": 1}]


def test_a_named_query_ends_at_its_time_and_storing_does_not(path: Path) -> None:
    archive = Archive(path, "1GB", query_ms=100, sql_ms=100)
    started = time.monotonic()
    with pytest.raises(duckdb.InterruptException):
        archive.ask(SqlQuery(ENDLESS))
    assert time.monotonic() - started < 5  # on a busy machine, too
    number_of_rows = 40_000
    row = order_row(make_order(), "spot", 0, KEY)
    archive.append({ORDERS: [(sequence, *row[1:]) for sequence in range(number_of_rows)]}, {0: number_of_rows})
    assert archive.ask(ROW_COUNT) == [(number_of_rows,)]
    archive.close()


def rejection(history: History, sql: str) -> str | None:
    """Why a statement is refused now, if it is."""
    reply = history.answer(RunSql(sql))
    return reply.text if isinstance(reply, Rejected) else None


class Statement:
    """An operator's statement running beside the test."""

    def __init__(self, history: History, sql: str) -> None:
        self.replies: list[object] = []
        begun = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(history, sql, begun))
        self._thread.start()
        begun.wait()

    def _run(self, history: History, sql: str, begun: threading.Event) -> None:
        begun.set()
        self.replies.append(history.answer(RunSql(sql)))

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> Rejected:
        self._thread.join()
        (reply,) = self.replies
        assert isinstance(reply, Rejected)
        return reply


@pytest.mark.parametrize("history", [SqlBounds(sql_ms=3_000)], indirect=True)
def test_storing_and_asking_go_on_beside_a_long_statement(history: History) -> None:
    statement, other = Statement(history, ENDLESS), Statement(history, ENDLESS)
    until(lambda: "2 other statements" in (rejection(history, "SELECT 1") or ""), 1, "both run")
    assert history.answer(RunSql("SELECT 1", verifying=True)) == TableReply(["1"], [[1]], ["INTEGER"])
    number = 0
    while statement.running or other.running:
        order = make_order(number + 1)
        history.store({0: [(number + 1, OrderEnded(order))]})
        assert history.answer(GetOrder(order.id)) == OrderReply(order)
        number += 1
    assert statement.end().text == other.end().text == "the statement took longer than 3 s"
    assert number > 1  # the first was stored and found beside it, however busy the machine is
    assert table(history, "SELECT count(*) AS n FROM orders") == [{"n": number}]


@pytest.mark.parametrize("sql", GREEDY)
@pytest.mark.parametrize("history", [SqlBounds(memory="300MB")], indirect=True)
def test_rows_go_in_beside_a_statement_that_wants_all_memory(history: History, sql: str) -> None:
    statement = Statement(history, sql)
    number = 0
    while statement.running:
        events: list[Event] = [OrderEnded(make_order(number + sequence)) for sequence in range(1, 501)]
        history.store({0: number_rows(events, number + 1)})
        number += 500
    assert "memory" in statement.end().text.lower()
    assert history.position(0) == number
    assert table(history, "SELECT count(*) AS n FROM orders") == [{"n": number}]


def test_many_ask_while_one_stores(history: History) -> None:
    ended = threading.Event()
    wrong: list[object] = []

    def ask() -> None:
        while not ended.is_set():
            reply = history.answer(ListOrders("alice", 200))
            if not isinstance(reply, OrdersReply) or len(reply.orders) % 10:  # a batch is seen whole or not at all
                wrong.append(reply)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for first in range(1, 200, 10):
        events: list[Event] = [OrderEnded(make_order(sequence)) for sequence in range(first, first + 10)]
        history.store({0: number_rows(events, first)})
    ended.set()
    for asker in askers:
        asker.join()
    assert wrong == []
