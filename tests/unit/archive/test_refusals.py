"""Refused commands on their way into the archive: from a shard's engine to its rows."""

from pathlib import Path

import duckdb
import pytest

from shards.archive.service import History
from shards.engine.engine import MAILBOX, Engine
from shards.engine.outbox import ARCHIVE
from shards.limits import RULES
from shards.model.codec import decode_event
from shards.model.commands import AddMarket, Cancel, CancelBatch, Command, Modify, Place, SetRules
from shards.model.events import Event
from shards.model.orders import Kind, NewOrder, Side, TimeInForce
from shards.model.queries import GetArchiveStatus
from shards.model.reasons import RejectReason
from shards.model.replies import ArchiveStatus, BatchReply, Rejected, Reply
from shards.verify.archive import compare_archive
from tests.unit.archive.samples import BTC_FUTURES, DFUSDT, KEY, NOON_MS, table

BUY = NewOrder(1, "alice", Side.BUY, Kind.LIMIT, TimeInForce.GTC, 6_100, 4_000, 0, "mine", NOON_MS)


class Shard:
    """An engine with two markets and no money."""

    def __init__(self, rules: int = RULES) -> None:
        self.engine = Engine(0, 1)
        for command in (SetRules(rules), AddMarket(DFUSDT), AddMarket(BTC_FUTURES)):
            self.apply(command)

    def apply(self, command: Command) -> Reply | None:
        return self.engine.apply(self.engine.sequence + 1, NOON_MS, MAILBOX, 0, command)

    def rows(self) -> list[tuple[int, Event]]:
        return [(posted.number, decode_event(posted.body)) for posted in self.engine.outboxes[ARCHIVE]]


@pytest.mark.parametrize("number", [-(2**63), -1, 0, 5, 2**40 + 5, 2**62, 2**63 - 1, 2**63, 2**80])
def test_the_archive_takes_whatever_may_be_named(history: History, number: int) -> None:
    """A row that it could not store would end it, again and again."""
    shard = Shard()
    assert isinstance(shard.apply(Cancel(number, "alice")), Rejected)
    assert isinstance(shard.apply(Modify(number, "alice", 1, 1, 1)), Rejected)
    assert isinstance(shard.apply(CancelBatch(3, "alice", [number, number])), BatchReply)
    history.store({0: shard.rows()})
    kept = number if 0 < number < 2**63 else None
    market = "BTCUSDT" if number >> 40 == 3 else "DFUSDT" if number >> 40 == 1 else None
    found = table(history, "SELECT command, symbol, order_id, request, sub FROM refusals ORDER BY request, sub")
    assert [[*row.values()] for row in found] == [
        ["cancel", market, kept, 4, 0],
        ["modify", market, kept, 5, 0],
        ["cancel", "BTCUSDT", kept, 6, 0],
        ["cancel", "BTCUSDT", kept, 6, 1],
    ]


def test_a_journal_of_earlier_rules_comes_to_the_rows_that_it_came_to(history: History) -> None:
    shard = Shard(rules=1)
    count = len(shard.rows())
    assert shard.apply(Place(BUY)) == Rejected(RejectReason.INSUFFICIENT_BALANCE)
    assert len(shard.rows()) == count
    shard.apply(SetRules(RULES))
    shard.apply(Place(BUY))
    assert len(shard.rows()) == count + 1


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DELETE FROM stored.refusals", "is missing"),
        ("UPDATE stored.refusals SET price_ticks = 6101", "differs"),
        ("UPDATE stored.refusals SET reason = 'post_only'", "differs"),
        ("UPDATE stored.refusals SET side = 'sell'", "differs"),
        ("UPDATE stored.refusals SET quote_quantity_units = 7", "differs"),
        ("UPDATE stored.refusals SET reduce_only = true", "differs"),
        ("UPDATE stored.refusals SET signed_ms = 1", "differs"),
    ],
)
def test_verify_compares_them(path: Path, damage: str, told: str) -> None:
    shard = Shard()
    shard.apply(Place(BUY))
    history = History(path, KEY)
    history.store({0: shard.rows()})
    status = history.answer(GetArchiveStatus())
    assert isinstance(status, ArchiveStatus)
    assert [*compare_archive([shard.engine], status, history.answer)] == []
    history.close()
    with duckdb.connect(path) as database:
        database.execute(damage)
    history = History(path, KEY)
    (found,) = compare_archive([shard.engine], status, history.answer)
    history.close()
    assert f"refusal 4-0-0 {told}" in found
