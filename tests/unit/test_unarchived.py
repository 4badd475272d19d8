"""What has ended and is not in the archive yet."""

from shards.engine.unarchived import Unarchived
from shards.model.events import Event, MarketChanged, OrderEnded, Traded
from shards.model.ids import make_number
from shards.model.orders import Side, Status, Trade
from tests.model.world import make_market
from tests.unit.orders import make_order


def ended(number: int, account: str) -> OrderEnded:
    return OrderEnded(make_order(make_number(1, number), account=account, status=Status.FILLED))


def traded(number: int, maker: str, taker: str) -> Traded:
    return Traded(Trade(make_number(1, number), 1, 1, 1, Side.BUY, 1, 2, maker, taker, 0, 0, 0))


def test_orders_and_trades_are_found_by_id_and_account_until_confirmed() -> None:
    unarchived = Unarchived()
    first, second, trade = ended(1, "alice"), ended(2, "bob"), traded(1, "alice", "bob")
    events: tuple[Event, ...] = (first, trade, second)
    for number, event in enumerate(events, 1):
        unarchived.add(number, event)
    assert list(unarchived.orders_of("alice")) == [first.order]
    assert list(unarchived.trades_of("alice")) == list(unarchived.trades_of("bob")) == [trade.trade]
    unarchived.confirm(1)
    assert first.order.id not in unarchived.orders and list(unarchived.orders_of("alice")) == []
    assert unarchived.trades == {trade.trade.id: trade.trade}
    unarchived.confirm(2)
    assert unarchived.trades == {} and list(unarchived.trades_of("alice")) == list(unarchived.trades_of("bob")) == []
    assert unarchived.orders == {second.order.id: second.order}
    unarchived.confirm(3)
    assert unarchived.orders == {}


def test_a_confirmation_covers_all_before_it_and_can_come_twice() -> None:
    unarchived = Unarchived()
    for number in range(1, 6):
        unarchived.add(number, ended(number, "alice"))
    unarchived.confirm(4)
    unarchived.confirm(4)
    unarchived.confirm(1)
    assert [order.id for order in unarchived.orders_of("alice")] == [make_number(1, 5)]


def test_changes_of_markets_take_a_number_and_nothing_else() -> None:
    unarchived = Unarchived()
    unarchived.add(1, MarketChanged(make_market(1), 0))
    unarchived.add(2, ended(1, "alice"))
    unarchived.confirm(1)
    assert len(unarchived.orders) == 1


def test_an_account_that_traded_with_itself_is_dropped_once() -> None:
    unarchived = Unarchived()
    unarchived.add(1, traded(1, "alice", "alice"))
    unarchived.confirm(1)
    assert list(unarchived.trades_of("alice")) == []


def test_accounts_without_anything_have_nothing() -> None:
    assert list(Unarchived().orders_of("nobody")) == []
    assert list(Unarchived().trades_of("nobody")) == []
