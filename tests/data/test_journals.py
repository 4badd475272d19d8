"""What was recorded once is still read, and still comes to the same."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from shards.folder import Folder
from shards.model.codec import decode_input
from shards.verify.folder import verify_folder
from shards.verify.invariants import find_violations
from tests.data import journals
from tests.exchange import Exchange
from tests.http.futures.trader import Trader
from tests.http.venue import Venue
from web.cli import main as cli

NAMES = ("simulation", "load", "storm")
LEAST = {  # of each kind of input, in all journals together
    "Place": 500,
    "Cancel": 100,
    "Hold": 100,
    "Granted": 100,
    "SettleMargin": 100,
    "MarkChanged": 50,
    "Modify": 20,
    "HoldFired": 5,
    "FiredHeld": 5,
    "SetLeverage": 5,
    "Transfer": 5,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_journal_comes_to_the_state_that_it_came_to(name: str) -> None:
    recorded = journals.read(name)
    engines = [journals.replay(records, shard, len(recorded)) for shard, (records, _) in enumerate(recorded)]
    assert [journals.hash_of(engine) for engine in engines] == [state_hash for _, state_hash in recorded]
    assert find_violations(engines) == []


def test_the_journals_have_some_of_everything() -> None:
    recorded = [record for name in NAMES for records, _ in journals.read(name) for record in records]
    counts = Counter(type(decode_input(record.body)).__name__ for record in recorded)
    assert {name: counts[name] for name, least in LEAST.items() if counts[name] < least} == {}, counts


def test_a_data_folder_comes_to_the_state_that_it_had(tmp_path: Path) -> None:
    hashes = journals.unpack(tmp_path / "data")
    folder = Folder.open(tmp_path / "data")
    assert journals.folder_hashes(folder) == hashes
    assert verify_folder(folder) == []


@pytest.fixture
def old_exchange() -> Iterator[Exchange]:
    """An exchange that goes on with the kept data folder."""
    exchange = Exchange(2)
    try:
        journals.unpack(exchange.data)
        exchange.start()
        yield exchange
    finally:
        exchange.close()


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
    old_exchange.stop()
    verified = CliRunner().invoke(cli.main, ["--data", str(old_exchange.data), "verify"])
    assert verified.exit_code == 0, verified.output


def symbols(venue: Venue) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = venue.send("GET", "/fapi/v1/exchangeInfo").ok()["symbols"]
    return listed


def filters(venue: Venue, symbol: str) -> list[str]:
    found = next(row for row in symbols(venue) if row["symbol"] == symbol)
    return [each["filterType"] for each in found["filters"]]  # type: ignore[index]
