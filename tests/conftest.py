"""Shared by all tests: a real, running exchange, the selection of quick tests, and the order of test files."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from tests.exchange import Exchange

TOGETHER = ("tests/clients/", "tests/crash/", "tests/loadtest/")
QUICK = (  # finds most faults soonest
    *("tests/unit/", "tests/tables/", "tests/data/", "tests/model/", "tests/sim/", "tests/http/"),
    *("tests/fuzz/test_corpus.py", "tests/clients/"),
)
NOT_QUICK = (
    "tests/sim/test_sim.py::test_a_planted_bug_is_found",
    *("tests/unit/archive/test_once.py", "tests/unit/archive/test_client_ids.py", "tests/unit/archive/test_bounds.py"),
    *(  # what starts exchanges and programs of its own, again and again
        f"tests/http/{name}.py"
        for name in (
            *("test_first_minute", "test_full_book", "test_half_done", "test_late_lookups", "test_metrics"),
            *("test_one_listener", "test_run", "test_server", "test_sql_command", "test_unavailable"),
            *("test_commands", "test_documents", "test_wrong_keys", "futures/test_everybody_at_once"),
            *("futures/test_full_account", "futures/test_limits", "futures/test_margin_races"),
            *("futures/test_orders_unavailable", "futures/test_out_of_reach", "futures/test_budget"),
            *("test_openapi", "test_readme"),
        )
    ),
)
QUICK_CLIENT = "[ccxt-4.5.90"
QUICK_COUNTS = {
    "SHARDEX_TEST_COMMANDS": "3000",
    "SHARDEX_TEST_FUTURES_COMMANDS": "1000",
    "SHARDEX_TEST_COLLUDERS": "100",
    "SHARDEX_TEST_CUTS": "40",
    "SHARDEX_TEST_EXAMPLES": "10",
    "SHARDEX_TEST_KILLS": "3",
    "SHARDEX_SIM_SEEDS": "30",
}
FIRST = ("tests/crash/", "tests/clients/", "tests/sim/")  # the slowest: started last, they would delay the end


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Runs a file's tests in one worker, and those of some folders too.

    They share fixtures that take long to start; storms, each of which takes the whole machine, never run concurrently.
    """

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return next((folder for folder in TOGETHER if scope.startswith(folder)), scope)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Called when tests run in parallel."""
    return Scheduling(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="only what `make quick` runs")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("quick"):
        for name, count in QUICK_COUNTS.items():
            os.environ.setdefault(name, count)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long files first, otherwise in order."""
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))
    if config.getoption("quick"):
        left_out = [item for item in items if not _is_quick(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _is_quick(item: pytest.Item) -> bool:
    name = item.nodeid
    if "4-shards" in name or name.startswith(NOT_QUICK):
        return False
    return name.startswith(QUICK) and (QUICK_CLIENT in name or not name.startswith("tests/clients/"))


@pytest.fixture(scope="module", params=[1, 4], ids=["1-shard", "4-shards"])
def exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """An exchange shared by a module's tests, once with one shard and once with four.

    ``@pytest.mark.parametrize("exchange", [2], indirect=True)`` gives another number.
    """
    yield from _run(request.param)


@pytest.fixture
def own_exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """An exchange for a single test, which may kill its processes; four shards unless parametrized as above."""
    yield from _run(getattr(request, "param", 4))


def _run(shard_count: int) -> Iterator[Exchange]:
    with Exchange(shard_count) as exchange:
        yield exchange
