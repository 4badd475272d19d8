"""One load shared by all tests here."""

from collections.abc import Iterator
from typing import Final

import pytest

from loadtest.__main__ import may_lose
from loadtest.accounts import write_accounts
from loadtest.auditor import Auditor
from loadtest.load import Plan, run_load
from loadtest.processes import read_processes
from loadtest.record import read_records
from loadtest.site import find_unfunded, kill_one, open_accounts, open_site
from tests.loadtest.stage import Load

USERS: Final = 8
SECONDS: Final = 5


@pytest.fixture(scope="package")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    folder = tmp_path_factory.mktemp("load")
    exchange = open_site({})
    try:
        *accounts, spare, other = open_accounts(exchange, USERS + 2)
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
        yield Load(exchange, accounts, [spare, other], plan, openings, calls, processes, auditor, found)
    finally:
        exchange.close()
