"""Compares the archive's rows with the events of a replay of the journals."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from shards.archive.rows import refusal_row
from shards.engine.engine import Engine
from shards.engine.outbox import ARCHIVE
from shards.model.codec import decode_event
from shards.model.events import CommandRejected, Event, FundsMoved, MarginFilled, MarketChanged, OrderEnded, Traded
from shards.model.orders import Order, Trade
from shards.model.queries import Query, RunSql
from shards.model.replies import ArchiveStatus, JsonScalar, Reply, TableReply

Ask = Callable[[Query], Reply]
"""Sends a query to the archive."""

Facts = Sequence[object]
"""Values that must be equal; the first one is the row's name."""

_IDS_COUNT = 500  # rows per query


class Unanswered(Exception):
    """The archive did not answer a query about its rows."""


def compare_archive(engines: Sequence[Engine], status: ArchiveStatus, ask: Ask) -> Iterator[str]:
    """Yield a description of every difference. Rows of trimmed journals are only compared with each other."""
    for engine in engines:
        outbox = engine.outboxes[ARCHIVE]
        stored = status.positions.get(engine.shard, 0)
        if stored > outbox.last_number:
            yield f"it has row {stored} of shard {engine.shard}, which made only {outbox.last_number}"
        events = [decode_event(posted.body) for posted in outbox if posted.number <= stored]
        for kind, made in _facts_by_kind(events, engine.shard).items():
            yield from _compare_rows(kind, made, ask)
    for text, sql in _RULES.items():
        for row in _rows(ask, sql):
            yield f"{text}: {row[0]}"


_STORED = {
    "order": (
        "SELECT order_id AS name, account, status, end_reason, filled_lots, filled_tick_lots, updated_ms"
        " FROM stored.orders WHERE order_id IN ({keys}) AND name IN ({names})"
    ),
    "trade": (
        "SELECT trade_id AS name, maker_order, taker_order, price_ticks, quantity_lots, time_ms"
        " FROM stored.trades WHERE trade_id IN ({keys}) AND name IN ({names})"
    ),
    "fill": (
        "SELECT trade_id || '-' || order_id AS name, account, quantity_lots, lot_value_units, fee_units, profit_units,"
        " time_ms FROM stored.futures_fills WHERE trade_id IN ({keys}) AND name IN ({names})"
    ),
    "movement": (
        "SELECT movement_id || '-' || shard || '-' || wallet AS name, account, asset, amount_units, cause, reference,"
        " time_ms FROM stored.movements WHERE movement_id IN ({keys}) AND name IN ({names})"
    ),
    "refusal": (
        "SELECT seq || '-' || sub || '-' || shard AS name, *"
        " FROM stored.refusals WHERE seq IN ({keys}) AND name IN ({names})"
    ),
}
_RULES = {
    "order stored twice": "SELECT order_id FROM stored.orders GROUP BY ALL HAVING count(*) > 1",
    "trade stored twice": "SELECT trade_id FROM stored.trades GROUP BY ALL HAVING count(*) > 1",
    "fill stored twice": (
        "SELECT trade_id || '-' || order_id FROM stored.futures_fills GROUP BY ALL HAVING count(*) > 1"
    ),
    "movement stored twice": (
        "SELECT movement_id || '-' || shard || '-' || wallet FROM stored.movements GROUP BY ALL HAVING count(*) > 1"
    ),
    "refusal stored twice": (
        "SELECT seq || '-' || sub || '-' || shard FROM stored.refusals GROUP BY seq, sub, shard HAVING count(*) > 1"
    ),
    "order and its trades differ": (
        "WITH done AS (SELECT order_id, sum(quantity_lots) AS lots_done FROM fills GROUP BY order_id)"
        " SELECT order_id FROM orders LEFT JOIN done USING (order_id) WHERE filled_lots <> coalesce(lots_done, 0)"
    ),
}


def _facts_by_kind(events: Sequence[Event], shard: int) -> Mapping[str, list[Facts]]:
    found: defaultdict[str, list[Facts]] = defaultdict(list)
    for event in events:
        match event:
            case OrderEnded(order):
                found["order"].append(_order_facts(order))
            case Traded(trade):
                found["trade"].append(_trade_facts(trade))
            case MarginFilled():
                found["fill"].append(_fill_facts(event))
            case FundsMoved():
                found["movement"].append(_movement_facts(event, shard))
            case CommandRejected():
                found["refusal"].append(_refusal_facts(event, shard))
            case MarketChanged():
                pass  # only the latest state of a market is kept
    return found


def _order_facts(order: Order) -> Facts:
    status, reason = order.status.name.lower(), order.end_reason.value
    return order.id, order.account, status, reason, order.filled, order.filled_value, order.updated_ms


def _trade_facts(trade: Trade) -> Facts:
    return trade.id, trade.maker_order, trade.taker_order, trade.price, trade.quantity, trade.time_ms


def _fill_facts(filled: MarginFilled) -> Facts:
    fill = filled.fill
    name = f"{fill.trade}-{fill.order}"
    return name, filled.account, fill.quantity, fill.lot_value, fill.fee, filled.profit, fill.time_ms


def _movement_facts(moved: FundsMoved, shard: int) -> Facts:
    name = f"{moved.id}-{shard}-{moved.wallet.name.lower()}"
    return name, moved.account, moved.asset, moved.amount, moved.cause.value, moved.reference, moved.time_ms


def _refusal_facts(rejected: CommandRejected, shard: int) -> Facts:
    """Every column, in the table's order."""
    return f"{rejected.sequence}-{rejected.position}-{shard}", *refusal_row(rejected, shard)


def _compare_rows(kind: str, made: list[Facts], ask: Ask) -> Iterator[str]:
    for start in range(0, len(made), _IDS_COUNT):
        part = {str(facts[0]): [str(value) for value in facts] for facts in made[start : start + _IDS_COUNT]}
        names = ",".join(f"'{name}'" for name in part)  # numbers and words generated by this program
        keys = ",".join(name.split("-")[0] for name in part)
        sql = _STORED[kind].format(keys=keys, names=names)
        stored = {str(row[0]): [str(value) for value in row] for row in _rows(ask, sql)}
        for name, facts in part.items():
            if name not in stored:
                yield f"{kind} {name} is missing"
            elif stored[name] != facts:
                yield f"{kind} {name} differs: stored {stored[name]}, journaled {facts}"


def _rows(ask: Ask, sql: str) -> list[list[JsonScalar]]:
    reply = ask(RunSql(sql, verifying=True))
    if isinstance(reply, TableReply):
        return reply.rows
    raise Unanswered(str(reply))
