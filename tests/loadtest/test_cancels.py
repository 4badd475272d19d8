"""An order that is canceled must have been asked for, by its account and in its time."""

from typing import Final

from loadtest.archive_audit import audit_archive
from loadtest.auditor import Auditor
from loadtest.cancels import Canceled, Cancels
from loadtest.exchange import until
from loadtest.reader import Reader
from loadtest.record import Call
from tests.loadtest.stage import Load

COUNTDOWN_MS: Final = 1_000


def test_an_order_that_the_exchange_canceled_is_found(load: Load) -> None:
    account = load.spares[0]
    auditor = Auditor(load.exchange.base_url, [account])
    openings = auditor.open()
    with Reader(load.exchange.base_url, account) as reader:
        call = _place(reader, "BUY")
        reader.futures("/v1/countdownCancelAll", "POST", symbol="BTCUSDT", countdownTime=COUNTDOWN_MS)
        until(lambda: not reader.futures("/v1/openOrders"), 10, "the countdown has canceled it")
    (found,) = auditor.findings([call], openings, may_lose=False)
    assert "nobody asked to cancel" in found
    (found,) = audit_archive(load.exchange.folder, auditor.statements)
    assert "no reason to end" in found and "countdown" in found


def test_an_order_may_make_way_for_another_of_its_account(load: Load) -> None:
    account = load.spares[1]
    auditor = Auditor(load.exchange.base_url, [account])
    openings = auditor.open()
    with Reader(load.exchange.base_url, account) as reader:
        calls = [_place(reader, side) for side in ("SELL", "BUY")]
    assert list(auditor.findings(calls, openings, may_lose=False)) == []
    assert [row["status"] for row in auditor.statements.futures[account.account].orders.values()] == ["EXPIRED", "NEW"]
    assert list(audit_archive(load.exchange.folder, auditor.statements)) == []


def _place(reader: Reader, side: str) -> Call:
    terms = {
        "symbol": "BTCUSDT",
        "side": side,
        "type": "LIMIT",
        "timeInForce": "GTC",
        "newClientOrderId": f"own-{side}",
    }
    sent = {**terms, "price": "47000", "quantity": "0.01"}
    return Call(reader.account, "futures place", sent, 0.0, 0.0, 200, reader.futures("/v1/order", "POST", **sent))


def call_of(verb: str, started_ms: int, seconds: float = 0.0, order_id: int = 0, time_ms: int = 0) -> Call:
    answer = {"orderId": order_id, "symbol": "BTCUSDT", "time": time_ms or started_ms} if order_id else {"code": 200}
    sent = {"symbol": "BTCUSDT", "newClientOrderId": f"own-{order_id}"}
    return Call("somebody", f"futures {verb}", sent, started_ms / 1_000, seconds, 200, answer)


def canceled(order_id: int, placed_ms: int, at_ms: int, symbol: str = "BTCUSDT") -> Canceled:
    return Canceled(order_id, symbol, placed_ms / 1_000, placed_ms / 1_000, at_ms)


def test_a_cancel_all_took_nothing_that_had_ended_before_newer_orders() -> None:
    places = [call_of("place", 10, order_id=1), call_of("place", 20, order_id=2), call_of("place", 40, order_id=3)]
    cancels = Cancels([*places, call_of("cancel_all", 30)])
    assert cancels.may_have_taken(canceled(1, 10, 25))
    assert not cancels.may_have_taken(canceled(1, 10, 15))
    assert not cancels.may_have_taken(canceled(1, 10, 25, "ETHUSDT"))
    assert not cancels.may_have_taken(canceled(3, 40, 45))


def test_a_cancel_all_may_take_an_order_that_is_placed_at_the_same_time() -> None:
    """It was sent first and executed last; the order is acknowledged only afterwards."""
    cancels = Cancels([call_of("cancel_all", 10, seconds=0.02), call_of("place", 15, 0.03, order_id=1)])
    assert cancels.may_have_taken(Canceled(1, "BTCUSDT", 0.015, 0.045, 25))
    assert not cancels.may_have_taken(Canceled(1, "BTCUSDT", 0.035, 0.045, 40))


def test_all_triggers_canceled_are_triggers_only() -> None:
    cancels = Cancels([call_of("place", 10, order_id=1), call_of("cancel_triggers", 20)])
    assert not cancels.may_have_taken(canceled(1, 10, 25))
    assert cancels.may_have_taken(canceled(1, 10, 25)._replace(was_waiting=True))
