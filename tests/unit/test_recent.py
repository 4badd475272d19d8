"""What has ended and is not in the archive yet."""

from shards.engine.unarchived import Recent
from shards.model.events import MarketChanged, OrderEnded, Row, Traded
from shards.model.ids import make_number
from shards.model.orders import EndReason, Kind, Order, Side, Status, TimeInForce, Trade
from tests.model.world import make_market


def ended(number: int, account: str) -> OrderEnded:
    return OrderEnded(
        Order(
            make_number(1, number), 1, account, Side.BUY, Kind.LIMIT, TimeInForce.GTC, 1, 1, 0, "", 0, 1, 1, 0,
            Status.FILLED, EndReason.FILLED, 0, 0,
        )
    )  # fmt: skip


def traded(number: int, maker: str, taker: str) -> Traded:
    return Traded(Trade(make_number(1, number), 1, 1, 1, Side.BUY, 1, 2, maker, taker, 0, 0, 0))


def test_orders_and_trades_are_found_by_id_and_account_until_confirmed() -> None:
    recent = Recent()
    first, second, trade = ended(1, "alice"), ended(2, "bob"), traded(1, "alice", "bob")
    rows: tuple[Row, ...] = (first, trade, second)
    for number, row in enumerate(rows, 1):
        recent.add(number, row)
    assert list(recent.orders_of("alice")) == [first.order]
    assert list(recent.trades_of("alice")) == list(recent.trades_of("bob")) == [trade.trade]
    recent.confirm(1)
    assert first.order.id not in recent.orders and list(recent.orders_of("alice")) == []
    assert recent.trades == {trade.trade.id: trade.trade}
    recent.confirm(2)
    assert recent.trades == {} and list(recent.trades_of("alice")) == list(recent.trades_of("bob")) == []
    assert recent.orders == {second.order.id: second.order}
    recent.confirm(3)
    assert recent.orders == {}


def test_a_confirmation_covers_all_before_it_and_can_come_twice() -> None:
    recent = Recent()
    for number in range(1, 6):
        recent.add(number, ended(number, "alice"))
    recent.confirm(4)
    recent.confirm(4)
    recent.confirm(1)
    assert [order.id for order in recent.orders_of("alice")] == [make_number(1, 5)]


def test_changes_of_markets_take_a_number_and_nothing_else() -> None:
    recent = Recent()
    recent.add(1, MarketChanged(make_market(1), 0))
    recent.add(2, ended(1, "alice"))
    recent.confirm(1)
    assert len(recent.orders) == 1


def test_an_account_that_traded_with_itself_is_dropped_once() -> None:
    recent = Recent()
    recent.add(1, traded(1, "alice", "alice"))
    recent.confirm(1)
    assert list(recent.trades_of("alice")) == []


def test_accounts_without_anything_have_nothing() -> None:
    assert list(Recent().orders_of("nobody")) == []
    assert list(Recent().trades_of("nobody")) == []
