"""What comes out of the archive is what went in, to the last digit."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shards.archive.service import History
from shards.limits import AMOUNT_MAX
from shards.model.accounting import MarginFill, MoveCause, Wallet
from shards.model.events import Event, FundsMoved, MarginFilled, OrderEnded, Traded
from shards.model.ids import make_number
from shards.model.orders import EndReason, Kind, Order, Side, Status, TimeInForce, Trade, Trigger, WatchedPrice
from shards.model.queries import GetOrder, GetTrade, ListFills
from shards.model.replies import FillsReply, OrderReply, TradesReply
from tests.unit.archive.samples import number_rows, table

amounts = st.integers(0, 10**6) | st.integers(0, AMOUNT_MAX) | st.sampled_from([2**63, 2**64 - 1, 2**64, AMOUNT_MAX])
times = st.integers(0, 2**53) | st.just(2**62)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)
amounts_either_way = amounts | amounts.map(lambda amount: -amount)


def each(values: st.SearchStrategy[Any], names: str) -> dict[str, st.SearchStrategy[Any]]:
    """The same values for each of these fields."""
    return dict.fromkeys(names.split(), values)


numbered = {"id": st.just(0)}  # given later
on_a_market = {"market": st.integers(1, 4_095)}
triggers = st.builds(
    Trigger,
    **each(amounts, "stop_price activation extreme"),
    **each(times, "parent fired_ms"),
    origin=st.sampled_from(Kind),
    watched=st.sampled_from(WatchedPrice),
    protect=st.booleans(),
    callback=st.integers(0, 10_000),
)
orders = st.builds(
    Order,
    **numbered,
    **on_a_market,
    **each(texts, "account client_id"),
    **each(amounts, "price quantity quote_quantity filled filled_value hold_price loss"),
    **each(times, "signed_ms created_ms updated_ms request take_profit stop_loss"),
    **each(st.booleans(), "reduce_only close_position"),
    side=st.sampled_from(Side),
    kind=st.sampled_from(Kind),
    tif=st.sampled_from(TimeInForce),
    hold=st.just(0),  # it was released
    status=st.sampled_from(Status),
    end_reason=st.sampled_from(EndReason),
    leverage=st.integers(0, 1_000),
    trigger=st.none() | triggers,
)
trades = st.builds(
    Trade,
    **numbered,
    **on_a_market,
    **each(texts, "maker_account taker_account"),
    **each(amounts, "price quantity maker_fee taker_fee"),
    **each(times, "maker_order taker_order time_ms"),
    taker_side=st.sampled_from(Side),
)
fills = st.builds(
    MarginFilled,
    **on_a_market,
    account=texts,
    fill=st.builds(
        MarginFill,
        **each(amounts, "price quantity lot_value fee"),
        **each(times, "order time_ms"),
        trade=st.just(0),
        side=st.sampled_from(Side),
        maker=st.booleans(),
    ),
    profit=amounts_either_way,
    time_ms=times,
)
moves = st.builds(
    FundsMoved,
    **numbered,
    **each(texts, "account asset reference"),
    wallet=st.sampled_from(Wallet),
    amount=amounts_either_way,
    cause=st.sampled_from(MoveCause),
    time_ms=times,
)


def give_numbers(events: list[Event], first: int) -> list[Event]:
    """The rows under ids of their own."""
    return [_give_number(event, sequence) for sequence, event in enumerate(events, first)]


def _give_number(event: Event, sequence: int) -> Event:
    match event:
        case OrderEnded(order):
            return OrderEnded(replace(order, id=make_number(order.market, sequence)))
        case Traded(trade):
            return Traded(replace(trade, id=make_number(trade.market, sequence)))
        case MarginFilled(_, market, fill):
            return replace(event, fill=replace(fill, trade=make_number(market, sequence)))
        case FundsMoved():
            return replace(event, id=sequence)
        case _:
            return event


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    some=st.lists(st.builds(OrderEnded, orders) | st.builds(Traded, trades) | fills | moves, max_size=8).filter(bool)
)
def test_what_comes_out_is_what_went_in(shared_history: History, some: list[Event]) -> None:
    first = shared_history.position(0) + 1
    rows = give_numbers(some, first)
    shared_history.store({0: number_rows(rows, first)})
    for row in rows:
        match row:
            case OrderEnded(order):
                assert shared_history.answer(GetOrder(order.id)) == OrderReply(order)
            case Traded(trade):
                assert shared_history.answer(GetTrade(trade.id)) == TradesReply([trade])
            case MarginFilled(account, market, fill):
                at_ms = fill.time_ms
                query = ListFills(account, 1, market, 0, fill.trade, at_ms, at_ms, oldest_first=True)
                assert shared_history.answer(query) == FillsReply([row])
            case FundsMoved():
                assert _find_move(shared_history, row) == row


def _find_move(history: History, moved: FundsMoved) -> FundsMoved:
    (found,) = table(history, f"FROM stored.movements WHERE movement_id = {moved.id}")
    assert found["shard"] == 0
    return FundsMoved(
        moved.id,
        str(found["account"]),
        Wallet[str(found["wallet"]).upper()],
        str(found["asset"]),
        int(found["amount_units"] or 0),
        MoveCause(str(found["cause"])),
        str(found["reference"]),
        int(found["time_ms"] or 0),
    )
