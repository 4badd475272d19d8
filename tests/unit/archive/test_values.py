"""What comes out of the archive is what went in, to the last digit."""

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
triggers = st.builds(
    Trigger,
    origin=st.sampled_from(Kind),
    stop_price=amounts,
    watched=st.sampled_from(WatchedPrice),
    protect=st.booleans(),
    activation=amounts,
    callback=st.integers(0, 10_000),
    parent=times,
    extreme=amounts,
    fired_ms=times,
)
orders = st.builds(
    Order,
    id=st.just(0),
    market=st.integers(1, 4_095),
    account=texts,
    side=st.sampled_from(Side),
    kind=st.sampled_from(Kind),
    tif=st.sampled_from(TimeInForce),
    price=amounts,
    quantity=amounts,
    quote_quantity=amounts,
    client_id=texts,
    signed_ms=times,
    filled=amounts,
    filled_value=amounts,
    hold=st.just(0),  # it was released
    status=st.sampled_from(Status),
    end_reason=st.sampled_from(EndReason),
    created_ms=times,
    updated_ms=times,
    request=times,
    reduce_only=st.booleans(),
    close_position=st.booleans(),
    leverage=st.integers(0, 1_000),
    hold_price=amounts,
    loss=amounts,
    trigger=st.none() | triggers,
    take_profit=times,
    stop_loss=times,
)
trades = st.builds(
    Trade,
    id=st.just(0),
    market=st.integers(1, 4_095),
    price=amounts,
    quantity=amounts,
    taker_side=st.sampled_from(Side),
    maker_order=times,
    taker_order=times,
    maker_account=texts,
    taker_account=texts,
    maker_fee=amounts,
    taker_fee=amounts,
    time_ms=times,
)

fills = st.builds(
    MarginFilled,
    account=texts,
    market=st.integers(1, 4_095),
    fill=st.builds(
        MarginFill,
        trade=st.just(0),
        order=times,
        side=st.sampled_from(Side),
        price=amounts,
        quantity=amounts,
        lot_value=amounts,
        fee=amounts,
        maker=st.booleans(),
        time_ms=times,
    ),
    profit=amounts_either_way,
    time_ms=times,
)
moves = st.builds(
    FundsMoved,
    id=st.just(0),
    account=texts,
    wallet=st.sampled_from(Wallet),
    asset=texts,
    amount=amounts_either_way,
    cause=st.sampled_from(MoveCause),
    reference=texts,
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
