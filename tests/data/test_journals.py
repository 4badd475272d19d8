"""What was recorded once is still read, and still comes to the same."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from shards.folder import Folder
from shards.model.codec import decode_input
from shards.verify.folder import verify_folder
from shards.verify.invariants import find_violations
from tests.data import journals
from tests.exchange import Exchange
from tests.http.futures.order_trader import wait_archived
from tests.http.futures.trader import Trader
from tests.http.venue import Venue
from web.cli import main as cli

NAMES = [(0, "simulation"), (0, "load"), (0, "storm"), (2, "simulation"), (2, "storm"), (3, "simulation")]
RULES = (0, 2)  # by which the kept data folders were made
LEAST = {  # of each kind of input, in all journals together
    "Place": 500,
    "Cancel": 100,
    "FundsHold": 50,
    "MarginHold": 50,
    "Granted": 100,
    "SettleMargin": 100,
    "MarkChanged": 50,
    "Modify": 20,
    "TriggerMarginRequest": 5,
    "TriggerMarginResult": 5,
    "SetLeverage": 5,
    "Transfer": 5,
}


@pytest.mark.parametrize(("rules", "name"), NAMES)
def test_a_journal_comes_to_the_state_that_it_came_to(rules: int, name: str) -> None:
    recorded = journals.read(rules, name)
    engines = [journals.replay(records, shard, len(recorded)) for shard, (records, _) in enumerate(recorded)]
    assert [journals.hash_of(engine) for engine in engines] == [state_hash for _, state_hash in recorded]
    assert find_violations(engines) == []


def test_the_journals_have_some_of_everything() -> None:
    recorded = [record for name in NAMES for records, _ in journals.read(*name) for record in records]
    counts = Counter(type(decode_input(record.body)).__name__ for record in recorded)
    assert {name: counts[name] for name, least in LEAST.items() if counts[name] < least} == {}, counts


@pytest.mark.parametrize("rules", RULES)
def test_a_data_folder_comes_to_the_state_that_it_had(rules: int, tmp_path: Path) -> None:
    hashes = journals.unpack(rules, tmp_path / "data")
    folder = Folder.open(tmp_path / "data")
    assert journals.folder_hashes(folder) == hashes
    assert verify_folder(folder) == []


@pytest.fixture
def old_exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """An exchange that goes on with the data folder of these rules."""
    with closing(Exchange(2)) as exchange:
        journals.unpack(request.param, exchange.data)
        exchange.start()
        yield exchange


@pytest.mark.parametrize("old_exchange", [0], indirect=True)
def test_an_exchange_goes_on_with_a_data_folder(old_exchange: Exchange) -> None:
    """Its markets are as they were until their operator gives them risk terms."""
    venue = Venue(old_exchange)
    symbol = next(row["symbol"] for row in symbols(venue) if row["symbol"] not in ("BTCUSDT", "ETHUSDT"))
    assert "PERCENT_PRICE" not in filters(venue, symbol)
    buyer, seller = Trader(venue, 0, "100000"), Trader(venue, 1, "100000")
    seller.place(symbol, "SELL", "600000", "0.01")
    assert buyer.place(symbol, "BUY", "600000", "0.01")["status"] == "FILLED"
    risk = venue.operate("GET", f"/futures/risk/{symbol}").ok()
    assert (risk["liquidation_fee"], len(risk["brackets"])) == (None, 1)
    terms = {"brackets": [{"notional_cap": 10**6, "max_leverage": 20, "maint_margin_ratio": "0.01"}]}
    assert venue.operate("PATCH", f"/futures/markets/{symbol}/risk", terms).ok() == {"ok": True, "symbol": symbol}
    assert filters(venue, symbol)[-1] == "PERCENT_PRICE"
    assert venue.operate("GET", f"/futures/risk/{symbol}").ok()["liquidation_fee"] == "0.0125"
    assert buyer.try_place(symbol, "BUY", "700000", "0.01").brief() == "400 -4016"
    check(old_exchange)


@pytest.mark.parametrize("old_exchange", [2], indirect=True)
def test_an_exchange_goes_on_with_a_data_folder_of_rules_2(old_exchange: Exchange) -> None:
    venue = Venue(old_exchange)
    (before,) = venue.sql("SELECT (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM refusals) AS refusals")
    assert before["orders"] > 100 and before["refusals"] > 10
    assert Trader(venue).try_place("BTCUSDT", "BUY", "47600", "0.01").brief() == "400 -2019"
    wait_archived(venue)
    assert venue.sql("SELECT count(*) AS refusals FROM refusals") == [{"refusals": before["refusals"] + 1}]
    check(old_exchange)


def check(exchange: Exchange) -> None:
    """Replaying comes to what is there."""
    exchange.stop()
    verified = CliRunner().invoke(cli.main, ["--data", str(exchange.data), "verify"])
    assert verified.exit_code == 0, verified.output


def symbols(venue: Venue) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = venue.send("GET", "/fapi/v1/exchangeInfo").ok()["symbols"]
    return listed


def filters(venue: Venue, symbol: str) -> list[str]:
    found = next(row for row in symbols(venue) if row["symbol"] == symbol)
    return [each["filterType"] for each in found["filters"]]  # type: ignore[index]
