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
from loadtest.exchange import Exchange
from loadtest.load import Plan, read_lines, run_load
from loadtest.processes import Processes, find_changes, find_traceback, read_processes
from loadtest.record import Call, read_records
from loadtest.site import find_unfunded, kill_one, open_accounts, open_site

USERS: Final = 8
SECONDS: Final = 5
UNIT: Final = Decimal("0.000001")  # of USDT


class Load(NamedTuple):
    exchange: Exchange
    accounts: list[Account]
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
        accounts = open_accounts(exchange, USERS)
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
        yield Load(exchange, accounts, plan, openings, calls, processes, auditor, found)
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
        answer_otherwise,
        take_one_unit,
        take_one_unit_of_a_wallet,
    ],
)
def test_what_is_missing_is_found(load: Load, tamper: Callable[[list[Call], Openings], tuple[str, str]]) -> None:
    calls, openings = list(read_records(load.plan.records)), deepcopy(load.openings)
    name, expected = tamper(calls, openings)
    own = [account for account in load.accounts if account.account == name]
    found = list(Auditor(load.exchange.base_url, own).findings(calls, openings, may_lose=True))
    assert len(found) <= 2 and any(expected in text for text in found), found


def test_a_row_that_nobody_was_told_of_is_found(load: Load) -> None:
    name = next(call.account for call in load.calls if call.what == "spot place" and call.status == 200)
    auditor = Auditor(load.exchange.base_url, [each for each in load.accounts if each.account == name])
    assert list(auditor.findings(load.calls, load.openings, may_lose=True)) == []
    auditor.statements.spot[name].orders.popitem()
    (found,) = audit_archive(load.exchange.folder, auditor.statements, seconds=0)
    assert "beyond, and misses {}" in found
