"""An order that is canceled must have been asked for, by its account and in its time."""

from typing import Final

from loadtest.archive_audit import audit_archive
from loadtest.auditor import Auditor
from loadtest.cancels import Cancels, Told
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


def test_a_cancel_all_took_nothing_that_had_ended_before_newer_orders() -> None:
    def make(verb: str, order_id: int, ms: int) -> Call:
        told = {"orderId": order_id, "symbol": "BTCUSDT", "time": ms} if verb == "place" else {"code": 200}
        return Call("somebody", f"futures {verb}", {"symbol": "BTCUSDT"}, ms / 1_000, 0.0, 200, told)

    calls = [make("place", 1, 10), make("place", 2, 20), make("cancel_all", 0, 30), make("place", 3, 40)]
    cancels = Cancels(calls)
    assert cancels.may_have_taken(Told(1, "BTCUSDT", 0, 25))
    assert not cancels.may_have_taken(Told(1, "BTCUSDT", 0, 15))
    assert not cancels.may_have_taken(Told(1, "ETHUSDT", 0, 25))
    assert not cancels.may_have_taken(Told(3, "BTCUSDT", 3, 45))
