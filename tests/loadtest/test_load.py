"""A short load with a shard killed in its midst, and an auditor that finds nothing there, and everything else."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from decimal import Decimal
from typing import Final, NamedTuple

import pytest

from loadtest.accounts import Account, write_accounts
from loadtest.archive_audit import audit_archive
from loadtest.__main__ import may_lose
from loadtest.auditor import Auditor, Openings, Statements
from loadtest.cancels import Cancels, Told
from loadtest.exchange import Exchange, until
from loadtest.load import Plan, read_lines, run_load
from loadtest.processes import Processes, find_changes, find_traceback, read_processes
from loadtest.reader import Reader
from loadtest.record import Call, read_records
from loadtest.site import find_unfunded, kill_one, open_accounts, open_site
from loadtest.statement import Row

USERS: Final = 8
SECONDS: Final = 5
COUNTDOWN_MS: Final = 1_000
UNIT: Final = Decimal("0.000001")  # of USDT


class Load(NamedTuple):
    exchange: Exchange
    accounts: list[Account]
    spare: Account  # takes no part
    plan: Plan
    openings: Openings
    calls: list[Call]
    processes: Processes  # before it
    auditor: Auditor  # has read what the exchange said at the end
    found: list[str]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    folder = tmp_path_factory.mktemp("load")
    exchange = open_site({})
    try:
        *accounts, spare = open_accounts(exchange, USERS + 1)
        write_accounts(folder / "accounts.json", accounts)
        auditor = Auditor(exchange.base_url, accounts)
        openings = auditor.open()
        assert find_unfunded(openings) == []
        plan = Plan(
            exchange.base_url,
            folder / "accounts.json",
            "steady",
            USERS,
            SECONDS,
            folder / "records",
            folder / "steady",
        )
        processes = read_processes(exchange)
        run_load(plan, lambda: kill_one(exchange, "shard"))
        exchange.wait_ready()
        calls = list(read_records(plan.records))
        found = list(auditor.findings(calls, openings, may_lose("shard", None)))
        yield Load(exchange, accounts, spare, plan, openings, calls, processes, auditor, found)
    finally:
        exchange.close()


def test_nothing_is_missing_though_a_shard_was_killed(load: Load) -> None:
    said = load.auditor.statements
    assert load.found == []
    assert list(audit_archive(load.exchange.folder, said)) == []
    assert len(load.calls) >= 100 and any(each.trades for each in said.spot.values())
    assert any(each.fills for each in said.futures.values())
    assert read_lines(load.plan.report)[-1].calls > 0
    assert b"<html" in load.plan.report.with_suffix(".html").read_bytes()


def lose_spot_order(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot place")
    call.body["id"] = f"{call.body['id'][:-4]}ffff"
    return call.account, "lost: "


def lose_futures_order(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "futures place")
    call.body["orderId"] += 10**9
    return call.account, "lost: "


def forget_spot_order(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot place")
    calls.remove(call)
    return call.account, "nobody was told of"


def forget_futures_order(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "futures place")
    calls.remove(call)
    return call.account, "nobody was told of"


def fill_canceled_spot_order(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot cancel")
    call.body["filled_qty"] = "0.000001"
    return call.account, "changed: "


def fill_canceled_futures_order(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "futures cancel")
    call.body["executedQty"] = "0.000001"
    return call.account, "changed: "


def forget_spot_cancel(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot cancel")
    calls.remove(call)
    return call.account, "nobody asked to cancel"


def forget_futures_cancel(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "futures cancel")
    calls.remove(call)
    return call.account, "nobody asked to cancel"


def cancel_though_busy(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot cancel_by_client_id")
    call.status, call.body = 503, {"error": "ENGINE_BUSY"}
    return call.account, "nobody asked to cancel"


def cancel_futures_though_busy(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "futures cancel")
    call.status, call.body = 503, {"code": -1008, "msg": "busy"}
    return call.account, "nobody asked to cancel"


def lose_connection(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot balances")
    call.status, call.body = 0, None
    return call.account, "and nothing was killed"


def answer_otherwise(calls: list[Call], openings: Openings) -> tuple[str, str]:
    call = _answered(calls, "spot cancel")
    call.status, call.body = 500, {"error": "internal error"}
    return call.account, "not an answer to expect"


def take_one_unit(calls: list[Call], openings: Openings) -> tuple[str, str]:
    account = next(iter(openings))
    openings[account].spot["USDT"] += UNIT
    return account, "USDT: available and frozen are"


def take_one_unit_of_a_wallet(calls: list[Call], openings: Openings) -> tuple[str, str]:
    account = next(iter(openings))
    openings[account].wallet += UNIT
    return account, "the wallet has"


def _answered(calls: list[Call], what: str) -> Call:
    return next(call for call in calls if call.what == what and call.status == 200)


@pytest.mark.parametrize(
    "tamper",
    [
        lose_spot_order,
        lose_futures_order,
        forget_spot_order,
        forget_futures_order,
        fill_canceled_spot_order,
        fill_canceled_futures_order,
        forget_spot_cancel,
        forget_futures_cancel,
        cancel_though_busy,
        cancel_futures_though_busy,
        lose_connection,
        answer_otherwise,
        take_one_unit,
        take_one_unit_of_a_wallet,
    ],
)
def test_what_is_missing_is_found(load: Load, tamper: Callable[[list[Call], Openings], tuple[str, str]]) -> None:
    calls, openings = list(read_records(load.plan.records)), deepcopy(load.openings)
    name, expected = tamper(calls, openings)
    found = _audit(load, name, calls, openings, load.auditor.statements)
    assert len(found) <= 2 and any(expected in text for text in found), found


def _audit(load: Load, name: str, calls: list[Call], openings: Openings, said: Statements) -> list[str]:
    """Of one account, of which is known what the exchange said."""
    auditor = Auditor(load.exchange.base_url, [each for each in load.accounts if each.account == name])
    auditor.statements = said
    return list(auditor.findings(calls, openings, may_lose("shard", None)))


def lose_attached_order(said: Statements) -> tuple[str, str]:
    name, futures = next(
        (name, futures.orders)
        for name, futures in said.futures.items()
        if any("takeProfitOrderId" in row for row in futures.orders.values())
    )
    futures.pop(next(row["takeProfitOrderId"] for row in futures.values() if "takeProfitOrderId" in row))
    return name, "lost: "


def trade_spot_beyond_the_limit(said: Statements) -> tuple[str, str]:
    name, order = _filled_spot(said)
    order["price"] = str(Decimal(order["price"]) * (Decimal("0.5") if order["side"] == "buy" else 2))
    return name, "is worse than its order"


def trade_futures_beyond_the_limit(said: Statements) -> tuple[str, str]:
    name, order = _filled_futures(said)
    order["price"] = str(Decimal(order["price"]) * (Decimal("0.5") if order["side"] == "BUY" else 2))
    return name, "is worse than its order"


def fill_spot_beyond_the_quantity(said: Statements) -> tuple[str, str]:
    name, order = _filled_spot(said)
    order["quantity"] = str(Decimal(order["quantity"]) / 2)
    return name, "filled beyond its quantity"


def fill_futures_beyond_the_quantity(said: Statements) -> tuple[str, str]:
    name, order = _filled_futures(said)
    order["origQty"] = str(Decimal(order["origQty"]) / 2)
    return name, "filled beyond its quantity"


def _filled_spot(said: Statements) -> tuple[str, Row]:
    rows = ((name, row) for name, spot in said.spot.items() for row in spot.orders.values())
    return next((name, row) for name, row in rows if row["status"] == "filled" and row["type"] == "limit")


def _filled_futures(said: Statements) -> tuple[str, Row]:
    rows = ((name, row) for name, futures in said.futures.items() for row in futures.orders.values())
    return next((name, row) for name, row in rows if row["status"] == "FILLED" and row["origType"] == "LIMIT")


@pytest.mark.parametrize(
    "tamper",
    [
        lose_attached_order,
        trade_spot_beyond_the_limit,
        trade_futures_beyond_the_limit,
        fill_spot_beyond_the_quantity,
        fill_futures_beyond_the_quantity,
    ],
)
def test_what_is_said_wrongly_is_found(load: Load, tamper: Callable[[Statements], tuple[str, str]]) -> None:
    said = deepcopy(load.auditor.statements)
    name, expected = tamper(said)
    found = _audit(load, name, load.calls, load.openings, said)
    assert any(expected in text for text in found), found


def test_a_load_that_did_nothing_is_found(load: Load) -> None:
    refused = [call for call in load.calls if call.status != 200]
    found = list(Auditor(load.exchange.base_url, []).findings(refused, {}, may_lose=False))
    assert found == ["not one order was acknowledged"]


def test_an_order_that_the_exchange_canceled_is_found(load: Load) -> None:
    auditor = Auditor(load.exchange.base_url, [load.spare])
    openings = auditor.open()
    terms = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "newClientOrderId": "spare"}
    sent = {**terms, "price": "40000", "quantity": "0.01"}
    with Reader(load.exchange.base_url, load.spare) as reader:
        told = reader.futures("/v1/order", "POST", **sent)
        reader.futures("/v1/countdownCancelAll", "POST", symbol="BTCUSDT", countdownTime=COUNTDOWN_MS)
        until(lambda: not reader.futures("/v1/openOrders"), 10, "the countdown has canceled it")
    call = Call(load.spare.account, "futures place", sent, 0.0, 0.0, 200, told)
    (found,) = auditor.findings([call], openings, may_lose=False)
    assert "nobody asked to cancel" in found
    (found,) = audit_archive(load.exchange.folder, auditor.statements)
    assert "no reason to end" in found and "countdown" in found


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


def test_only_what_was_killed_may_have_changed(load: Load) -> None:
    after = read_processes(load.exchange)
    assert list(find_changes(load.processes, after, "shard")) == []
    for killed in (None, "worker"):
        (found,) = find_changes(load.processes, after, killed)
        assert found.startswith("shard: ")
    (found,) = find_changes(load.processes, {**after, "worker": set()}, "shard")
    assert found.startswith("worker: ")


def test_a_traceback_in_the_log_is_found(load: Load) -> None:
    assert list(find_traceback(load.exchange)) == []
    with (load.exchange.path / "log").open("a") as log:
        log.write("Traceback (most recent call last):\n  nowhere\n")
    (found,) = find_traceback(load.exchange)
    assert "nowhere" in found


@pytest.mark.parametrize(
    ("kill", "url", "excused"),
    [(None, None, False), ("shard", None, False), ("worker", None, True), (None, "https://elsewhere", True)],
)
def test_only_a_killed_worker_excuses_lost_connections(kill: str | None, url: str | None, excused: bool) -> None:
    assert may_lose(kill, url) == excused


def test_a_row_that_nobody_was_told_of_is_found(load: Load) -> None:
    said = deepcopy(load.auditor.statements)
    next(spot.orders for spot in said.spot.values() if spot.orders).popitem()
    (found,) = audit_archive(load.exchange.folder, said, seconds=0)
    assert "beyond, and misses {}" in found


def test_another_client_id_in_a_row_is_found(load: Load) -> None:
    said = deepcopy(load.auditor.statements)
    order_id = next(iter(said.client_ids))
    said.client_ids[order_id] = "of-another"
    (found,) = audit_archive(load.exchange.folder, said)
    assert f"the client id was of-another: _Stored(product='spot', id='{order_id}'" in found
